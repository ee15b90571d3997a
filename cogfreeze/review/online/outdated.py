"""What is newer than what is locked: on the indexes, in the archive today, and under the base image's tag."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.catalog.distributions import glibc
from cogfreeze.errors import CogError
from cogfreeze.lock import debian_version
from cogfreeze.resolve.apt import PackageIndex, default_snapshot, verified_package_lists, verified_releases
from cogfreeze.resolve.base import Reference, Repository
from cogfreeze.resolve.index import LOCAL_INDEX, target_for, wheel_rank
from cogfreeze.review.facts import short, snapshot
from cogfreeze.review.online.indexes import page
from cogfreeze.review.packages import APT, PYTHON, packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.version import Version

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.report import Report
    from cogfreeze.resolve.index import Target
    from cogfreeze.review.online.indexes import File, Indexes, Page
    from cogfreeze.review.packages import Package
    from cogfreeze.settings import Settings

BASE = "base"
_PARALLEL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """Something of which there is a newer version.

    Attributes:
        kind: `BASE`, `apt` or `python`.
        newest: None where only `note` is to be said.
        note: the project's status at its index (`archived`, `quarantined`), or why nobody could be asked.
        command: what moves it.
    """

    platform: str
    kind: str
    name: str
    locked: str
    newest: str | None
    declared: bool
    command: str
    note: str = ""


def outdated(lock: Lock, indexes: Indexes, settings: Settings, report: Report) -> Iterator[Newer]:
    """Yield what is newer, for each platform: the base image, system packages, Python packages."""
    for platform in lock.platforms:
        yield from _base(platform, settings)
        yield from _system(platform, settings, report)
        yield from _python(platform, indexes, report)


def _base(platform: PlatformLock, settings: Settings) -> Iterator[Newer]:
    base, reference = platform.base, Reference.parse(platform.base.reference)
    if reference.tag is None:
        return

    def newer(newest: str | None, note: str = "") -> Newer:
        return Newer(
            platform=platform.platform,
            kind=BASE,
            name=base.reference,
            locked=short(base.digest),
            newest=newest,
            declared=True,
            command="cog lock --upgrade-base",
            note=note,
        )

    try:
        with Repository(reference, settings) as registry:
            today = registry.manifest(reference.tag).digest
    except CogError as error:
        yield newer(None, error.message)
        return
    if today not in (base.digest, base.manifest):
        yield newer(short(today))


def _system(platform: PlatformLock, settings: Settings, report: Report) -> Iterator[Newer]:
    debs = [each for each in packages(platform) if each.kind == APT]
    if not debs or platform.apt is None:
        return
    distribution = platform.base.distribution
    try:
        today = default_snapshot(distribution, settings)
        releases = verified_releases(distribution, today, settings, report)
        native = platform.platform.rpartition("/")[2]
        foreign = sorted({str(each.architecture) for each in debs} - {native, "all"})
        index = PackageIndex(verified_package_lists(releases, (native, *foreign), today, settings, report))
    except CogError as error:
        locked = snapshot(platform.apt.snapshot)
        yield _newer(
            platform, debs[0], None, "cog lock --upgrade-apt", error.message, name="archive", locked=locked
        )
        return
    for deb in debs:
        offered = [
            each["Version"]
            for each in index.stanzas(deb.name)
            if each["Architecture"] in (deb.architecture, "all")
        ]
        newest = max(offered, key=debian_version.key, default=deb.version)
        if debian_version.key(newest) > debian_version.key(deb.version):
            yield _newer(platform, deb, newest, "cog lock --upgrade-apt")


def _newer(
    platform: PlatformLock,
    package: Package,
    newest: str | None,
    command: str,
    note: str = "",
    *,
    name: str | None = None,
    locked: str | None = None,
) -> Newer:
    return Newer(
        platform=platform.platform,
        kind=package.kind,
        name=name or package.name,
        locked=locked or package.version,
        newest=newest,
        declared=package.is_declared,
        command=command,
        note=note,
    )


def _python(platform: PlatformLock, indexes: Indexes, report: Report) -> Iterator[Newer]:
    members = [
        each for each in packages(platform) if each.kind == PYTHON and each.origin not in (LOCAL_INDEX, "url")
    ]
    target = target_for(platform.python.version, platform.platform, glibc(platform.base.distribution))
    for package, answer in zip(members, _pages(members, indexes, report), strict=True):
        command = f"cog lock --upgrade-package {package.name}"
        if isinstance(answer, CogError):
            yield _newer(platform, package, None, command, answer.message)
            continue
        newest = _newest(package, answer, target)
        status = (
            "" if answer.status == "active" else answer.status + (f": {answer.reason}" if answer.reason else "")
        )
        if newest or status:
            yield _newer(platform, package, newest, command, status)


def _pages(members: Sequence[Package], indexes: Indexes, report: Report) -> list[Page | CogError]:
    if not members:
        return []
    with (
        report.step(f"asking the indexes about {len(members)} packages"),
        indexes.session() as web,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):

        def ask(package: Package) -> Page | CogError:
            url = indexes.url(package.origin)
            try:
                return (
                    page(web, url, package.name) if url else CogError(f"no index `{package.origin}` is known here")
                )
            except CogError as error:
                return error

        return list(pool.map(ask, members))


def _newest(package: Package, answer: Page, target: Target) -> str | None:
    """Return the newest release that the image could have; None where that is the locked one."""
    from packaging.version import InvalidVersion, Version

    try:
        locked = Version(package.version)
    except InvalidVersion:
        return None
    offered = [version for file in answer.files.values() if (version := _version(file, target)) is not None]
    fitting = [each for each in offered if locked.is_prerelease or not each.is_prerelease]
    newest: Any = max(fitting, default=locked)
    return str(newest) if newest > locked else None


def _runs(requires: str | None, python: str) -> bool:
    """Say whether a Python is one that a file asks for; `3.11` stands for its newest patch."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return not requires or SpecifierSet(requires).contains(
            python if python.count(".") == 2 else f"{python}.99"
        )
    except InvalidSpecifier:
        return True


def _version(file: File, target: Target) -> Version | None:
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    if file.yanked is not None or not _runs(file.requires_python, target.python):
        return None
    try:
        if file.name.endswith(".whl"):
            return parse_wheel_filename(file.name)[1] if wheel_rank(file.name, target) is not None else None
        return parse_sdist_filename(file.name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
