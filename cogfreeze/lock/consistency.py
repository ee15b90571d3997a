"""What must hold between a lock's values: an edit by hand rarely keeps all of it.

These are also the grammars that let the rest trust a lock's values: nothing that is read here can mean more
than a name, a version, a path below an archive or a digest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Apt, BaseImage, Deb, Lock, LockedFile, PlatformLock, Wheel

Problem = tuple[tuple[str, ...], str]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORM = re.compile(r"linux/(amd64|arm64)")
_REFERENCE = re.compile(r"[a-z0-9]+(?:[._:/-]+[a-zA-Z0-9]+)*")
_FRONTEND = re.compile(r"[a-z0-9]+(?:[._:/-]+[a-zA-Z0-9]+)*@sha256:[0-9a-f]{64}")
_DISTRIBUTION = re.compile(r"(debian|ubuntu):[a-z0-9.]+")
_SNAPSHOT = re.compile(r"\d{8}T\d{6}Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_DEB_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]*")
_ARCHITECTURE = re.compile(r"[a-z0-9-]+")
_PATH = re.compile(r"(?:[A-Za-z0-9+_.~%:-]+/)*[A-Za-z0-9+_.~%:-]+\.deb")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")
_WHEEL_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_INDEX = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]!&'()*+,;=%-]+")


def problems(lock: Lock) -> Iterator[Problem]:
    """Yield the place (keys and `[index]`es) and the words of each thing that cannot be."""
    if lock.schema < 1:
        yield ("schema",), "must be 1 or more"
    if lock.source_date_epoch < 0:
        yield ("source_date_epoch",), "must not be negative"
    yield from _match(("tools", "runtime"), _DIGEST, lock.tools.runtime, "is no digest")
    yield from _match(("tools", "frontend"), _FRONTEND, lock.tools.frontend, "is no image pinned by digest")
    for index, file in enumerate(lock.files):
        yield from _file(file, ("files", f"[{index}]"))
    for platform in lock.platforms:
        yield from _under(("platforms", platform.platform), _platform(platform))


def _under(path: tuple[str, ...], found: Iterator[Problem]) -> Iterator[Problem]:
    for at, message in found:
        yield (*path, *at), message


def _match(path: tuple[str, ...], pattern: re.Pattern[str], value: str, message: str) -> Iterator[Problem]:
    if not pattern.fullmatch(value):
        yield path, message


def _platform(lock: PlatformLock) -> Iterator[Problem]:
    yield from _match((), _PLATFORM, lock.platform, "is no platform that cogfreeze knows")
    yield from _under(("base",), _base(lock.base))
    if lock.apt:
        yield from _under(("apt",), _apt(lock.apt))
    yield from _match(("python", "version"), _PYTHON, lock.python.version, "is no Python version")
    for key, wheels in (("wheels", lock.python.wheels), ("runtime", lock.python.runtime)):
        yield from _under(("python", key), _wheels(wheels))
    if interpreter := lock.python.interpreter:
        yield from _match(("python", "interpreter", "url"), _URL, interpreter.url, "is no address")
        yield from _match(("python", "interpreter", "sha256"), _SHA256, interpreter.sha256, "is no SHA-256")


def _base(base: BaseImage) -> Iterator[Problem]:
    yield from _match(("reference",), _REFERENCE, base.reference, "is no image reference")
    yield from _match(
        ("distribution",), _DISTRIBUTION, base.distribution, "is no distribution that cogfreeze knows"
    )
    for key, digest in (("digest", base.digest), ("manifest", base.manifest), ("packages", base.packages)):
        if digest is not None:
            yield from _match((key,), _DIGEST, digest, "is no digest")
    if base.source not in ("registry", "catalogue"):
        yield ("source",), "must be `registry` or `catalogue`"


def _apt(apt: Apt) -> Iterator[Problem]:
    yield from _match(("snapshot",), _SNAPSHOT, apt.snapshot, "is no date of the form YYYYMMDDTHHMMSSZ")
    archives = {suite.archive for suite in apt.suites}
    for index, suite in enumerate(apt.suites):
        at = ("suites", f"[{index}]")
        yield from _match((*at, "inrelease"), _SHA256, suite.inrelease, "is no SHA-256")
        for word in (suite.archive, suite.suite, *suite.components):
            yield from _match(at, _NAME, word, f"has `{word}`, which is no archive, suite or component")
        if not suite.signers or not all(map(_FINGERPRINT.fullmatch, suite.signers)):
            yield (*at, "signers"), "must be the fingerprints of the keys that signed it"
    seen = set()
    for index, deb in enumerate(apt.packages):
        at = ("packages", f"[{index}]")
        yield from _under(at, _deb(deb))
        if deb.archive not in archives:
            yield (*at, "archive"), f"is `{deb.archive}`, which is none of the suites' archives"
        if (deb.name, deb.architecture) in seen:
            yield at, f"is a second `{deb.name}:{deb.architecture}`"
        seen.add((deb.name, deb.architecture))


def _deb(deb: Deb) -> Iterator[Problem]:
    yield from _match(("name",), _NAME, deb.name, "is no package name")
    yield from _match(("version",), _DEB_VERSION, deb.version, "is no package version")
    yield from _match(("architecture",), _ARCHITECTURE, deb.architecture, "is no architecture")
    yield from _match(("sha256",), _SHA256, deb.sha256, "is no SHA-256")
    if deb.size <= 0:
        yield ("size",), "must be more than 0"
    if not _PATH.fullmatch(deb.path) or ".." in deb.path.split("/") or "." in deb.path.split("/"):
        yield ("path",), "is no path of a .deb below an archive"
        return
    # A pool's file is called name_version_architecture.deb, its version without the epoch.
    expected = f"{deb.name}_{deb.version.split(':', 1)[-1]}_{deb.architecture}.deb"
    if deb.path.rsplit("/", 1)[-1] != expected:
        yield ("path",), f"does not end in `{expected}`"


def _wheels(wheels: tuple[Wheel, ...]) -> Iterator[Problem]:
    seen = set()
    for index, wheel in enumerate(wheels):
        yield from _under((f"[{index}]",), _wheel(wheel))
        if wheel.name in seen:
            yield (f"[{index}]",), f"is a second `{wheel.name}`"
        seen.add(wheel.name)


def _wheel(wheel: Wheel) -> Iterator[Problem]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    yield from _match(("name",), _WHEEL_NAME, wheel.name, "is no normalised package name")
    yield from _match(("sha256",), _SHA256, wheel.sha256, "is no SHA-256")
    yield from _match(("index",), _INDEX, wheel.index, "is no index name")
    if wheel.size <= 0:
        yield ("size",), "must be more than 0"
    if wheel.hash_origin not in ("index", "computed"):
        yield ("hash_origin",), "must be `index` or `computed`"
    try:
        name, version, _, _ = parse_wheel_filename(wheel.file)
    except InvalidWheelFilename:
        yield ("file",), "is no file name of a wheel"
        return
    if not re.fullmatch(r"[A-Za-z0-9_.!+-]+\.whl", wheel.file):
        yield ("file",), "is no file name of a wheel"
    if name != wheel.name or str(version) != wheel.version:
        yield ("file",), f"is not of `{wheel.name}` {wheel.version}"


def _file(file: LockedFile, path: tuple[str, ...]) -> Iterator[Problem]:
    yield from _match((*path, "url"), _URL, file.url, "is no http or https address")
    yield from _match((*path, "sha256"), _SHA256, file.sha256, "is no SHA-256")
