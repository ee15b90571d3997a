"""Other tools' lock files as requirement lines: what they pin, for the images that there can be.

A lock of uv's or a pylock.toml speaks of every platform. What it says of others than Linux, or of another Python
than the image's, would only fill the lines: what is left needs no marker but that of a machine.
"""

from __future__ import annotations

import posixpath
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cogfreeze.grammar import SHA256, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.markers import Marker
    from packaging.pylock import Package

MACHINES = ("x86_64", "aarch64")
_MINORS = range(8, 15)


class Unusable(Exception):  # becomes a ProjectError where the file is known
    """A file says nothing that can be locked.

    Attributes:
        message: what is wrong, as a sentence about the file.
        hint: what to do.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package of a lock file.

    Attributes:
        requirement: `name==version`, or a place.
        files: each file's name, and its hash as `sha256:…` where the lock has it.
        machines: those of `MACHINES` that it is for.
    """

    requirement: str
    files: tuple[tuple[str, str | None], ...]
    machines: tuple[str, ...]

    def line(self, python: str) -> str:
        """Return the requirement line, with the hashes of the files that can be meant."""
        marker = "" if self.machines == MACHINES else f' ; platform_machine == "{self.machines[0]}"'
        hashes = [digest for file, digest in self.files if digest and _may_suit(file, python)]
        return " ".join([f"{self.requirement}{marker}", *(f"--hash={each}" for each in sorted({*hashes}))])

    @property
    def hashed(self) -> bool:
        """Say whether every file has a hash."""
        return all(digest and SHA256.accepts(digest.removeprefix("sha256:")) for _, digest in self.files)


def pin_lines(pins: Sequence[Pin], python: str) -> list[str]:
    """Return the lines of pins; where all have hashes, nothing without one may come in."""
    every = bool(pins) and all(each.hashed and each.files for each in pins)
    return [*(["--require-hashes"] if every else []), *(each.line(python) for each in pins)]


def pylock_lines(text: str, folder: str, python: str) -> list[str]:
    """Return the packages of a pylock.toml as requirement lines.

    Args:
        folder: the file's, relative to the project's; paths start there.
        python: the image's, `3.11`.

    Raises:
        Unusable: it is none, or not for that Python on Linux.
    """
    from packaging.pylock import Pylock, PylockValidationError

    try:
        lock = Pylock.from_dict(table(text))
    except PylockValidationError as error:
        raise Unusable(
            f"it is not a valid pylock.toml: {error}", "lock again with the tool that made it"
        ) from None
    require_python(str(lock.requires_python or ""), python)
    groups = frozenset(lock.default_groups or ())
    if lock.environments and not any(machines(each, python) for each in lock.environments):
        raise Unusable(f"none of its `environments` is for Linux with Python {python}", "lock for Linux too")
    pins = []
    indexes = []
    for each in lock.packages:
        if not (meant := machines(each.marker, python, groups)):
            continue
        pins.append(Pin(requirement=_requirement(each, folder), files=_files(each), machines=meant))
        if each.index and each.version and each.version.local:
            indexes.append(f"--extra-index-url {each.index}")
    # A version of a local build is on no common index; the others are the machine's affair.
    return [*dict.fromkeys(indexes), *pin_lines(pins, python)]


def table(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        Unusable: it is none.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable(f"it is not valid TOML: {error}") from None


def require_python(wanted: str, python: str) -> None:
    """Refuse a file that is not for the image's Python.

    Raises:
        Unusable: it is not.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    # `3.11` stands for every 3.11.
    versions = [python] if python.count(".") == 2 else [f"{python}.0", f"{python}.99"]
    try:
        if any(SpecifierSet(wanted).contains(each) for each in versions):
            return
    except InvalidSpecifier:
        raise Unusable(f"`{shown(wanted)}` is not a Python version specifier") from None
    raise Unusable(f"it is for Python {wanted}, and the image has {python}", "set `build.python_version`")


def situations(marker: str | None) -> tuple[bool, ...] | str:
    """Return whether a marker holds, for every Python and machine that an image can have.

    Two markers mean the same for an image if these are equal. One that can't be read is returned as it is.
    """
    from packaging.markers import InvalidMarker

    try:
        parsed = _marker(marker) if marker else None
    except InvalidMarker:
        return marker or ""
    return tuple(_holds(parsed, _environment(f"3.{minor}", machine)) for minor in _MINORS for machine in MACHINES)


def machines(marker: Marker | str | None, python: str, groups: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the machines on which a marker holds for that Python.

    Raises:
        Unusable: it can't be read.
    """
    from packaging.markers import InvalidMarker

    try:
        parsed = _marker(marker) if isinstance(marker, str) else marker
    except InvalidMarker:
        raise Unusable(f"`{shown(str(marker))}` is not a valid marker") from None
    return tuple(each for each in MACHINES if _holds(parsed, _environment(python, each), groups))


@lru_cache(maxsize=256)
def _marker(text: str) -> Marker:
    from packaging.markers import Marker

    return Marker(text)


def _holds(marker: Marker | None, environment: dict[str, str], groups: frozenset[str] = frozenset()) -> bool:
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    if marker is None:
        return True
    whole: Any = {**environment, "extras": frozenset(), "dependency_groups": groups, "extra": ""}
    try:
        return marker.evaluate(whole, context="lock_file")
    except (UndefinedEnvironmentName, UndefinedComparison):
        return True


def _environment(python: str, machine: str) -> dict[str, str]:
    full = python if python.count(".") == 2 else f"{python}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(full.split(".")[:2]),
        "sys_platform": "linux",
    }


def _may_suit(file: str, python: str) -> bool:
    """Say whether a file can be the one for an image: an sdist, or a wheel for that Python on Linux."""
    if not file.endswith(".whl"):
        return True
    _, interpreters, abis, platforms = ("---" + file.removesuffix(".whl")).rsplit("-", 3)
    own = "".join(python.split(".")[:2])
    runs = any(each.startswith("py3") or each == f"cp{own}" for each in interpreters.split(".")) or abis == "abi3"
    return runs and any(
        each == "any" or ("linux" in each and "musl" not in each and each.endswith(MACHINES))
        for each in platforms.split(".")
    )


def _requirement(package: Package, folder: str) -> str:
    if vcs := package.vcs:
        below = f"#subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
        place = vcs.url or beside(folder, vcs.path or "")
        return f"{package.name} @ {vcs.type}+{place}@{vcs.commit_id}{below}"
    if package.directory:
        return f"{package.name} @ {beside(folder, package.directory.path)}"
    if archive := package.archive:
        below = f"#subdirectory={archive.subdirectory}" if archive.subdirectory else ""
        return f"{package.name} @ {archive.url or beside(folder, archive.path or '')}{below}"
    if package.version is None:
        raise Unusable(f"`{shown(package.name)}` has no version", "lock again with the tool that made it")
    return f"{package.name}=={package.version}"


def beside(folder: str, path: str) -> str:
    """Return a path that starts in `folder` as one that starts at the project's folder."""
    path = posixpath.normpath(posixpath.join(folder, path))
    return path if path.startswith(("/", "../")) else f"./{path}"


def _files(package: Package) -> tuple[tuple[str, str | None], ...]:
    found: Iterable[Any] = [*(package.wheels or ()), *filter(None, [package.sdist, package.archive])]
    return tuple((_file_name(each), _hash(each.hashes)) for each in found)


def _hash(hashes: Mapping[str, str]) -> str | None:
    """Return a file's SHA-256 or, for the reader of lines to refuse, what it has in its place."""
    kinds = ["sha256", *sorted(hashes)]
    return next((f"{kind}:{hashes[kind]}" for kind in kinds if kind in hashes), None)


def _file_name(file: Any) -> str:
    return posixpath.basename(getattr(file, "name", None) or file.url or file.path or "")
