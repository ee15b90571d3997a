"""What changed between two locks, as values. Pure: nothing here looks at the world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.review.dangers import dangers
from cogfreeze.review.facts import platform_facts, tool_facts
from cogfreeze.review.model import (
    ADDED,
    DOWNGRADED,
    MOVED,
    REBUILT,
    REMOVED,
    UPGRADED,
    DeclaredChange,
    Diff,
    InputChange,
    KindChanges,
    Knowledge,
    Layer,
    LayerChange,
    Layers,
    LicenceChange,
    PackageChange,
    PlatformDiff,
)
from cogfreeze.review.packages import APT, DECLARED, FILE, KINDS, PYTHON, Graph, files, packages
from cogfreeze.review.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.lock.model import InputValue, Lock
    from cogfreeze.review.packages import Package


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
