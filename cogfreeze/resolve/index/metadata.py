"""Reading a wheel's metadata without fetching the wheel: its size, METADATA and RECORD, by range requests.

What was read is kept by the wheel's hash. It serves checks and annotations; what an image holds is decided by
the hash of the whole file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from cogfreeze import atomic
from cogfreeze.errors import IntegrityError, LockUnsound
from cogfreeze.lock.requirements import markers_of, recorded, recorded_python
from cogfreeze.resolve.fetch import (
    TIMEOUT,
    Artifact,
    cached_path,
    explaining_failures,
    fetch_all,
    http_session,
    redacted,
    require_success,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from email.message import Message

    import requests

    from cogfreeze.lock.model import Wheel
    from cogfreeze.report import Report
    from cogfreeze.resolve.index.wheel_files import Candidate
    from cogfreeze.settings import Settings

# Most wheels have their metadata, which tools write last, within this many bytes of the end.
_TAIL = 96 * 1024
_GAP = 4 * 1024 * 1024
_PARALLEL = 12
# torch's RECORD has two megabytes.
_LARGEST = 64 * 1024 * 1024
# A licence's name; what is longer is its text.
_LONGEST_LICENCE = 100
# Raised when what is kept changes its form.
_FORM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelMetadata:
    """The metadata of a wheel.

    Attributes:
        size: bytes of the whole file.
        requires: its requirements, PEP 508.
        python: its `Requires-Python`, or None.
        files: path in the wheel → digest (`sha256=…`) as its RECORD has it; files without a digest are left out.
        scripts: the commands that an installer makes for it: name → `module:function`.
        licence: its License-Expression, else its License, else what its classifiers say; "" where it says nothing.
        sboms: the SBOMs that it carries (PEP 770): path in the wheel → text.
    """

    size: int
    requires: tuple[str, ...]
    python: str | None
    files: dict[str, str]
    scripts: dict[str, str]
    licence: str = ""
    sboms: dict[str, str] = field(default_factory=dict)


def wheel_metadata(wheels: Sequence[Candidate], settings: Settings, report: Report) -> dict[str, WheelMetadata]:
    """Return the metadata of wheels by sha256: from the cache, the download cache, the disk, or the network.

    Raises:
        NetworkError: a server failed.
        IntegrityError: a file is not a wheel.
    """
    found = {each.sha256: known for each in wheels if (known := cached_metadata(each.sha256, settings))}
    wanted = {each.sha256: each for each in wheels if each.sha256 not in found}
    if not wanted:
        return found
    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="metadata")
    with (
        report.step(f"reading the metadata of {len(wanted)} wheels", len(wanted), unit="wheels") as advance,
        http_session(settings) as web,
    ):
        try:
            for each, read in zip(
                wanted.values(),
                pool.map(lambda wheel: _read(wheel, web, settings, report), wanted.values()),
                strict=True,
            ):
                found[each.sha256] = read
                advance(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return found


def _path(sha256: str, settings: Settings) -> Path:
    return settings.cache / "wheels" / f"v{_FORM}" / f"{sha256}.json"


def cached_metadata(sha256: str, settings: Settings) -> WheelMetadata | None:
    """Return a wheel's metadata where it was read before."""
    try:
        table = json.loads(_path(sha256, settings).read_bytes())
        return WheelMetadata(**{**table, "requires": tuple(table["requires"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _read(wheel: Candidate, web: requests.Session, settings: Settings, report: Report) -> WheelMetadata:
    local = local_path(wheel, settings)
    if local is None:
        try:
            with _Remote(wheel.url, web) as file:
                read = _metadata(file, file.size, wheel.file)
        except _NoRanges:
            # A server that gives whole files only: then the file may as well be kept, the build will want it.
            item = Artifact(urls=(wheel.url,), sha256=wheel.sha256, name=wheel.file)
            local = fetch_all([item], settings, report, what="wheels")[wheel.sha256]
    if local is not None:
        with local.open("rb") as file:
            read = _metadata(file, os.fstat(file.fileno()).st_size, wheel.file)
    path = _path(wheel.sha256, settings)
    with suppress(OSError):  # kept only to be quicker next time
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, json.dumps(asdict(read), separators=(",", ":")).encode())
    return read


def require_recorded(wheels: Sequence[Wheel], files: Mapping[str, Path], *, python: str, platform: str) -> None:
    """Require that wheels say of themselves what a lock records of them: an edit can't change what they require.

    Args:
        wheels: all of one environment. Those of a lock of schema 1 record nothing, and are not compared.
        files: where they are, by sha256.
        python, platform: the lock's, `3.11` and `linux/amd64`.

    Raises:
        LockUnsound: some don't; all of them are named.
        IntegrityError: a file is not a wheel.
    """
    if not any(each.requires or each.requires_python for each in wheels):
        return
    markers = markers_of(python, platform)
    versions = {each.name: each.version for each in wheels}
    reasons = []
    for each in wheels:
        with files[each.sha256].open("rb") as file:
            metadata = _core_metadata(file, each.file)
        requires = recorded(metadata.get_all("Requires-Dist", ()), markers, each.extras, versions)
        requires_python = recorded_python(metadata.get("Requires-Python"))
        if requires != each.requires:
            reasons.append(
                f"`{each.file}` requires {_list(requires)}, and the lock records {_list(each.requires)}"
            )
        if requires_python != each.requires_python:
            pythons = (requires_python or "any", each.requires_python or "any")
            reasons.append(f"`{each.file}` requires Python {pythons[0]}, and the lock records {pythons[1]}")
    if reasons:
        raise LockUnsound(reasons, hint="take cog.lock from version control, or remove it and run `cog lock`")


def _list(requirements: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in requirements) or "nothing"


def _core_metadata(file: IO[bytes], name: str) -> Message:
    with _explaining_broken_wheels(name), zipfile.ZipFile(file) as archive:
        return HeaderParser().parsestr(_text(archive, f"{_dist_info(archive.namelist(), name)}/METADATA"))


def local_path(wheel: Candidate, settings: Settings) -> Path | None:
    """Return where the file already lies on this machine, or None."""
    parts = urlsplit(wheel.url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    path = cached_path(settings, wheel.sha256, wheel.file)
    return path if path.is_file() else None


def _metadata(file: io.IOBase, size: int, name: str) -> WheelMetadata:
    with _explaining_broken_wheels(name), zipfile.ZipFile(cast("IO[bytes]", file)) as archive:
        folder = _dist_info(archive.namelist(), name)
        metadata = HeaderParser().parsestr(_text(archive, f"{folder}/METADATA"))
        record = [*csv.reader(io.StringIO(_text(archive, f"{folder}/RECORD")))]
        points = f"{folder}/entry_points.txt"
        scripts = _text(archive, points) if points in archive.namelist() else ""
        inside = [each for each in archive.namelist() if each.startswith(f"{folder}/sboms/")]
        sboms = {each: _text(archive, each) for each in inside if not each.endswith("/")}
    return WheelMetadata(
        size=size,
        requires=tuple(metadata.get_all("Requires-Dist", ())),
        python=metadata.get("Requires-Python"),
        files={row[0]: row[1] for row in record if len(row) >= 2 and row[1]},
        scripts=_scripts(scripts),
        licence=_licence(metadata),
        sboms=sboms,
    )


def _licence(metadata: Message) -> str:
    """PEP 639's field; before it, a free text that may be the whole licence, and classifiers."""
    for key in ("License-Expression", "License"):
        text = " ".join(str(metadata.get(key) or "").split())
        if text and text != "UNKNOWN" and len(text) <= _LONGEST_LICENCE:
            return text
    classifiers = metadata.get_all("Classifier", ())
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    return " AND ".join(name for name in names if name != "OSI Approved")


@contextmanager
def _explaining_broken_wheels(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError, zlib.error, csv.Error) as error:
        why = error.args[0] if error.args else type(error).__name__
        raise IntegrityError(f"`{name}` is not a wheel: {why}") from error


def _text(archive: zipfile.ZipFile, path: str) -> str:
    if archive.getinfo(path).file_size > _LARGEST:
        raise zipfile.BadZipFile(f"{path} is larger than {_LARGEST} bytes")
    return archive.read(path).decode("utf-8", "replace")


def _scripts(entry_points: str) -> dict[str, str]:
    import configparser

    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points)
    except configparser.Error:
        return {}
    return {
        name: "".join(target.split())
        for section in ("console_scripts", "gui_scripts")
        if parser.has_section(section)
        for name, target in parser.items(section)
    }


def _dist_info(names: Iterable[str], wheel: str) -> str:
    folders = {name.partition("/")[0] for name in names if name.partition("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        raise KeyError(f"{len(folders)} `.dist-info` folders in {wheel}")
    return folders.pop()


class _NoRanges(Exception):  # tells the caller to fetch the file, no failure
    """The server answers with the whole file whatever part is asked for."""


class _Remote(io.RawIOBase):
    """A file behind an address, of which only the parts that are read are fetched."""

    def __init__(self, url: str, web: requests.Session) -> None:
        self._url = url
        self._web = web
        self._position = 0
        # What was fetched: start → bytes. There are two or three of them.
        self._parts: dict[int, bytes] = {}
        self.size = 0
        self._fetch(f"bytes=-{_TAIL}")

    def _fetch(self, span: str) -> None:
        with (
            explaining_failures(self._url),
            self._web.get(
                self._url, headers={"Range": span, "Accept-Encoding": "identity"}, timeout=TIMEOUT, stream=True
            ) as answer,
        ):
            require_success(answer)
            if answer.status_code != 206:
                raise _NoRanges
            given, _, size = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            start = given.partition("-")[0]
            if not (start.isdigit() and size.isdigit()):
                raise IntegrityError(f"{redacted(self._url)} answered a part of the file without saying which")
            self.size = int(size)
            self._parts[int(start)] = answer.content

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, amount: int | None = -1) -> bytes:
        end = self.size if amount is None or amount < 0 else min(self.size, self._position + amount)
        if end <= self._position:
            return b""
        data = self._held(self._position, end)
        if data is None:
            # Readers ask for a few bytes at a time, and RECORD lies right before what was read first: the gap
            # between is fetched in one piece, unless it is the wheel's whole content.
            first = self._position
            gap = min((start for start in self._parts if start > first), default=self.size)
            last = gap if gap - first <= _GAP else min(self.size, first + _TAIL // 4)
            self._fetch(f"bytes={first}-{max(end, last) - 1}")
            data = self._held(first, end) or b""
        self._position += len(data)
        return data

    def _held(self, start: int, end: int) -> bytes | None:
        for first, data in self._parts.items():
            if first <= start and end <= first + len(data):
                return data[start - first : end - first]
        return None
