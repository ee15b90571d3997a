"""What packages say of themselves: licences, start-up files, SBOMs. Read from the files, kept by their hashes."""

from __future__ import annotations

import io
import json
import lzma
import re
import tarfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from cogfreeze import atomic
from cogfreeze.errors import CogError
from cogfreeze.resolve.apt import deb_artifacts
from cogfreeze.resolve.fetch import cached_path, fetch_all
from cogfreeze.resolve.index import LOCAL_INDEX, Candidate, cached_metadata, wheel_metadata
from cogfreeze.review.online.indexes import page
from cogfreeze.review.packages import packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.report import Report
    from cogfreeze.resolve.index import WheelMetadata
    from cogfreeze.review.online.indexes import Indexes
    from cogfreeze.review.packages import Package
    from cogfreeze.settings import Settings

_LICENCE = re.compile(r"^License: *(\S.*)$", re.MULTILINE)
_FORMAT = re.compile(r"^Format: ", re.MULTILINE)
_LARGEST = 16 * 1024 * 1024
# Python runs these whenever it starts.
_STARTUP = re.compile(r"[^/]+\.pth|(?:site|user)customize\.py|(?:site|user)customize/__init__\.py")


def of_wheels(
    wheels: Iterable[Package], indexes: Indexes, settings: Settings, report: Report
) -> dict[str, WheelMetadata]:
    """Return what wheels say of themselves, by sha256; those that can't be had are left out."""
    wanted = {each.sha256: each for each in wheels if each.form == "wheel" and each.origin != LOCAL_INDEX}
    found = {sha256: known for sha256 in wanted if (known := cached_metadata(sha256, settings))}
    missing = [each for sha256, each in wanted.items() if sha256 not in found]
    if missing:
        with suppress(CogError):
            found |= wheel_metadata(list(_candidates(missing, indexes, report)), settings, report)
        # What was read before one of them failed.
        found |= {each.sha256: known for each in missing if (known := cached_metadata(each.sha256, settings))}
    return found


def _candidates(missing: Sequence[Package], indexes: Indexes, report: Report) -> Iterator[Candidate]:
    from concurrent.futures import ThreadPoolExecutor

    with report.step(f"asking the indexes about {len(missing)} packages"), indexes.session() as web:

        def url_of(package: Package) -> str | None:
            index = indexes.url(package.origin)
            with suppress(CogError):
                file = page(web, index, package.name).files.get(package.file) if index else None
                return indexes.file_url(file) if file and file.sha256 in (None, package.sha256) else None
            return None

        with ThreadPoolExecutor(12) as pool:
            urls = list(pool.map(url_of, missing))
    for package, url in zip(missing, urls, strict=True):
        if url is not None:
            yield Candidate(file=package.file, url=url, sha256=package.sha256)


def startup_files(metadata: WheelMetadata) -> tuple[str, ...]:
    """Return the files of a wheel that Python runs at every start."""
    return tuple(sorted(path for path in metadata.files if _STARTUP.fullmatch(path)))


def licences_of_debs(lock: PlatformLock, settings: Settings, report: Report) -> dict[str, str]:
    """Return the licences that each .deb's copyright file names, joined by AND, by sha256.

    The files are fetched into the cache, as a build would. What can't be had is left out with a warning; so is one
    whose copyright file is another package's.
    """
    if lock.apt is None:
        return {}
    kept = settings.cache / "debs/licences-1"
    found: dict[str, str] = {}
    artifacts = {each.sha256: each for each in deb_artifacts(lock.apt, settings)}
    for sha256 in artifacts:
        with suppress(OSError, ValueError):
            found[sha256] = json.loads((kept / f"{sha256}.json").read_bytes())
    paths = {sha256: cached_path(settings, sha256, each.name) for sha256, each in artifacts.items()}
    missing = [each for sha256, each in artifacts.items() if sha256 not in found and not paths[sha256].is_file()]
    try:
        fetch_all(missing, settings, report, what="Debian packages")
    except CogError as error:
        report.warn(f"the licences of some Debian packages could not be read: {error.message}", hint=error.hint)
    for sha256, path in paths.items():
        if sha256 not in found and path.is_file():
            found[sha256] = _licence_of_deb(path)
            with suppress(OSError):  # kept only to be quicker next time
                kept.mkdir(parents=True, exist_ok=True)
                atomic.write(kept / f"{sha256}.json", json.dumps(found[sha256]).encode())
    return {sha256: licence for sha256, licence in found.items() if licence}


def _licence_of_deb(path: Path) -> str:
    """Return the licences of a machine-readable copyright file; "" where there is none."""
    try:
        text = _copyright(path)
    except (OSError, ValueError, EOFError, lzma.LZMAError, zlib.error, tarfile.TarError):
        return ""
    if not text or not _FORMAT.search(text):
        return ""
    names = dict.fromkeys(name.strip() for name in _LICENCE.findall(text))
    return " AND ".join(f"({name})" if " or " in name else name for name in sorted(names))


def _copyright(path: Path) -> str:
    data = _member(path.read_bytes(), b"data.tar")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if re.fullmatch(r"(?:\./)?usr/share/doc/[^/]+/copyright", member.name) and member.isfile():
                stream = archive.extractfile(member)
                return stream.read(_LARGEST).decode("utf-8", "replace") if stream else ""
    return ""


def _member(archive: bytes, prefix: bytes) -> bytes:
    """Return a member of an `ar` archive, as a .deb is one: headers of 60 bytes, contents of even length."""
    position = 8
    while position + 60 <= len(archive):
        header = archive[position : position + 60]
        size = int(header[48:58])
        if header[:16].startswith(prefix):
            return archive[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise ValueError("no such member")


def licences(lock: Lock, indexes: Indexes, settings: Settings, report: Report) -> dict[str, str]:
    """Return the licences of wheels and .debs by sha256. What can't be read is missing."""
    every = [each for platform in lock.platforms for each in packages(platform)]
    found = {
        sha256: metadata.licence
        for sha256, metadata in of_wheels(every, indexes, settings, report).items()
        if metadata.licence
    }
    for platform in lock.platforms:
        found |= licences_of_debs(platform, settings, report)
    return found
