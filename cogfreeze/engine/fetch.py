"""Brings the files of a lock to this machine: from its cache, or from the indexes and mirrors it is set up for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.resolve.apt import deb_artifacts
from cogfreeze.resolve.fetch import fetch_all, input_artifacts
from cogfreeze.resolve.index import require_recorded
from cogfreeze.resolve.python import locate_wheels, source_archives
from cogfreeze.resolve.runtime import fetch_sdk, interpreter_artifacts

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.project.model import Project
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings


def fetch(
    lock: Lock, part: PlatformLock, project: Project, folder: Path, settings: Settings, report: Report
) -> dict[str, Path]:
    """Return the path of every .deb, wheel, input and interpreter of a platform, by sha256.

    Args:
        part: the platform's part of the lock.
        folder: the project's folder, which may contain local wheels.

    Raises:
        NetworkError: a download failed, and the file is not in the cache.
        ResolveError: none of this machine's indexes has a wheel.
        IntegrityError: a server sent a file with another hash.
        LockStale: the environment names another SDK.
        LockUnsound: a wheel requires something other than the lock records.
    """
    debs = [each for apt in (part.apt, part.build_apt) if apt for each in deb_artifacts(apt, settings)]
    wheels = locate_wheels(
        (*part.python.wheels, *part.python.build, *part.python.runtime),
        python=part.python.version,
        platform=part.platform,
        folder=folder,
        settings=settings,
        build=project.build,
    )
    sdk_wheel = fetch_sdk(part.python.sdk, settings)
    found = sdk_wheel | fetch_all(debs, settings, report, what="Debian packages")
    found |= fetch_all(wheels, settings, report, what="wheels")
    require_recorded(part.python.wheels, found, python=part.python.version, platform=part.platform)
    found |= fetch_all(interpreter_artifacts(part.python.interpreter, settings), settings, report, what="Pythons")
    found |= source_archives(
        part.python.sources,
        python=part.python.version,
        platform=part.platform,
        folder=folder,
        settings=settings,
        report=report,
        build=project.build,
    )
    return found | fetch_all(input_artifacts(lock.files), settings, report, what="inputs of commands")
