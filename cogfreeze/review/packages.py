"""A lock as one flat list of packages, whatever they are, and the graph of which package requires which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cogfreeze.lock.model import Deb, Lock, PlatformLock, Source, Wheel

APT, PYTHON, BUILD, SERVER = "apt", "python", "build", "server"
INTERPRETER, SDK, FILE = "interpreter", "sdk", "file"

# What each kind is called in front of a person, in the order in which they are shown.
KINDS = {
    PYTHON: "Python packages",
    APT: "system packages",
    INTERPRETER: "interpreter",
    FILE: "files",
    BUILD: "build tools",
    SERVER: "server packages",
    SDK: "cog SDK",
}
# What Debian adds to a version when it builds a package anew from the same source.
_REBUILD = re.compile(r"\+b\d+$")
# The kinds that a person declares.
DECLARED = (PYTHON, APT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One artifact of a lock.

    Attributes:
        kind: a key of `KINDS`.
        version: as its own world writes versions; for a file, the first digits of its hash.
        form: `deb`, `wheel`, `sdist`, `git`, `local`, `archive` or `file`.
        file: its file name.
        size: bytes of the download.
        origin: the archive's or index's name; for a file, its host.
        architecture: of a .deb.
        url: of a repository or file.
        commit: of a git source.
        hash_origin: `index`, or `computed` where the index gave no hash.
        required_by: names of the packages of the same kind that require it; empty for a declared one.
        place: the keys and `[index]`es that lead to it in cog.lock.
        source, source_version: the Debian source package that a .deb was built from.
        requires: the requirements that hold here, as far as the lock records them (schema 2).
    """

    kind: str
    name: str
    version: str
    form: str
    file: str
    sha256: str
    size: int
    origin: str
    architecture: str | None = None
    url: str | None = None
    commit: str | None = None
    hash_origin: str = "index"
    required_by: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    source: str | None = None
    source_version: str | None = None
    requires: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it in a platform's lock: kind, name and a .deb's architecture."""
        return self.kind, self.name, self.architecture or ""

    @property
    def is_declared(self) -> bool:
        """Whether a person asked for it, and not another package."""
        return self.kind in DECLARED and not self.required_by


def packages(lock: PlatformLock) -> tuple[Package, ...]:
    """Return every package of a platform, in the order of the lock."""
    return tuple(_packages(lock))


def files(lock: Lock) -> tuple[Package, ...]:
    """Return the files that hold for all platforms."""
    return tuple(
        Package(
            kind=FILE,
            name=each.url,
            version=each.sha256[:12],
            form="file",
            file=urlsplit(each.url).path.rpartition("/")[2],
            sha256=each.sha256,
            size=each.size,
            origin=urlsplit(each.url).netloc,
            url=each.url,
            place=("files", f"[{index}]"),
        )
        for index, each in enumerate(lock.files)
    )


def _packages(lock: PlatformLock) -> Iterator[Package]:
    at, python = ("platforms", lock.platform), lock.python
    for index, deb in enumerate(lock.apt.packages if lock.apt else ()):
        yield _deb(deb, (*at, "apt", "packages", f"[{index}]"))
    for index, source in enumerate(python.sources):
        yield _source(source, (*at, "python", "sources", f"[{index}]"))
    for kind, key in ((PYTHON, "wheels"), (BUILD, "build"), (SERVER, "runtime")):
        for index, wheel in enumerate(getattr(python, key)):
            yield _wheel(kind, wheel, (*at, "python", key, f"[{index}]"))
    if python.sdk:
        yield _wheel(SDK, python.sdk, (*at, "python", "sdk"))
    if build := python.interpreter:
        yield Package(
            kind=INTERPRETER,
            name="cpython",
            version=build.release.split("-")[1],
            form="archive",
            file=build.url.rpartition("/")[2],
            sha256=build.sha256,
            size=build.size,
            origin="python",
            hash_origin=build.hash_origin,
            place=(*at, "python", "interpreter"),
        )


def _deb(deb: Deb, place: tuple[str, ...]) -> Package:
    return Package(
        kind=APT,
        name=deb.name,
        version=deb.version,
        form="deb",
        file=deb.path.rpartition("/")[2],
        sha256=deb.sha256,
        size=deb.size,
        origin=deb.archive,
        architecture=deb.architecture,
        required_by=deb.required_by,
        # A lock of schema 1 doesn't record it, yet a pool's folders are named for source packages.
        source=deb.source or _pool_folder(deb.path) or deb.name,
        source_version=deb.source_version or _REBUILD.sub("", deb.version),
        requires=deb.depends,
        place=place,
    )


def _pool_folder(path: str) -> str | None:
    """Return `mesa` of `pool/main/m/mesa/libgl1_1_amd64.deb`."""
    parts = path.split("/")
    return parts[-2] if parts[0] == "pool" and len(parts) >= 5 else None


def _wheel(kind: str, wheel: Wheel, place: tuple[str, ...]) -> Package:
    return Package(
        kind=kind,
        name=wheel.name,
        version=wheel.version,
        form="wheel",
        file=wheel.file,
        sha256=wheel.sha256,
        size=wheel.size,
        origin=wheel.index,
        hash_origin=wheel.hash_origin,
        required_by=wheel.required_by,
        requires=wheel.requires,
        place=place,
    )


def _source(source: Source, place: tuple[str, ...]) -> Package:
    return Package(
        kind=PYTHON,
        name=source.name,
        version=source.version,
        form=source.kind,
        file=source.file,
        sha256=source.sha256,
        size=source.size,
        origin=source.index,
        url=source.url,
        commit=source.commit,
        required_by=source.required_by,
        requires=source.requires,
        place=place,
    )


class Graph:
    """Which package of one kind requires which. Cycles are fine.

    Attributes:
        packages: by name; a .deb of two architectures counts once.
        requires: name → the names that it requires, sorted.
    """

    def __init__(self, members: Iterable[Package]) -> None:
        self.packages: dict[str, Package] = {}
        for each in members:
            self.packages.setdefault(each.name, each)
        self.requires: dict[str, list[str]] = {name: [] for name in self.packages}
        for name in sorted(self.packages):
            for parent in self.packages[name].required_by:
                if parent in self.requires:
                    self.requires[parent].append(name)
        self._roots: dict[str, tuple[str, ...]] = {}

    @property
    def roots(self) -> tuple[str, ...]:
        """The packages that no other requires, sorted."""
        return tuple(sorted(name for name, each in self.packages.items() if not each.required_by))

    def roots_of(self, name: str) -> tuple[str, ...]:
        """Return the declared packages because of which a package is here, sorted; itself for a declared one."""
        if name not in self._roots:
            found = {each for each in self._above(name) if not self.packages[each].required_by}
            self._roots[name] = tuple(sorted(found))
        return self._roots[name]

    def _above(self, name: str) -> set[str]:
        seen, waiting = {name}, [name]
        while waiting:
            for parent in self.packages[waiting.pop()].required_by:
                if parent in self.packages and parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    def paths_to(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return the shortest way from each root to a package: `("torchvision", "pillow")`; sorted by root."""
        came_from: dict[str, str | None] = {name: None}
        waiting = [name]
        for current in waiting:
            for parent in sorted(self.packages[current].required_by):
                if parent in self.packages and parent not in came_from:
                    came_from[parent] = current
                    waiting.append(parent)
        return tuple(_path(root, came_from) for root in self.roots_of(name))


def _path(root: str, came_from: Mapping[str, str | None]) -> tuple[str, ...]:
    path, at = [root], came_from[root]
    while at is not None:
        path.append(at)
        at = came_from[at]
    return tuple(path)
