"""Whether the packages of a lock fit the declaration, and each other. Pure, offline, quick.

A lock can be current and yet wrong: two branches each move one package, git merges the lines cleanly, and the
image fails at import. So every package records what it requires (`requires`, `depends`), and every verb that uses
a lock checks that the set satisfies it, as the resolver did when it chose the set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Protocol

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from cogfreeze.lock.debian_version import satisfies
from cogfreeze.lock.requirements import markers_of
from cogfreeze.project.python import PROVIDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from cogfreeze.lock.model import Apt, Deb, Lock, Python, Source, Wheel

    Package = Wheel | Source

# Keys and `[index]`es that lead to a place in the lock, as in `consistency`.
Path = tuple[str, ...]

_REQUIREMENT = re.compile(r"([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?(.*)")
_DEPENDENCY = re.compile(r"([a-z0-9.+-]+)(?::([a-z0-9]+))?(?: \((\S+) (\S+)\))?")


class DeclaredLine(Protocol):
    """A line of the declared Python requirements."""

    @property
    def text(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def requirement(self) -> Requirement | None: ...
    @property
    def hashes(self) -> Sequence[str]: ...
    def applies(self, markers: Mapping[str, str]) -> bool:
        """Return whether the line's marker holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two lines that don't fit together.

    Attributes:
        path: the line of the lock that requires something; None where the declaration does.
        where: the declaration's line, `requirements.txt:3`; None where the lock's line requires it.
        requirement: what is required, in words: "`numba` 0.61.0 requires `numpy<2.2`".
        other: the line of the lock that doesn't satisfy it; None where there is none.
        found: what the lock has: "`numpy` 2.4.6", "no `numpy`".
    """

    path: Path | None = None
    where: str | None = None
    requirement: str
    other: Path | None = None
    found: str


def words(clash: Clash, line_of: Callable[[Path], int], name: str) -> str:
    """Return a clash as one sentence that names both lines.

    Args:
        line_of: gives the line of a place in the lock.
        name: the lock's file name.
    """
    where = clash.where or (f"{name}:{line_of(clash.path)}" if clash.path else name)
    has = f"{name}:{line_of(clash.other)}" if clash.other else "the lock"
    return f"{where}: {clash.requirement}, and {has} has {clash.found}"


def clashes(
    lock: Lock,
    requirements: Iterable[DeclaredLine],
    constraints: Iterable[DeclaredLine],
    system: Iterable[str] = (),
) -> Iterator[Clash]:
    """Yield what doesn't fit together, in the order of the lock.

    A lock of schema 1 doesn't record what its packages require: there, only the declaration is checked, and that
    every package that another is said to require is required by one that is there.

    Args:
        requirements: the declared Python requirements. Those that the image provides are left out here.
        constraints: the declared constraints.
        system: the declared system packages: `name`, `name=version`, `name:arch=version`; `*` stands for anything.
    """
    requirements = [line for line in requirements if line.name not in PROVIDED]
    constraints, system = [*constraints], [*system]
    for part in lock.platforms:
        at: Path = ("platforms", part.platform)
        markers = markers_of(part.python.version, part.platform)
        yield from _python(
            part.python,
            (*at, "python"),
            [line for line in requirements if line.applies(markers)],
            [line for line in constraints if line.applies(markers)],
            records=lock.schema >= 2,
        )
        if part.apt:
            yield from _apt(part.apt, (*at, "apt"), system)
        if part.build_apt:
            yield from _apt(part.build_apt, (*at, "build_apt"), ())


def _python(
    python: Python,
    at: Path,
    requirements: Sequence[DeclaredLine],
    constraints: Sequence[DeclaredLine],
    *,
    records: bool,
) -> Iterator[Clash]:
    packages = _Set(python.version, records=records)
    packages.add(python.wheels, (*at, "wheels"))
    packages.add(python.sources, (*at, "sources"))
    yield from packages.declared(requirements, constraints)
    yield from packages.among_themselves({line.name for line in requirements if line.name})
    build = _Set(python.version, records=records)
    build.add(python.build, (*at, "build"))
    roots = set()
    for path, source in packages.entries.values():
        for text in getattr(source, "build_requires", ()):
            roots.add(_parsed(text)[0])
            yield from build.required(text, f"the build of `{source.name}` {source.version} requires", path)
    yield from build.among_themselves(roots if records else {each.name for each in python.build})
    runtime = _Set(python.version, records=False)
    runtime.add(python.runtime, (*at, "runtime"))
    yield from runtime.among_themselves({each.name for each in python.runtime if not each.required_by})


class _Set:
    """The packages of one environment, by name, each with its place in the lock."""

    def __init__(self, python: str, *, records: bool) -> None:
        # `3.11` stands for every 3.11: a package that one of them can run fits.
        self.python = python
        self.pythons = [python] if python.count(".") == 2 else [f"{python}.0", f"{python}.99"]
        self.records = records
        self.entries: dict[str, tuple[Path, Package]] = {}

    def add(self, packages: Sequence[Package], at: Path) -> None:
        for index, each in enumerate(packages):
            self.entries[each.name] = ((*at, f"[{index}]"), each)

    def declared(
        self, requirements: Iterable[DeclaredLine], constraints: Iterable[DeclaredLine]
    ) -> Iterator[Clash]:
        """Hold the packages to the declaration."""
        for line in requirements:
            if line.name is not None:
                yield from self._declared(line, must_exist=True)
        for line in constraints:
            if line.name is not None:
                yield from self._declared(line, must_exist=False)

    def _declared(self, line: DeclaredLine, *, must_exist: bool) -> Iterator[Clash]:
        says = f"`{line.text}` is declared"
        entry = self.entries.get(line.name or "")
        if entry is None:
            if must_exist:
                yield Clash(where=line.where, requirement=says, found=f"no `{line.name}`")
            return
        path, package = entry
        requirement = line.requirement
        if (
            requirement is not None
            and not requirement.url
            and not _fits(str(requirement.specifier), package.version)
        ):
            yield Clash(
                where=line.where, requirement=says, other=path, found=f"`{package.name}` {package.version}"
            )
        elif requirement is not None and (missing := self._missing_extras(requirement.extras, package)):
            yield Clash(where=line.where, requirement=says, other=path, found=missing)
        elif line.hashes and getattr(package, "kind", "sdist") == "sdist" and package.sha256 not in line.hashes:
            yield Clash(
                where=line.where,
                requirement=f"other hashes are declared for `{package.name}`",
                other=path,
                found=f"`{package.file}` with the hash sha256:{package.sha256}",
            )

    def among_themselves(self, roots: set[str]) -> Iterator[Clash]:
        """Hold every package to what the others, and the image's Python, need it to be."""
        requiring: dict[str, set[str]] = {}
        for path, package in self.entries.values():
            wanted = package.requires_python or ""
            if not any(_fits(wanted, each) for each in self.pythons):
                yield Clash(
                    path=path,
                    requirement=f"`{package.name}` {package.version} requires Python {wanted}",
                    found=f"Python {self.python}",
                )
            for text in package.requires:
                requiring.setdefault(_parsed(text)[0], set()).add(package.name)
                yield from self.required(text, f"`{package.name}` {package.version} requires", path)
        for path, package in self.entries.values():
            yield from self._reached(package, path, roots, requiring)

    def required(self, text: str, says: str, path: Path) -> Iterator[Clash]:
        """Hold the packages to one requirement of the lock's line at `path`."""
        name, extras, specifier = _parsed(text)
        entry = self.entries.get(name)
        if entry is None:
            yield Clash(path=path, requirement=f"{says} `{text}`", found=f"no `{name}`")
            return
        other, package = entry
        if not _fits(specifier, package.version):
            yield Clash(
                path=path, requirement=f"{says} `{text}`", other=other, found=f"`{name}` {package.version}"
            )
        elif self.records and (missing := self._missing_extras(extras, package)):
            yield Clash(path=path, requirement=f"{says} `{text}`", other=other, found=missing)

    def _missing_extras(self, wanted: Iterable[str], package: Package) -> str | None:
        missing = sorted({canonicalize_name(each) for each in wanted} - {*package.extras}) if self.records else []
        return f"`{package.name}` without its extra `{missing[0]}`" if missing else None

    def _reached(
        self, package: Package, path: Path, roots: set[str], requiring: Mapping[str, set[str]]
    ) -> Iterator[Clash]:
        """Find a package that nothing requires any more, or not what the lock says."""
        # What came from an address or a path was declared by it, perhaps without a name.
        if package.name in roots or (package.index in ("url", "local") and not package.required_by):
            return
        if not package.required_by and self.records:
            yield Clash(
                path=path,
                requirement=f"`{package.name}` {package.version} is locked",
                found="nothing that requires it",
            )
        for name in package.required_by:
            says = f"`{package.name}` {package.version} is locked as required by `{name}`"
            if name not in self.entries:
                yield Clash(path=path, requirement=says, found=f"no `{name}`")
            elif self.records and name not in requiring.get(package.name, ()):
                yield Clash(
                    path=path,
                    requirement=says,
                    other=self.entries[name][0],
                    found=f"`{name}`, which doesn't require it",
                )


@cache
def _parsed(text: str) -> tuple[str, tuple[str, ...], str]:
    """Take a recorded requirement apart: name, extras, specifier."""
    found = _REQUIREMENT.fullmatch(text)
    assert found is not None  # noqa: S101  # `consistency` has checked it
    return found[1], tuple((found[2] or "").split(",")) if found[2] else (), found[3]


@cache
def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


@cache
def _fits(specifier: str, version: str) -> bool:
    """Return whether a version is in a range. Prereleases are: whether to take one was the resolver's decision."""
    wanted = _specifiers(specifier) if specifier else None
    return wanted is None or wanted.contains(version, prereleases=True)


def _apt(apt: Apt, at: Path, system: Sequence[str]) -> Iterator[Clash]:
    entries = [((*at, "packages", f"[{index}]"), deb) for index, deb in enumerate(apt.packages)]
    by_name: dict[str, list[tuple[Path, Deb]]] = {}
    for entry in entries:
        by_name.setdefault(entry[1].name, []).append(entry)
    for text in system:
        name, _, version = text.partition("=")
        name, _, architecture = name.partition(":")
        # One that isn't there is in the base image.
        for path, deb in by_name.get(name, ()) if version else ():
            if architecture in ("", deb.architecture) and not fnmatchcase(deb.version, version):
                yield Clash(
                    where="build.system_packages",
                    requirement=f"`{text}` is declared",
                    other=path,
                    found=f"`{deb.name}` {deb.version}",
                )
    for at_deb, deb in entries:
        for text in deb.depends:
            yield from _depends(deb, at_deb, text, by_name)
        for name in deb.required_by:
            if name.partition(":")[0] not in by_name:
                yield Clash(
                    path=at_deb,
                    requirement=f"`{deb.name}` {deb.version} is locked as required by `{name}`",
                    found=f"no `{name}`",
                )


def _depends(deb: Deb, path: Path, text: str, by_name: Mapping[str, list[tuple[Path, Deb]]]) -> Iterator[Clash]:
    found = _DEPENDENCY.fullmatch(text)
    assert found is not None  # noqa: S101  # `consistency` has checked it
    name, architecture, operator, version = found.groups()
    says = f"`{deb.name}` {deb.version} depends on `{text}`"
    others = [each for each in by_name.get(name, ()) if architecture in (None, "any", each[1].architecture)]
    if not others:
        yield Clash(path=path, requirement=says, found=f"no `{name}`")
    elif operator and not any(satisfies(other.version, operator, version) for _, other in others):
        at, other = others[0]
        yield Clash(path=path, requirement=says, other=at, found=f"`{other.name}` {other.version}")
