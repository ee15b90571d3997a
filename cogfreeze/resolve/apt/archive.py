"""A dated archive of Debian or Ubuntu: signed Release files, and the package lists that they vouch for.

The chain: an archive key signs InRelease, InRelease has the SHA-256 of each list, a list has the SHA-256 of each
.deb. Each file is checked against the one before it before anything in it is used.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cogfreeze.catalog import addresses
from cogfreeze.catalog.distributions import COMPONENTS, Pocket, pockets
from cogfreeze.errors import IntegrityError, NetworkError, ResolveError
from cogfreeze.grammar import SNAPSHOT
from cogfreeze.lock.model import AptSuite
from cogfreeze.resolve.apt import signatures
from cogfreeze.resolve.fetch import Artifact, StatusError, fetch_all, get_bytes, http_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import requests

    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_STAMP = "%Y%m%dT%H%M%SZ"
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    "": bytes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A Release file whose signature was good, made at or before the snapshot's date.

    Attributes:
        text: the signed text, without the signature.
        files: path below the suite's folder → SHA-256 and size.
        by_hash: whether the archive has its lists under their hashes too.
        digest: SHA-256 of the whole InRelease file.
        signers: fingerprints of the keys whose signatures were good.
    """

    pocket: Pocket
    text: bytes
    files: dict[str, tuple[str, int]]
    by_hash: bool
    digest: str
    signers: tuple[str, ...]

    def has(self, component: str) -> bool:
        """Return whether the suite has packages in a component."""
        return any(path.startswith(f"{component}/binary-") for path in self.files)

    def with_components(self, more: Iterable[str]) -> Release:
        """Return the same suite with more components in use."""
        components = tuple(dict.fromkeys((*self.pocket.components, *more)))
        return replace(self, pocket=replace(self.pocket, components=components))

    def suite(self) -> AptSuite:
        """Return what the lock keeps of it."""
        return AptSuite(
            archive=self.pocket.archive,
            suite=self.pocket.suite,
            components=self.pocket.components,
            inrelease=self.digest,
            signers=self.signers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageList:
    """A Packages file as its Release file vouches for it."""

    pocket: Pocket
    component: str
    architecture: str
    text: bytes


def addresses_of(archive: str, snapshot: str, path: str, settings: Settings) -> tuple[str, ...]:
    """Return the addresses of a dated archive's file: on the mirror if one is set, else on the public service."""
    mirror = settings.ubuntu_snapshot if archive == "ubuntu" else settings.debian_snapshot
    # `+` is literal in a path, but some servers decode it as a space.
    return (f"{mirror or addresses.snapshot(archive)}/{archive}/{snapshot}/{path.replace('+', '%2B')}",)


@contextmanager
def mirror_named(archive: str) -> Iterator[None]:
    """Add the variable that sets a mirror to the hint of any network error in the block.

    Args:
        archive: `debian`, `debian-security` or `ubuntu`.
    """
    variable = "COG_UBUNTU_SNAPSHOT" if archive == "ubuntu" else "COG_DEBIAN_SNAPSHOT"
    try:
        yield
    except NetworkError as error:
        error.hint = f"{error.hint}; or set" if error.hint else "set"
        error.hint += f" `{variable}` to a mirror"
        raise


def releases(
    distribution: str, snapshot: str, settings: Settings, report: Report, components: Sequence[str] = ()
) -> tuple[Release, ...]:
    """Return the verified Release file of every pocket at a date.

    Args:
        snapshot: `YYYYMMDDTHHMMSSZ`.
        components: `contrib`, `non-free`, …: to be used besides the distribution's default ones.

    Raises:
        IntegrityError: a signature is bad, or the file is of another suite or date.
        ResolveError: the archive has no snapshot of that date, or no such component.
        NetworkError: the archive can't be reached.
    """
    with report.step("reading the archive's signed indexes"), mirror_named(distribution.partition(":")[0]):
        found = _releases(distribution, SNAPSHOT.check(snapshot), settings)
    available = [each for each in COMPONENTS.get(distribution.partition(":")[0], ()) if found[0].has(each)]
    default = found[0].pocket.components
    if unknown := [each for each in components if each not in (*default, *available)]:
        raise ResolveError(
            f"`{distribution}` has no component `{unknown[0]}`",
            where="build.apt_components",
            hint=f"available components: {', '.join(dict.fromkeys((*default, *available)))}",
        )
    wanted = [each for each in available if each in components and each not in default]
    return tuple(one.with_components(wanted) for one in found)


# Finding the default date and locking two platforms ask for the same files.
@lru_cache(maxsize=8)
def _releases(distribution: str, snapshot: str, settings: Settings) -> tuple[Release, ...]:
    wanted = pockets(distribution)
    keys = signatures.keyring(distribution)
    pool = ThreadPoolExecutor(len(wanted))
    try:
        with http_session(settings) as web:
            futures = [pool.submit(_inrelease, pocket, snapshot, settings, web) for pocket in wanted]
            texts = [future.result() for future in futures]
    finally:
        # Ctrl-C must not wait for slow servers.
        pool.shutdown(wait=not isinstance(sys.exception(), KeyboardInterrupt), cancel_futures=True)
    return tuple(release(text, pocket, snapshot, keys) for pocket, text in zip(wanted, texts, strict=True))


def _inrelease(pocket: Pocket, snapshot: str, settings: Settings, web: requests.Session) -> bytes:
    (url,) = addresses_of(pocket.archive, snapshot, f"dists/{pocket.suite}/InRelease", settings)
    try:
        return get_bytes(web, url)
    except StatusError as error:
        if error.status not in (404, 410):
            raise
        raise NoSnapshotError(
            f"the archive has no `{pocket.suite}` of {snapshot}: {error.message}",
            hint="lock for another date, or check the mirror's address",
        ) from None


class NoSnapshotError(ResolveError):
    """The archive has no snapshot of the requested date."""


class TooNewError(IntegrityError):
    """A Release file is newer than the requested date."""


def release(text: bytes, pocket: Pocket, snapshot: str, keys: Path, *, now: datetime | None = None) -> Release:
    """Verify an InRelease file and return its contents.

    Raises:
        IntegrityError: its signature is bad, or it is of another suite, made after the snapshot's date, or expired
            before that date (a replayed old file).
    """
    what = f"the InRelease of {pocket.suite}"
    signed, signers = signatures.verified(text, keys, what, now=now)
    fields, files = _fields(signed.decode("utf-8", "replace"))
    if pocket.suite not in (fields.get("Suite"), fields.get("Codename")):
        raise IntegrityError(
            f"{what} says that it is of `{fields.get('Codename', '')}`",
            hint="the archive or its mirror serves one suite in place of another",
        )
    moment = datetime.strptime(snapshot, _STAMP).replace(tzinfo=UTC)
    made = _date(fields, "Date", what)
    if made > moment:
        raise TooNewError(
            f"{what} is dated {made:{_STAMP}}, after the snapshot {snapshot}",
            hint="the mirror does not keep dated archives, or has none of that date",
        )
    if "Valid-Until" in fields and (end := _date(fields, "Valid-Until", what)) < moment:
        raise IntegrityError(
            f"{what} expired at {end:{_STAMP}}, before the snapshot {snapshot}",
            hint="the mirror serves an outdated index, or the suite gets no more updates",
        )
    return Release(
        pocket=pocket,
        text=signed,
        files=files,
        by_hash=fields.get("Acquire-By-Hash") == "yes",
        digest=hashlib.sha256(text).hexdigest(),
        signers=signers,
    )


def _fields(text: str) -> tuple[dict[str, str], dict[str, tuple[str, int]]]:
    """Return the one-line fields of a Release file, and its SHA256 table."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, int]] = {}
    key = ""
    for line in text.splitlines():
        if line.startswith(" "):
            words = line.split()
            if key == "SHA256" and len(words) == 3 and words[1].isdigit():
                files[words[2]] = (words[0], int(words[1]))
        else:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    return fields, files


def _date(fields: dict[str, str], key: str, what: str) -> datetime:
    try:
        date = parsedate_to_datetime(fields[key])
    except (KeyError, ValueError):
        raise IntegrityError(f"{what} has no valid `{key}` field") from None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def package_lists(
    verified: Iterable[Release], architectures: Iterable[str], snapshot: str, settings: Settings, report: Report
) -> tuple[PackageList, ...]:
    """Fetch every list of packages for some architectures, each checked against its Release file.

    Raises:
        IntegrityError: a list does not match its hash in the Release file.
        ResolveError: a suite has no packages for an architecture.
    """
    wanted = [
        (one, component, architecture, *_list(one, component, architecture))
        for one in verified
        for architecture in architectures
        for component in one.pocket.components
        if component == "main" or f"{component}/binary-{architecture}/Packages.xz" in one.files
    ]
    artifacts = [
        Artifact(
            urls=_list_addresses(one, path, snapshot, settings),
            sha256=one.files[path][0],
            size=one.files[path][1],
            name=path.rpartition("/")[2],
        )
        for one, _, _, path, _ in wanted
    ]
    with mirror_named(wanted[0][0].pocket.archive):
        paths = fetch_all(artifacts, settings, report, what="package lists")
    return tuple(
        PackageList(
            pocket=one.pocket,
            component=component,
            architecture=architecture,
            text=_UNPACK[suffix](paths[artifact.sha256].read_bytes()),
        )
        for (one, component, architecture, _, suffix), artifact in zip(wanted, artifacts, strict=True)
    )


def _list(verified: Release, component: str, architecture: str) -> tuple[str, str]:
    """Return the path of a list in the best available compression, and that compression's suffix."""
    for suffix in _UNPACK:
        path = f"{component}/binary-{architecture}/Packages{suffix}"
        if path in verified.files:
            return path, suffix
    lists = (re.fullmatch(r"main/binary-(\w+)/Packages\.?\w*", path) for path in verified.files)
    there = sorted({found[1] for found in lists if found} - {"all"})
    raise ResolveError(
        f"`{verified.pocket.suite}` has no packages for the architecture `{architecture}`",
        where="build.system_packages",
        hint=f"available architectures: {', '.join(there)}",
    )


def _list_addresses(verified: Release, path: str, snapshot: str, settings: Settings) -> tuple[str, ...]:
    paths = [f"dists/{verified.pocket.suite}/{path}"]
    if verified.by_hash:
        folder = paths[0].rpartition("/")[0]
        paths.insert(0, f"{folder}/by-hash/SHA256/{verified.files[path][0]}")
    return tuple(url for each in paths for url in addresses_of(verified.pocket.archive, snapshot, each, settings))


def default_snapshot(distribution: str, settings: Settings, now: datetime | None = None) -> str:
    """Return the date to lock for: the last midnight (UTC), or `now` if the archive has no snapshot of that time.

    All locks of a day then agree and share caches. With a mirror that is younger than that it is `now`.

    Raises:
        IntegrityError, NetworkError: as `releases`.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    midnight = f"{now:%Y%m%d}T000000Z"
    try:
        with mirror_named(distribution.partition(":")[0]):
            _releases(distribution, midnight, settings)
    except (NoSnapshotError, TooNewError):
        return now.strftime(_STAMP)
    return midnight
