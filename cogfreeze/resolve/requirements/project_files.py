"""The project's own files that a lock pins: local wheels, archives and source folders. Has one of them changed?"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cogfreeze.errors import ResolveError
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, Source
    from cogfreeze.resolve.requirements.declared import Declared

_LEFT_OUT = frozenset({".git", ".hg", ".venv", "__pycache__", ".cog"})


def changed_files(lock: Lock, declared: Declared, folder: Path) -> tuple[str, ...]:
    """Return one sentence for each file or folder of the project that is no longer what was locked.

    What is missing is not told here: reading the declaration says so.

    Args:
        folder: the project's.
    """
    reasons: dict[str, None] = {}
    for part in lock.platforms:
        for source in part.python.sources:
            if source.kind == "local" and _has_changed(source, folder):
                reasons[f"the folder `{source.path}` of `{source.name}` has changed"] = None
        local = {each.file: each.sha256 for each in part.python.wheels if each.index == "local"}
        local |= {
            each.file: each.sha256 for each in part.python.sources if (each.kind, each.index) == ("sdist", "local")
        }
        for path in _declared_files(declared, folder) if local else ():
            if path.name in local and path.is_file() and _sha256(path) != local[path.name]:
                reasons[f"the file `{_below(path, folder)}` has changed"] = None
    return tuple(reasons)


def _has_changed(source: Source, folder: Path) -> bool:
    path = folder / (source.path or ".")
    try:
        data = pack(path, f"{source.name}-{source.version}")
    except (OSError, ResolveError):
        return path.exists()
    return hashlib.sha256(data).hexdigest() != source.sha256


def _declared_files(declared: Declared, folder: Path) -> Iterator[Path]:
    """Yield the files that requirement lines name, and those of `--find-links` folders."""
    for line in declared.requirements:
        address = line.requirement.url if line.requirement else line.text
        if address and (path := local_path(address, folder)) is not None:
            yield path
    for place in declared.options.find_links:
        path = Path(unquote(urlsplit(place).path)) if place.startswith("file:") else folder / place
        if "://" not in place.removeprefix("file://") and path.is_dir():
            yield from sorted(path.iterdir())


def local_path(address: str, folder: Path) -> Path | None:
    """Return the path that an address or bare line of a requirement names; None for one elsewhere."""
    address = address.partition(" ;")[0].partition("#")[0].strip()
    if address.startswith("file:"):
        path = unquote(urlsplit(address).path)
    elif "://" in address or ("+" in address.partition(":")[0] and ":" in address):
        return None
    else:
        path = address
    return folder / path


def _below(path: Path, folder: Path) -> str:
    resolved, base = path.resolve(), folder.resolve()
    return shown(resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path, top: str) -> bytes:
    """Return a folder as a zip, the same bytes whoever makes it: sorted, with fixed modes and times.

    Not compressed: what compresses differs from machine to machine. A link becomes the file that it leads to.

    Raises:
        ResolveError: a link leads out of the folder, or nowhere.
    """
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
                raise ResolveError(
                    f"`{shown(name)}` in the source of `{top}` is not a file below it",
                    hint="remove it there, or replace the link by the file",
                )
            member = zipfile.ZipInfo(f"{top}/{name}")  # 1980, the first year that a zip file can hold
            member.create_system = 3
            member.external_attr = (stat.S_IFREG | (0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)) << 16
            archive.writestr(member, path.read_bytes())
    return output.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        if path.name in _LEFT_OUT or path.name.endswith(".egg-info"):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path
