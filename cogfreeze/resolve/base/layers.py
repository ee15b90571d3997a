"""Reads the files of an image that locking needs from its layers, without an engine.

Layers are read from the top, each whole and hashed, and only as far down as needed. Results are cached by the
layer's digest.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import tarfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from cogfreeze import atomic
from cogfreeze.errors import ResolveError
from cogfreeze.resolve.base.registry import wrong_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import requests

    from cogfreeze.report import Report
    from cogfreeze.resolve.base.registry import Repository
    from cogfreeze.settings import Settings

STATUS = "var/lib/dpkg/status"
STATUS_FOLDER = "var/lib/dpkg/status.d"
OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
# A symbolic link: its target is kept in place of its contents.
PYTHON_PATH = "usr/local/bin/python3"
WANTED = (STATUS, *OS_RELEASE, PYTHON_PATH)
# Version of the cache's format.
_FORMAT = 3
_LARGEST = 64 << 20
# What reading a broken tar file may raise.
UNREADABLE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Layer:
    """The wanted files of one layer, and the paths that it hides in the layers below."""

    files: Mapping[str, str]
    hides: Sequence[str]


def read(
    repository: Repository,
    layers: Sequence[Mapping[str, Any]],
    enough: Callable[[Mapping[str, str]], bool],
    settings: Settings,
    report: Report,
) -> dict[str, str]:
    """Return the image's wanted files by path; reading stops when `enough` says so.

    Args:
        layers: the manifest's descriptors, lowest first.

    Raises:
        IntegrityError: a layer's bytes do not match its digest.
        ResolveError: a layer's compression is not supported here.
        NetworkError: a layer can't be fetched.
    """
    found: dict[str, str] = {}
    hidden: list[str] = []
    for descriptor in reversed(layers):
        layer = _layer(repository, descriptor, settings, report)
        for path, text in layer.files.items():
            if path not in found and not _is_below(path, hidden):
                found[path] = text
        if enough(found):
            break
        hidden += layer.hides
    return found


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _layer(repository: Repository, descriptor: Mapping[str, Any], settings: Settings, report: Report) -> Layer:
    digest = str(descriptor.get("digest", ""))
    kept = settings.cache / "layers" / f"{digest.removeprefix('sha256:')}.json"
    if (layer := _kept(kept)) is None:
        with report.step("reading a layer of the base image", int(descriptor.get("size", 0)) or None) as advance:
            layer = _fetch(repository, digest, advance)
        kept.parent.mkdir(parents=True, exist_ok=True)
        content = {"format": _FORMAT, "files": layer.files, "hides": layer.hides}
        atomic.write(kept, json.dumps(content).encode())
    return layer


def _kept(path: Path) -> Layer | None:
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            return None
        return Layer(files=content["files"], hides=content["hides"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fetch(repository: Repository, digest: str, advance: Callable[[int], None]) -> Layer:
    with repository.open(digest) as (answer, reference):
        stream = _Hashed(answer, advance)
        try:
            layer = scan(cast("IO[bytes]", stream))
            while stream.read(1 << 20):
                pass
        except UNREADABLE as error:
            # Wrong bytes are the more likely and more serious reason.
            while stream.read(1 << 20):
                pass
            if stream.digest() == digest:
                raise ResolveError(
                    f"a layer of `{reference.name}` can't be read: {error}",
                    hint="layers compressed with zstd need Python 3.14; choose another tag of the image",
                ) from None
            raise wrong_blob(reference, digest) from None
    if stream.digest() != digest:
        raise wrong_blob(reference, digest)
    return layer


class _Hashed:
    """A response's body, hashed as it is read."""

    def __init__(self, answer: requests.Response, advance: Callable[[int], None]) -> None:
        self._pieces = answer.iter_content(1 << 18)
        self._rest = b""
        self._hash = hashlib.sha256()
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._hash.update(piece)
            self._advance(len(piece))
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()


def scan(stream: IO[bytes], *, below: str = "") -> Layer:
    """Return the wanted files of a tar file, compressed or not.

    Args:
        below: the folder that its paths are relative to; empty for the image's root.

    Raises:
        UNREADABLE: it is broken.
    """
    files: dict[str, str] = {}
    hides: list[str] = []
    with tarfile.open(fileobj=stream, mode="r|*", bufsize=1 << 20) as archive:
        for member in archive:
            path = f"{below}/{member.name.removeprefix('./')}".strip("/")
            folder, _, name = path.rpartition("/")
            if name.startswith(".wh."):
                gone = folder if name == ".wh..wh..opq" else f"{folder}/{name[4:]}".lstrip("/")
                if _is_wanted_of(gone) or folder == STATUS_FOLDER:
                    hides.append(gone)
            elif path == PYTHON_PATH:
                files[path] = member.linkname
            elif path in WANTED or (folder == STATUS_FOLDER and not name.endswith(".md5sums")):
                content = archive.extractfile(member) if member.isreg() and member.size <= _LARGEST else None
                if content:
                    files[path] = content.read().decode("utf-8", "replace")
                elif not member.isdir():
                    # For example a link that replaces a file of a lower layer.
                    hides.append(path)
            elif not member.isdir() and _is_wanted_of(path):
                hides.append(path)
    return Layer(files=files, hides=hides)


def _is_wanted_of(path: str) -> bool:
    """Return whether a path is a wanted file or a folder above one."""
    return any(_is_below(wanted, [path]) for wanted in (*WANTED, STATUS_FOLDER))
