"""Files known by hash: fetched in parallel, resumed, and kept in one cache.

The cache is `<settings.cache>/sha256/<hex>/<name>`, shared between projects and processes. A file in it
is whole and verified: an interrupted download leaves a hidden `.part` file, which the next one resumes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cogfreeze.errors import CogError, IntegrityError, NetworkError
from cogfreeze.resolve.fetch.network import (
    TIMEOUT,
    StatusError,
    explaining_failures,
    http_session,
    redacted,
    require_success,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import requests

    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_PARALLEL = 8
_ATTEMPTS = 4
_CHUNK = 1 << 20
_PIECE = 1 << 16  # how much a broken connection may lose
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~!%:=@-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file known by its hash, wherever it is fetched from.

    Attributes:
        urls: its addresses, the preferred one first; the others are tried when it fails.
        sha256: 64 hex digits.
        size: bytes, if known.
        name: the file's name in the cache, without a path.
    """

    urls: tuple[str, ...]
    sha256: str
    size: int | None = None
    name: str

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.name) and _SHA256.fullmatch(self.sha256) and self.urls):
            raise ValueError(f"not an artifact: {self.name!r} {self.sha256!r}")


def cached_path(settings: Settings, sha256: str, name: str) -> Path:
    """Return the path of a file in the cache, whether it exists or not."""
    return settings.cache / "sha256" / sha256 / name


def fetch_all(
    items: Iterable[Artifact], settings: Settings, report: Report, *, what: str = "files"
) -> dict[str, Path]:
    """Fetch every artifact into the cache, eight at a time, and return their paths by sha256.

    Every file is hashed, also if it was already in the cache; a wrong one is fetched again.

    Args:
        items: what to fetch; items with equal hashes are fetched once, under the first name.
        settings: the cache's folder and the CA bundle.
        report: gets one step, with the total bytes if every size is known.
        what: the kind of files, for the progress line: `Debian packages`.

    Raises:
        IntegrityError: a server's bytes do not match the hash.
        NetworkError: no address of an artifact could be reached.
        CogError: the cache is not writable.
    """
    wanted: dict[str, Artifact] = {}
    for item in items:
        wanted.setdefault(item.sha256, item)
    if not wanted:
        return {}
    sizes = [item.size for item in wanted.values() if item.size is not None]
    total = sum(sizes) if len(sizes) == len(wanted) else None
    with report.step(_step(wanted.values(), what, settings), total) as advance, http_session(settings) as web:
        fetcher = _Fetcher(settings, web, advance)
        pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="fetch")
        try:
            futures = {sha256: pool.submit(fetcher.fetch, item) for sha256, item in wanted.items()}
            return {sha256: future.result() for sha256, future in futures.items()}
        except _Stopped:
            # Another item failed first and stopped this one: report that failure.
            for future in futures.values():
                if isinstance(failure := future.exception(), CogError):
                    raise failure from None
            raise
        finally:
            fetcher.stop.set()
            # Ctrl-C must not wait for slow servers.
            pool.shutdown(wait=not isinstance(sys.exception(), KeyboardInterrupt), cancel_futures=True)


def _step(wanted: Collection[Artifact], what: str, settings: Settings) -> str:
    """Return what will be done: only files that are not cached are said to be fetched."""
    missing = sum(not cached_path(settings, each.sha256, each.name).is_file() for each in wanted)
    if missing == 0:
        return f"checking {len(wanted)} cached {what}"
    return f"fetching {missing} {what}" + (
        f" ({len(wanted) - missing} are cached)" if missing < len(wanted) else ""
    )


class _Stopped(Exception):
    """Another download failed, or the user interrupted: tells a thread to leave, no failure of its own."""


class _Meter:
    """How far one file is; a file begun anew moves the bar back."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._at = 0

    def move(self, position: int) -> None:
        self._advance(position - self._at)
        self._at = position


class _Fetcher:
    """What the threads of one `fetch_all` share."""

    def __init__(self, settings: Settings, web: requests.Session, advance: Callable[[int], None]) -> None:
        self.settings = settings
        self.web = web
        self.advance = advance
        self.stop = threading.Event()

    def fetch(self, item: Artifact) -> Path:
        """Return the item's path in the cache, fetched if need be."""
        path = cached_path(self.settings, item.sha256, item.name)
        meter = _Meter(self.advance)
        try:
            if not self._is_good(path, item):
                path.parent.mkdir(parents=True, exist_ok=True)
                with self._owned(path.with_name(f".{item.name}.part")) as part:
                    # Another process may have fetched it while this one waited for the part file.
                    if not self._is_good(path, item):
                        self._complete(part, item, meter)
                        os.fsync(part.fileno())
                        Path(part.name).replace(path)
        except OSError as error:
            self.stop.set()
            raise CogError(
                f"cannot keep `{item.name}` in the cache `{self.settings.cache}`: {error.strerror or error}",
                hint="make room there or allow writing, or name another folder in `COG_CACHE_DIR`",
            ) from error
        except BaseException:
            self.stop.set()
            raise
        # Whoever removes what was not read for long must see that it was, on any file system.
        with suppress(OSError):
            os.utime(path, (time.time(), path.stat().st_mtime))
        meter.move(path.stat().st_size)
        return path

    def _is_good(self, path: Path, item: Artifact) -> bool:
        """Return whether the cache has the file with the right bytes."""
        try:
            with path.open("rb") as file:
                return item.size in (None, os.fstat(file.fileno()).st_size) and self._sha256(file) == item.sha256
        except FileNotFoundError:
            return False

    def _sha256(self, file: BinaryIO) -> str:
        digest = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(_CHUNK):
            self._leave_if_stopped()
            digest.update(chunk)
        return digest.hexdigest()

    def _leave_if_stopped(self) -> None:
        if self.stop.is_set():
            raise _Stopped

    @contextmanager
    def _owned(self, path: Path) -> Iterator[BinaryIO]:
        """Open the part file under an exclusive lock between threads and processes, keeping its contents."""
        while True:
            with path.open("a+b") as file:
                while True:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        self.stop.wait(0.05)
                        self._leave_if_stopped()
                # The former owner may have renamed it; then we have locked the finished file.
                if not _is_still(file, path):
                    continue
                try:
                    yield file
                finally:
                    if _is_still(file, path) and not os.fstat(file.fileno()).st_size:
                        path.unlink()
                return

    def _complete(self, part: BinaryIO, item: Artifact, meter: _Meter) -> None:
        """Complete the part file from the first address that gives the right bytes."""
        failures: list[CogError] = []
        for url in item.urls:
            try:
                return self._complete_from(url, part, item, meter)
            except (IntegrityError, NetworkError) as error:
                failures.append(error)
        # Wrong bytes are more serious than an address that did not answer.
        raise next((error for error in failures if isinstance(error, IntegrityError)), failures[0])

    def _complete_from(self, url: str, part: BinaryIO, item: Artifact, meter: _Meter) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                resumed = self._transfer(url, part, item, meter)
            except StatusError:
                raise
            except NetworkError:
                # The connection broke: keep what has arrived and ask for the rest.
                if attempt == _ATTEMPTS or part.seek(0, os.SEEK_END) == 0:
                    raise
                self.stop.wait(0.5 * 2**attempt)
                self._leave_if_stopped()
                continue
            got, size = self._sha256(part), part.seek(0, os.SEEK_END)
            if got == item.sha256 and item.size in (None, size):
                return
            part.truncate(0)
            if not resumed:
                break
        raise IntegrityError(
            f"`{item.name}` from {redacted(url)} does not match its hash: expected sha256 {item.sha256}"
            f"{_bytes(item.size)}, got {got}{_bytes(size)}",
            hint="the server or a proxy sent other bytes; nothing was kept",
        )

    def _transfer(self, url: str, part: BinaryIO, item: Artifact, meter: _Meter) -> bool:
        """Append the missing bytes to the part file; return whether bytes of an earlier run were kept."""
        start = part.seek(0, os.SEEK_END)
        if start and start == item.size:
            return True
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with explaining_failures(url), self.web.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if start and answer.status_code == 416:
                return True  # the part has at least the file's size: the hash will tell
            require_success(answer)
            if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                part.truncate(0)
                start = 0
            received = start
            for chunk in answer.iter_content(_PIECE):
                self._leave_if_stopped()
                part.write(chunk)
                received += len(chunk)
                meter.move(received)
                if item.size is not None and received > item.size:
                    break  # too long already: the hash will tell
            part.flush()
        return bool(start)


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Return whether the path still refers to the open file."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _bytes(size: int | None) -> str:
    return "" if size is None else f" ({size} bytes)"
