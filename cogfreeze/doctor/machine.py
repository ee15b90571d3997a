"""Checks of this machine: engine, disk, uv, CA bundle, GPU, and the services that locking needs."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from cogfreeze.doctor.check import WARNING, Check, failed, ok
from cogfreeze.errors import CogError, NetworkError
from cogfreeze.resolve.apt import default_snapshot
from cogfreeze.resolve.base import Reference, Repository
from cogfreeze.resolve.python import uv_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.settings import Settings

_LITTLE_DISK = 10 << 30
# A clock that is wrong by more than this makes certificates and signatures invalid.
_SKEW_SECONDS = 300
_SECONDS = 60


def machine_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks that need no network."""
    yield _engine()
    yield _disk(settings)
    yield ok("uv", f"uv {uv_version()}")
    if settings.ca_bundle is not None and not settings.ca_bundle.is_file():
        message = f"`COG_CA_BUNDLE` is not a file: `{settings.ca_bundle}`"
        yield Check(
            name="CA bundle", status="failed", message=message, cure="set it to a file of PEM certificates"
        )
    elif settings.ca_bundle is not None:
        yield ok("CA bundle", str(settings.ca_bundle))


def service_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of the registry, the package index and the archive, with the mirrors that are set."""
    if settings.offline:
        yield Check(name="services", status="skipped", message="not checked offline")
        return
    yield from _registry(settings)
    yield _index()
    mirrored = f" ({settings.debian_snapshot})" if settings.debian_snapshot else ""
    try:
        snapshot = default_snapshot("debian:bookworm", settings)
        yield ok("archive", f"Debian's archive of {snapshot[:8]} is signed and complete{mirrored}")
    except CogError as error:
        yield failed("archive", error)


def _engine() -> Check:
    from cogfreeze.engine import docker

    try:
        return ok("engine", docker.find().release)
    except CogError as error:
        return failed("engine", error)


def _disk(settings: Settings) -> Check:
    folder = settings.cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    message = f"{free / (1 << 30):.0f} GiB are free for the cache in `{settings.cache}`"
    if free < _LITTLE_DISK:
        cure = "free some space, or set `COG_CACHE_DIR` to another disk"
        return Check(name="disk", status=WARNING, message=message, cure=cure)
    return ok("disk", message)


def _registry(settings: Settings) -> Iterator[Check]:
    mirrored = f" ({settings.registry_mirror})" if settings.registry_mirror else ""
    try:
        with Repository(Reference.parse("python"), settings) as repository:
            date = repository.date()
    except CogError as error:
        yield failed("registry", error)
        return
    yield ok("registry", f"the registry answers{mirrored}")
    if date is None:
        return
    skew = abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    if skew > _SKEW_SECONDS:
        message = f"this machine's clock differs from the registry's by {skew / 60:.0f} minutes"
        yield Check(name="clock", status="failed", message=message, cure="set the clock, for example with NTP")
    else:
        yield ok("clock", "the clock is right")


def _index() -> Check:
    """Ask the index as uv knows it, with the machine's own settings and credentials."""
    from uv import find_uv_bin

    words = [find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-cache", "-"]
    try:
        run = subprocess.run(
            words, input="packaging", capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return failed(
            "index", NetworkError("the package index timed out", hint="check the network and `UV_INDEX`")
        )
    if run.returncode:
        last = next(
            (line.strip(" ╰─▶×") for line in reversed(run.stderr.splitlines()) if line.strip()), "no reason"
        )
        error = NetworkError(
            f"the package index can't be used: {last}", hint="check the network and uv's settings"
        )
        return failed("index", error)
    return ok("index", "the package index answers")
