"""The cache of this machine: what is in it, how large it is, and removing what is not used.

One folder holds all of it, uv's cache too. An environment or a set of unpacked packages is in use while a process
holds a shared lock on the `.use` file beside it, whose time is that of its last use. A run holds a shared lock on
the whole cache. Only names that the cache itself makes are ever removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cogfreeze.errors import CogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.settings import Settings

DAY = 24 * 60 * 60
_HEX = r"[0-9a-f]{16,64}"
_WHOLE = ".in-use"
# Locks of this process. They last as long as it does, and as the server that takes its place.
_held: list[IO[str]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One folder of the cache.

    Attributes:
        folder: its path in the cache.
        meaning: what it holds.
        names: the names of what may be removed.
        in_use: a `.use` file beside each entry says whether it is in use.
        by_time: an entry is unused if nobody has read it for long.
    """

    folder: str
    meaning: str
    names: re.Pattern[str]
    in_use: bool = False
    by_time: bool = False


PARTS = (
    Part(folder="envs", meaning="environments of --local", names=re.compile(_HEX), in_use=True),
    Part(
        folder="system",
        meaning="system packages of --local",
        names=re.compile(rf"{_HEX}(-{_HEX})?"),
        in_use=True,
    ),
    Part(folder="sha256", meaning="downloaded files", names=re.compile(_HEX), by_time=True),
    Part(folder="uv", meaning="uv's cache", names=re.compile(r"[A-Za-z0-9._-]+")),
    Part(folder="python", meaning="Python interpreters", names=re.compile(r"\.[a-z]+|[a-z]+-[A-Za-z0-9._+-]+")),
    Part(folder="pip", meaning="pip's cache", names=re.compile(r"[A-Za-z0-9._-]+")),
    Part(folder="wheels", meaning="metadata of wheels", names=re.compile(r"[a-z0-9-]+")),
    Part(folder="debs", meaning="file lists of Debian packages", names=re.compile(r"[A-Za-z0-9._-]+")),
    Part(folder="images", meaning="package lists of base images", names=re.compile(rf"{_HEX}\.json")),
    Part(folder="layers", meaning="layers of base images", names=re.compile(rf"{_HEX}\.json")),
    Part(folder="runtime", meaning="the server and SDK of --local", names=re.compile(_HEX)),
    Part(folder="schemas", meaning="OpenAPI documents", names=re.compile(rf"{_HEX}\.json")),
    Part(folder="osv", meaning="known vulnerabilities", names=re.compile(r"[A-Za-z0-9._-]+")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was removed.

    Attributes:
        entries: how many environments, files, ….
        size: bytes.
        kept: paths that are in use.
    """

    entries: int
    size: int
    kept: tuple[Path, ...] = ()


def hold(settings: Settings) -> None:
    """Keep others from cleaning the cache for as long as this process, or what takes its place, runs."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    _hold(settings.cache / _WHOLE)


def use(entry: Path) -> None:
    """Keep others from pruning one entry for as long as this process runs, and note that it is used now."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    _hold(_use_file(entry))
    os.utime(_use_file(entry))


def _hold(path: Path) -> None:
    file = path.open("a")  # closed at the end of the process
    fcntl.flock(file, fcntl.LOCK_SH)
    os.set_inheritable(file.fileno(), True)
    _held.append(file)


def _use_file(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.use")


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Try to hold a file's lock alone; give whether that succeeded."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def sizes(settings: Settings) -> list[tuple[Part, int]]:
    """Return the parts that exist, each with the bytes that it takes on disk."""
    folders = [(part, settings.cache / part.folder) for part in PARTS]
    return [(part, size_of(folder)) for part, folder in folders if folder.is_dir()]


def size_of(path: Path) -> int:
    """Return the bytes that a file or folder takes on disk, each hard link counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for each in (path, *path.rglob("*")):
        with suppress(OSError):
            stat = each.lstat()
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                total += stat.st_blocks * 512
    return total


def prune(settings: Settings, *, days: float, now: float | None = None) -> Removed:
    """Remove what nobody has used for some days: environments first, then downloaded files.

    Everything can be made or fetched again. Safe beside other runs: what is in use stays.
    """
    before = (time.time() if now is None else now) - days * DAY
    removed: list[Removed] = []
    for part in PARTS:
        for entry in _entries(settings, part):
            if part.in_use and _last_use(entry) < before:
                removed.append(_remove_unused(entry))
            elif part.by_time and _last_read(entry) < before:
                removed.append(_remove(entry))
    return _sum(removed)


def clean(settings: Settings) -> Removed:
    """Remove everything that the cache holds.

    Raises:
        CogError: another run uses the cache.
    """
    if not settings.cache.is_dir():
        return Removed(entries=0, size=0)
    with _alone(settings.cache / _WHOLE) as alone:
        if not alone:
            raise CogError(
                "another run of cog is using the cache",
                where=str(settings.cache),
                hint="wait until it ends; `cog cache prune` removes what is not in use",
            )
        removed = [_remove(entry) for part in PARTS for entry in _entries(settings, part)]
        for part in PARTS:
            for left in (settings.cache / part.folder).glob("*"):
                if left.suffix in (".use", ".lock") and part.names.fullmatch(left.stem):
                    left.unlink(missing_ok=True)
            with suppress(OSError):  # not there, or it holds something that is not the cache's
                (settings.cache / part.folder).rmdir()
    return _sum(removed)


def _entries(settings: Settings, part: Part) -> list[Path]:
    folder = settings.cache / part.folder
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(each for each in folder.iterdir() if part.names.fullmatch(each.name))


def _last_use(entry: Path) -> float:
    file = _use_file(entry)
    return (file if file.exists() else entry).stat().st_mtime


def _last_read(entry: Path) -> float:
    stats = [each.stat() for each in entry.glob("*")] or [entry.stat()]
    return max(max(each.st_atime, each.st_mtime) for each in stats)


def _remove_unused(entry: Path) -> Removed:
    """Remove an entry, unless a process uses or makes it."""
    with _alone(_use_file(entry)) as unused, _alone(entry.with_suffix(".lock")) as unmade:
        if not (unused and unmade):
            return Removed(entries=0, size=0, kept=(entry,))
        return _remove(entry)


def _remove(entry: Path) -> Removed:
    size = size_of(entry)
    if entry.is_dir() and not entry.is_symlink():
        # Out of the way first, so that nobody finds half of it.
        gone = entry.with_name(f".{entry.name}.removed.{os.getpid()}")
        entry.rename(gone)
        shutil.rmtree(gone, onerror=_writable)
    else:
        entry.unlink(missing_ok=True)
    return Removed(entries=1, size=size)


def _writable(function: object, path: str, _error: object) -> None:
    """Remove what a read-only folder holds; its owner may."""
    Path(path).parent.chmod(0o700)
    if callable(function):
        function(path)


def _sum(removed: list[Removed]) -> Removed:
    return Removed(
        entries=sum(each.entries for each in removed),
        size=sum(each.size for each in removed),
        kept=tuple(path for each in removed for path in each.kept),
    )
