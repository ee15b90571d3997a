"""What changed between two locks, as records. The renderers turn them into text, Markdown, JSON and HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cogfreeze.review.packages import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogfreeze.review.facts import Fact
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
