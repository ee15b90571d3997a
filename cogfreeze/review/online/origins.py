"""Asking the origin of each locked file whether it is what the lock says: index, archive, registry or address.

An origin that does not answer confirms nothing: that is a finding too.
"""

from __future__ import annotations

import fnmatch
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cogfreeze.errors import CogError, IntegrityError, NetworkError, ResolveError
from cogfreeze.resolve.apt import PackageIndex, verified_package_lists, verified_releases
from cogfreeze.resolve.base import Reference, Repository, config_digest, platforms_of_index
from cogfreeze.resolve.fetch import TIMEOUT, explaining_failures, fetch_and_hash
from cogfreeze.resolve.index import LOCAL_INDEX
from cogfreeze.resolve.runtime import interpreter_artifacts
from cogfreeze.review.facts import short
from cogfreeze.review.online.indexes import page
from cogfreeze.review.packages import APT, FILE, INTERPRETER, files, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.report import Report
    from cogfreeze.review.online.indexes import File, Indexes, Page
    from cogfreeze.review.packages import Package
    from cogfreeze.settings import Settings

_PARALLEL = 12
DIFFERS, NOT_CONFIRMED, HOST = "differs", "not-confirmed", "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that its origin does not confirm.

    Attributes:
        rule: `DIFFERS`, `NOT_CONFIRMED`, `HOST`, or the rule of a danger (`cogfreeze.review.dangers`).
        platform: None where it holds for all.
        place: the keys and `[index]`es that lead to it in cog.lock.
    """

    rule: str
    platform: str | None
    subject: str
    message: str
    place: tuple[str, ...]

    @property
    def severity(self) -> str:
        return {DIFFERS: "critical", HOST: "high", NOT_CONFIRMED: "medium"}.get(self.rule, "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, and how many artifacts their origins confirmed."""

    findings: tuple[Finding, ...]
    confirmed: int


class _Check:
    """One check of a lock: what is asked, and what came of it."""

    def __init__(self, indexes: Indexes, settings: Settings, report: Report) -> None:
        self.indexes, self.settings, self.report = indexes, settings, report
        self.findings: list[Finding] = []
        self.confirmed = 0

    def add(self, rule: str, platform: str | None, subject: str, message: str, place: tuple[str, ...]) -> None:
        self.findings.append(Finding(rule=rule, platform=platform, subject=subject, message=message, place=place))

    @contextmanager
    def asking(self, platform: str | None, subject: str, place: tuple[str, ...]) -> Iterator[None]:
        """Turn an origin's refusal or silence into a finding."""
        try:
            yield
        except IntegrityError as error:
            self.add(DIFFERS, platform, subject, error.message, place)
        except (NetworkError, ResolveError) as error:
            self.add(NOT_CONFIRMED, platform, subject, error.message, place)


def check(
    lock: Lock,
    before: Lock | None,
    *,
    indexes: Indexes,
    hosts: Sequence[str],
    settings: Settings,
    report: Report,
    fetch_source: Callable[[PlatformLock, Package], None],
) -> Outcome:
    """Ask the origin of everything that a lock holds, or of what it has more than `before`.

    Args:
        before: an earlier lock, whose artifacts are taken as known; None to ask of all.
        hosts: the only hosts that addresses in the lock may name, `*.example.org` too; empty for any.
        fetch_source: fetches a source package anew and compares it; raises CogError where it is another.
    """
    found = _Check(indexes, settings, report)
    known = _known(before)
    _check_hosts(lock, hosts, found)
    _check_frontend(lock, before, found)
    for file in files(lock):
        if _identity(file) not in known:
            _check_file(file, found)
    for platform in lock.platforms:
        old = before.for_platform(platform.platform) if before else None
        if old is None or old.base != platform.base:
            _check_base(platform, old, found)
        members = [each for each in packages(platform) if _identity(each) not in known]
        _check_packages(platform, [each for each in members if each.form in ("wheel", "sdist")], found)
        _check_debs(platform, old, [each for each in members if each.kind == APT], found)
        for each in members:
            if each.kind == INTERPRETER:
                _check_interpreter(platform, each, found)
            elif each.form in ("git", "local"):
                with found.asking(platform.platform, _name(each), each.place):
                    fetch_source(platform, each)
                    found.confirmed += 1
    return Outcome(findings=tuple(found.findings), confirmed=found.confirmed)


def _known(before: Lock | None) -> set[tuple[object, ...]]:
    if before is None:
        return set()
    every = [*files(before), *(each for platform in before.platforms for each in packages(platform))]
    return {_identity(each) for each in every}


def _identity(package: Package) -> tuple[object, ...]:
    """What an origin vouches for; who requires a package isn't part of it."""
    keys = ("kind", "name", "version", "file", "sha256", "size", "origin", "architecture", "url", "commit")
    return tuple(getattr(package, key) for key in keys)


def _name(package: Package) -> str:
    return package.name if package.kind == FILE else f"{package.name} {package.version}"


def _check_hosts(lock: Lock, hosts: Sequence[str], found: _Check) -> None:
    if not hosts:
        return
    every: list[tuple[str | None, Package]] = [(None, each) for each in files(lock)]
    every += [(platform.platform, each) for platform in lock.platforms for each in packages(platform)]
    for name, package in every:
        host = urlsplit(package.url).netloc.rpartition("@")[2] if package.url else ""
        if host and not any(fnmatch.fnmatchcase(host, pattern) for pattern in hosts):
            found.add(HOST, name, _name(package), f"its host `{host}` is not allowed", package.place)


def _check_file(file: Package, found: _Check) -> None:
    with found.asking(None, file.name, file.place), found.indexes.session() as web:
        got = fetch_and_hash(str(file.url), web, found.settings, found.report)
        _compare(found, None, file, file.origin, got.sha256, got.size)


def _check_interpreter(platform: PlatformLock, package: Package, found: _Check) -> None:
    (artifact,) = interpreter_artifacts(platform.python.interpreter, found.settings)
    with found.asking(platform.platform, _name(package), package.place), found.indexes.session() as web:
        got = fetch_and_hash(artifact.urls[0], web, found.settings, found.report)
        _compare(found, platform.platform, package, "its address", got.sha256, got.size)


def _compare(
    found: _Check, platform: str | None, package: Package, origin: str, sha256: str, size: int | None
) -> None:
    if sha256 != package.sha256:
        message = f"{origin} has sha256 {short(sha256)}…, the lock has {short(package.sha256)}…"
        found.add(DIFFERS, platform, _name(package), message, package.place)
    elif size is not None and size != package.size:
        message = f"{origin} has {size} bytes, the lock has {package.size}"
        found.add(DIFFERS, platform, _name(package), message, package.place)
    else:
        found.confirmed += 1


# Python packages


def _check_packages(platform: PlatformLock, members: Sequence[Package], found: _Check) -> None:
    local = [each for each in members if each.origin == LOCAL_INDEX]
    asked = [each for each in members if each.origin not in (LOCAL_INDEX, "url")]
    for each in members:
        if each.origin == "url" or each in local:
            message = "it comes from a path or address of the declaration, which no index confirms"
            found.add(NOT_CONFIRMED, platform.platform, _name(each), message, each.place)
    if not asked:
        return
    with (
        found.report.step(f"asking the indexes about {len(asked)} packages"),
        found.indexes.session() as web,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        pages = pool.map(lambda each: _page(each, found.indexes, web), asked)
        for package, answer in zip(asked, pages, strict=True):
            _check_on_page(platform, package, answer, found, web)


def _page(package: Package, indexes: Indexes, web: requests.Session) -> Page | CogError:
    url = indexes.url(package.origin)
    if url is None:
        return NetworkError(f"this machine knows no index `{package.origin}`")
    try:
        return page(web, url, package.name)
    except CogError as error:
        return error


def _check_on_page(
    platform: PlatformLock, package: Package, answer: Page | CogError, found: _Check, web: requests.Session
) -> None:
    at = platform.platform, _name(package)
    if isinstance(answer, CogError):
        found.add(NOT_CONFIRMED, *at, answer.message, package.place)
        return
    file = answer.files.get(package.file)
    if file is None:
        message = f"the index {package.origin} has no file `{package.file}`"
        found.add(DIFFERS, *at, message, package.place)
    elif file.sha256 is None:
        _check_download(platform, package, file, found, web)
    else:
        size = file.size if file.size is not None else _size(found.indexes.file_url(file), web)
        _compare(found, platform.platform, package, f"the index {package.origin}", file.sha256, size)


def _size(url: str, web: requests.Session) -> int | None:
    """Ask for a file's size alone; None where the server doesn't say."""
    try:
        with explaining_failures(url):
            answer = web.head(url, allow_redirects=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"})
    except NetworkError:
        return None
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.status_code == 200 and length.isdigit() else None


def _check_download(
    platform: PlatformLock, package: Package, file: File, found: _Check, web: requests.Session
) -> None:
    """An index that gives no hash can only confirm by the file itself."""
    with found.asking(platform.platform, _name(package), package.place):
        got = fetch_and_hash(found.indexes.file_url(file), web, found.settings, found.report)
        _compare(found, platform.platform, package, f"the file of {package.origin}", got.sha256, got.size)


# System packages


def _check_debs(platform: PlatformLock, old: PlatformLock | None, debs: Sequence[Package], found: _Check) -> None:
    apt = platform.apt
    same_archive = old is not None and old.apt is not None and apt is not None and old.apt.suites == apt.suites
    if apt is None or not (debs or not same_archive):
        return
    place = ("platforms", platform.platform, "apt", "suites")
    with found.asking(platform.platform, "the archive's signed indexes", place):
        releases = verified_releases(platform.base.distribution, apt.snapshot, found.settings, found.report)
        signed = {(each.archive, each.suite): each for each in (release.suite() for release in releases)}
        for index, suite in enumerate(apt.suites):
            at = (*place, f"[{index}]")
            subject, known = f"{suite.archive} {suite.suite}", signed.get((suite.archive, suite.suite))
            if known is None:
                message = f"{platform.base.distribution} has no such archive"
                found.add(DIFFERS, platform.platform, subject, message, at)
            elif (known.inrelease, known.signers) != (suite.inrelease, suite.signers):
                message = f"its signed index is {short(known.inrelease)}…, the lock has {short(suite.inrelease)}…"
                found.add(DIFFERS, platform.platform, subject, message, at)
            else:
                found.confirmed += 1
        native = platform.platform.rpartition("/")[2]
        foreign = sorted({str(each.architecture) for each in debs} - {native, "all"})
        lists = PackageIndex(
            verified_package_lists(releases, (native, *foreign), apt.snapshot, found.settings, found.report)
        )
        for deb in debs:
            _check_deb(platform, deb, lists, found)
        return
    if debs:
        names = ", ".join(each.name for each in debs[:5]) + (" and more" if len(debs) > 5 else "")
        message = f"no signed index of the archive could be read for {names}"
        found.add(NOT_CONFIRMED, platform.platform, f"{len(debs)} system packages", message, debs[0].place)


def _check_deb(platform: PlatformLock, deb: Package, lists: PackageIndex, found: _Check) -> None:
    offered = [
        each
        for each in lists.stanzas(deb.name)
        if (each.archive, each["Version"], each["Architecture"]) == (deb.origin, deb.version, deb.architecture)
    ]
    path = next((each for each in offered if each["Filename"].rpartition("/")[2] == deb.file), None)
    if path is None:
        message = f"no signed package list of {deb.origin} has it"
        found.add(DIFFERS, platform.platform, _name(deb), message, deb.place)
    else:
        size = int(path["Size"]) if path["Size"].isdigit() else None
        _compare(found, platform.platform, deb, "the signed package list", path["SHA256"], size)


# Images


def _check_base(platform: PlatformLock, old: PlatformLock | None, found: _Check) -> None:
    base = platform.base
    at = ("platforms", platform.platform, "base", "digest")
    reference = Reference.parse(f"{base.reference}@{base.digest}")
    with found.asking(platform.platform, "the base image", at), Repository(reference, found.settings) as registry:
        document = registry.manifest(base.digest)
        there = platforms_of_index(document)
        manifest = there.get(platform.platform, "") if there else document.digest
        if base.manifest is not None and manifest != base.manifest:
            message = f"the registry's manifest is {short(manifest)}…, the lock has {short(base.manifest)}…"
            found.add(DIFFERS, platform.platform, "the base image", message, (*at[:-1], "manifest"))
            return
        if reference.tag and old is not None:
            # Somebody has just locked it, so it should be what the tag names today.
            today = registry.manifest(reference.tag).digest
            if base.digest not in (today, manifest):
                message = (
                    f"the tag `{base.reference}` names {short(today)}… now, the lock has {short(base.digest)}…"
                )
                found.add(NOT_CONFIRMED, platform.platform, "the base image", message, at)
                return
        if problem := _wrong_python(registry, manifest, reference):
            found.add(DIFFERS, platform.platform, "the base image", problem, at)
            return
        found.confirmed += 1


def _wrong_python(registry: Repository, manifest: str, reference: Reference) -> str | None:
    """Say what is wrong with an image that is called `python:3.11…` and has another Python."""
    if reference.repository != "library/python" or not reference.tag or not reference.tag[:1].isdigit():
        return None
    config = registry.blob(config_digest(registry.manifest(manifest), reference)).get("config") or {}
    wanted = reference.tag.partition("-")[0].split(".")
    for each in config.get("Env") or ():
        name, _, value = str(each).partition("=")
        if name == "PYTHON_VERSION" and value.split(".")[: len(wanted)] != wanted:
            return f"it is called `{reference.name}` and has Python {value}"
    return None


def _check_frontend(lock: Lock, before: Lock | None, found: _Check) -> None:
    if before is not None and before.tools.frontend == lock.tools.frontend:
        return
    reference = Reference.parse(lock.tools.frontend)
    place = ("tools", "frontend")
    with found.asking(None, "the Dockerfile frontend", place), Repository(reference, found.settings) as registry:
        registry.manifest(str(reference.digest))
        found.confirmed += 1
