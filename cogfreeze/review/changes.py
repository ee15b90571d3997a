"""What changed between two locks, as values. Pure: the renderers turn it into text, Markdown, JSON and HTML."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cogfreeze.review.facts import Fact, platform_facts, tool_facts
from cogfreeze.review.packages import APT, DECLARED, FILE, KINDS, PYTHON, Graph, files, packages
from cogfreeze.review.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.lock.model import InputValue, Lock
    from cogfreeze.review.packages import Package

ADDED, REMOVED, UPGRADED, DOWNGRADED = "added", "removed", "upgraded", "downgraded"
# The same version in other bytes; the same bytes from elsewhere.
REBUILT, MOVED = "rebuilt", "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package that differs.

    Attributes:
        what: `ADDED`, `REMOVED`, `UPGRADED`, `DOWNGRADED`, `REBUILT` or `MOVED`.
        because: the declared packages that it is here for; empty for a declared one.
    """

    what: str
    before: Package | None
    after: Package | None
    because: tuple[str, ...] = ()

    @property
    def package(self) -> Package:
        """The package as it is now, or as it was where it is gone."""
        found = self.after or self.before
        assert found is not None  # noqa: S101  # one of them is always there
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredChange:
    """A declared package, and what it pulled along.

    Attributes:
        change: None where only what it requires changed.
    """

    name: str
    change: PackageChange | None
    pulled: tuple[PackageChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KindChanges:
    """All changes of one kind of package."""

    kind: str
    declared: tuple[DeclaredChange, ...]

    @property
    def title(self) -> str:
        return KINDS[self.kind]

    @property
    def all(self) -> tuple[PackageChange, ...]:
        """Every change once, in the order shown."""
        found: dict[tuple[str, str, str], PackageChange] = {}
        for each in self.declared:
            for change in (*([each.change] if each.change else []), *each.pulled):
                found.setdefault(change.package.key, change)
        return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChange:
    """One key of the declaration. Values are shown as lists of words; a scalar has one."""

    key: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of the image, as far as the lock decides it.

    Attributes:
        content: what is in it; the layer is rebuilt and pushed when this changes.
        size: bytes to download for it; None where the lock doesn't say.
    """

    name: str
    content: frozenset[str]
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """A layer that is rebuilt and pushed; `before` is None for a new one."""

    name: str
    before: Layer | None
    after: Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """What a reviewer has to look at before anything else.

    Attributes:
        rule: its name, for JSON and for tests.
        platform: None where it holds for all.
        subject: what it is about: `numpy 2.4.6`.
        message: one sentence on what is odd; `detail` the values, one line.
        place: the keys and `[index]`es that lead to it in the newer lock.
    """

    rule: str
    platform: str | None
    subject: str
    message: str
    detail: str = ""
    place: tuple[str, ...] = ("inputs",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformDiff:
    """One platform.

    Attributes:
        status: `changed`, `added` or `removed`.
        facts: base image, Python, CUDA, snapshot and so on, those that changed.
        size: bytes of all downloads, before and after.
        layers: those that are rebuilt and pushed; None where nobody said what the layers are.
        all_layers: the image's layers after the change.
    """

    platform: str
    status: str
    facts: tuple[Fact, ...]
    kinds: tuple[KindChanges, ...]
    size: tuple[int, int]
    layers: tuple[LayerChange, ...] | None = None
    all_layers: int = 0

    @property
    def changes(self) -> tuple[PackageChange, ...]:
        return tuple(change for kind in self.kinds for change in kind.all)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A known vulnerability that came or went."""

    id: str
    platform: str
    package: str
    version: str
    severity: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What only the world knows of the packages of two locks; empty where nobody asked it.

    Attributes:
        licences: by sha256.
        startup_files: by sha256: files that Python runs at every start.
        introduced, fixed: advisories; None where nobody looked for any.
    """

    licences: Mapping[str, str] = field(default_factory=dict)
    startup_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    introduced: tuple[Advisory, ...] | None = None
    fixed: tuple[Advisory, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceChange:
    """A package whose licence changed, or a new package's licence (`before` is None)."""

    platform: str
    package: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All differences between two locks.

    Attributes:
        before, after: what was compared, in words: `cog.lock at main`.
        is_first: there was no lock before.
        tools: versions of cogfreeze, uv, the recipe and the frontend that changed.
        introduced, fixed: None where nobody looked for advisories.
    """

    before: str
    after: str
    is_first: bool = False
    dangers: tuple[Danger, ...] = ()
    inputs: tuple[InputChange, ...] = ()
    tools: tuple[Fact, ...] = ()
    files: tuple[PackageChange, ...] = ()
    platforms: tuple[PlatformDiff, ...] = ()
    licences: tuple[LicenceChange, ...] = ()
    introduced: tuple[Advisory, ...] | None = None
    fixed: tuple[Advisory, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the locks are the same."""
        return not (self.inputs or self.tools or self.files or self.platforms)


Layers = dict[str, tuple[Layer, ...]]


def diff(
    before: Lock | None,
    after: Lock,
    *,
    names: tuple[str, str] = ("before", "after"),
    layers: tuple[Layers, Layers] | None = None,
    knowledge: Knowledge | None = None,
) -> Diff:
    """Return what changed.

    Args:
        before: None where there was no lock.
        names: what the two are called.
        layers: each platform's layers, before and after.
        knowledge: licences, start-up files and advisories, where somebody asked for them.
    """
    from cogfreeze.review.dangers import dangers

    knowledge = knowledge or Knowledge()
    platforms = tuple(_platforms(before, after, layers))
    found = Diff(
        before=names[0],
        after=names[1],
        is_first=before is None,
        inputs=_inputs(dict(before.inputs) if before else {}, dict(after.inputs)),
        tools=tool_facts(before.tools if before else None, after.tools),
        files=_package_changes(files(before) if before else (), files(after)),
        platforms=platforms,
        licences=tuple(_licences(platforms, knowledge.licences)),
        introduced=knowledge.introduced,
        fixed=knowledge.fixed,
    )
    if before is None:
        return found
    return replace(found, dangers=tuple(dangers(before, after, found, knowledge)))


def _inputs(was: Mapping[str, InputValue], now: Mapping[str, InputValue]) -> tuple[InputChange, ...]:
    found = []
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) == now.get(key):
            continue
        old, new = _words(was.get(key)), _words(now.get(key))
        added = tuple(word for word in new if word not in old)
        removed = tuple(word for word in old if word not in new)
        found.append(InputChange(key=key, added=added, removed=removed))
    return tuple(found)


def _words(value: InputValue | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return value
    return (str(value).lower() if isinstance(value, bool) else str(value),)


def _platforms(before: Lock | None, after: Lock, layers: tuple[Layers, Layers] | None) -> Iterable[PlatformDiff]:
    was = {each.platform: each for each in before.platforms} if before else {}
    now = {each.platform: each for each in after.platforms}
    for name in sorted(was.keys() | now.keys()):
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        old_packages = packages(old) if old else ()
        new_packages = packages(new) if new else ()
        changed, count = None, 0
        if layers and new:
            count = len(layers[1].get(name, ()))
            changed = _layer_changes(layers[0].get(name, ()), layers[1].get(name, ()))
        yield PlatformDiff(
            platform=name,
            status="added" if old is None else "removed" if new is None else "changed",
            facts=platform_facts(old, new),
            kinds=tuple(_kinds(old_packages, new_packages)),
            size=(sum(each.size for each in old_packages), sum(each.size for each in new_packages)),
            layers=changed,
            all_layers=count,
        )


def _kinds(was: tuple[Package, ...], now: tuple[Package, ...]) -> Iterable[KindChanges]:
    for kind in KINDS:
        before = tuple(each for each in was if each.kind == kind)
        after = tuple(each for each in now if each.kind == kind)
        graphs = Graph(before), Graph(after)
        changes = _package_changes(before, after, graphs)
        if changes:
            declared = _by_declared(changes) if kind in DECLARED else _ungrouped(changes)
            yield KindChanges(kind=kind, declared=declared)


def _package_changes(
    was: tuple[Package, ...], now: tuple[Package, ...], graphs: tuple[Graph, Graph] | None = None
) -> tuple[PackageChange, ...]:
    before, after = {each.key: each for each in was}, {each.key: each for each in now}
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        what = _what(old, new)
        if what is None:
            continue
        because: tuple[str, ...] = ()
        package = new or old
        if graphs and package and package.required_by:
            because = graphs[1 if new else 0].roots_of(package.name)
        found.append(PackageChange(what=what, before=old, after=new, because=because))
    return tuple(found)


def _what(old: Package | None, new: Package | None) -> str | None:
    """Say how a package changed; None for one that is the same but for who requires it."""
    if old is None:
        return ADDED
    if new is None:
        return REMOVED
    if old.version != new.version and new.kind != FILE:
        return DOWNGRADED if is_older(new.version, old.version, debian=new.kind == APT) else UPGRADED
    if (old.sha256, old.file) != (new.sha256, new.file):
        # A commit is a version too, of a package whose own version nobody raises.
        return UPGRADED if old.commit != new.commit else REBUILT
    same = all(
        getattr(old, key) == getattr(new, key)
        for key in ("size", "origin", "url", "commit", "hash_origin", "form")
    )
    return None if same else MOVED


def _ungrouped(changes: tuple[PackageChange, ...]) -> tuple[DeclaredChange, ...]:
    return tuple(DeclaredChange(name=each.package.name, change=each) for each in changes)


def _by_declared(changes: tuple[PackageChange, ...]) -> tuple[DeclaredChange, ...]:
    """Set what was pulled along below a declared package that changed, or else below one that didn't."""
    own = {each.package.name: each for each in changes if not each.because}
    pulled: dict[str, list[PackageChange]] = {}
    for each in changes:
        if each.because:
            root = next((name for name in each.because if name in own), each.because[0])
            pulled.setdefault(root, []).append(each)
    names = (*sorted(own), *sorted(pulled.keys() - own.keys()))
    return tuple(
        DeclaredChange(name=name, change=own.get(name), pulled=tuple(pulled.get(name, ()))) for name in names
    )


def _layer_changes(was: tuple[Layer, ...], now: tuple[Layer, ...]) -> tuple[LayerChange, ...]:
    before = {each.name: each for each in was}
    known = {each.content for each in was}
    return tuple(
        LayerChange(name=each.name, before=before.get(each.name), after=each)
        for each in now
        if each.content not in known
    )


def _licences(platforms: Iterable[PlatformDiff], known: Mapping[str, str]) -> Iterable[LicenceChange]:
    for platform in platforms:
        for change in platform.changes:
            if change.after is None or (after := known.get(change.after.sha256)) is None:
                continue
            before = known.get(change.before.sha256) if change.before else None
            if after != before and (before is not None or change.what == ADDED):
                name = f"{change.after.name} {change.after.version}"
                yield LicenceChange(platform=platform.platform, package=name, before=before, after=after)


def wheels_changed(found: Diff) -> tuple[tuple[Package | None, Package], ...]:
    """Return the wheels that are new or other than before, each with what it was."""
    return tuple(
        (each.before if each.before and each.before.form == "wheel" else None, each.after)
        for platform in found.platforms
        for each in platform.changes
        if each.after and each.after.form == "wheel" and each.after.kind == PYTHON
    )
