"""The changes that an attacker would make, or that a reviewer must not miss: shown first, in red.

Each rule yields values and never looks at the world. A lock whose address and hash were swapped together passes
every hash check; here it shows as another hash of one version, another origin, or a change that nobody declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.lock.inputs import part_of
from cogfreeze.review.declaration import declared_names
from cogfreeze.review.facts import short, snapshot
from cogfreeze.review.model import ADDED, DOWNGRADED, MOVED, REBUILT, Danger
from cogfreeze.review.packages import APT, BUILD, DECLARED, FILE, INTERPRETER, PYTHON, SDK, SERVER, packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.review.model import Diff, Knowledge, PackageChange, PlatformDiff
    from cogfreeze.review.packages import Package

# Part of the declaration → the parts of the lock that it may move: a package decides the CUDA, and so the base.
_MAY_MOVE = {
    "base": {"base", "apt", "python"},
    "apt": {"apt"},
    "toolchain": {"apt"},
    "python": {"python", "base", "apt"},
    "files": {"files"},
    "platforms": set[str](),
}


def dangers(before: Lock, after: Lock, found: Diff, knowledge: Knowledge) -> Iterator[Danger]:
    """Yield what to look at first, the worst kinds first."""
    yield from _frontend(before, after)
    platforms = [
        (each, before.for_platform(each.platform), after.for_platform(each.platform)) for each in found.platforms
    ]
    for change in found.files:
        yield from _of_package(change, None, python_changed=False)
    for platform, old, new in platforms:
        if old and new:
            yield from _base(found, old, new)
            yield from _archive(old, new)
        python_changed = bool(old and new and old.python.version != new.python.version)
        for change in platform.changes:
            yield from _of_package(change, platform.platform, python_changed=python_changed)
        yield from _new_indexes(platform, old, new)
        yield from _startup_files(platform, knowledge)
        members = [each.after for each in platform.changes if each.after]
        yield from undeclared(platform.platform, members, after)
    yield from _unexplained(before, after, found)


def _of_package(change: PackageChange, platform: str | None, *, python_changed: bool) -> Iterator[Danger]:
    old, new = change.before, change.after
    if old is None or new is None:
        return
    for rule, message, detail in (*_other_bytes(change, old, new, python_changed), *_other_origin(old, new)):
        yield Danger(
            rule=rule, platform=platform, subject=_name(new), message=message, detail=detail, place=new.place
        )
    if change.what == DOWNGRADED:
        yield Danger(
            rule="downgrade",
            platform=platform,
            subject=new.name,
            message="is older than before",
            detail=f"{old.version} before, {new.version} now",
            place=new.place,
        )


def _other_bytes(
    change: PackageChange, old: Package, new: Package, python_changed: bool
) -> Iterator[tuple[str, str, str]]:
    if change.what == REBUILT and new.form == old.form != "local":
        if old.file == new.file:
            message = "has another hash under the same version: the file was replaced, or the lock was edited"
            if new.kind == FILE:
                message = "has another hash: the file at this address was replaced, or the lock was edited"
            yield "other-hash", message, f"sha256 {short(old.sha256)}… before, {short(new.sha256)}… now"
        elif not python_changed:
            yield "other-file", "comes as another file of the same version", f"{old.file} before, {new.file} now"
    if change.what == MOVED and old.size != new.size:
        detail = f"{old.size} bytes before, {new.size} bytes now"
        yield "other-size", "has another size under the same hash: the lock was edited by hand", detail


def _other_origin(old: Package, new: Package) -> Iterator[tuple[str, str, str]]:
    # A .deb moves between the archives of its distribution; one that is new is reported by itself.
    if old.origin != new.origin and new.kind != APT:
        yield "new-origin", "comes from elsewhere now", f"from {old.origin} before, from {new.origin} now"
    elif old.url and new.url and old.url != new.url:
        yield "new-origin", "comes from elsewhere now", f"{old.url} before, {new.url} now"
    if old.form == "wheel" != new.form:
        message = "was a wheel and is built from source now: the build runs its code"
        yield "from-source", message, f"{old.file} before, {new.file} now"
    if (old.hash_origin, new.hash_origin) == ("index", "computed"):
        yield "no-index-hash", "has no hash from its index any more: it was computed from the download", ""


def _frontend(before: Lock, after: Lock) -> Iterator[Danger]:
    """The Dockerfile frontend runs with the build's rights."""
    old, new = before.tools.frontend, after.tools.frontend
    names = [each.partition("@")[0].rpartition(":")[0] for each in (old, new)]
    if names[0] != names[1]:
        yield Danger(
            rule="new-origin",
            platform=None,
            subject="the Dockerfile frontend",
            message="comes from another repository now",
            detail=f"{names[0]} before, {names[1]} now",
            place=("tools", "frontend"),
        )
    elif old.partition("@")[0] == new.partition("@")[0] and old != new:
        yield Danger(
            rule="other-hash",
            platform=None,
            subject="the Dockerfile frontend",
            message="has another digest under the same tag now",
            detail=f"{short(old.partition('@')[2])}… before, {short(new.partition('@')[2])}… now",
            place=("tools", "frontend"),
        )


def _base(found: Diff, old: PlatformLock, new: PlatformLock) -> Iterator[Danger]:
    repositories = [each.base.reference.rpartition(":")[0] or each.base.reference for each in (old, new)]
    moved_by = {part_of(change.key) for change in found.inputs}
    if repositories[0] != repositories[1] and not moved_by & {"base", "python"}:
        yield Danger(
            rule="new-origin",
            platform=new.platform,
            subject="the base image",
            message="comes from another repository, and the declaration does not ask for it",
            detail=f"{old.base.reference} before, {new.base.reference} now",
            place=("platforms", new.platform, "base", "reference"),
        )
    same = old.base.reference == new.base.reference and old.base.digest == new.base.digest
    for key in ("manifest", "packages"):
        was, now = getattr(old.base, key), getattr(new.base, key)
        # What only the catalogue vouched for may be corrected by a registry.
        if same and was and now and was != now and key not in old.base.unconfirmed:
            what = "platform manifest" if key == "manifest" else "package list"
            yield Danger(
                rule="other-hash",
                platform=new.platform,
                subject="the base image",
                message=f"has another {what} under the same digest: the lock was edited by hand",
                detail=f"{short(was)}… before, {short(now)}… now",
                place=("platforms", new.platform, "base", key),
            )


def _archive(old: PlatformLock, new: PlatformLock) -> Iterator[Danger]:
    if not (old.apt and new.apt):
        return
    before = {(each.archive, each.suite): each for each in old.apt.suites}
    other_release = old.base.distribution != new.base.distribution
    for index, suite in enumerate(new.apt.suites):
        place = ("platforms", new.platform, "apt", "suites", f"[{index}]")
        known = before.get((suite.archive, suite.suite))
        if known is None and not other_release:
            yield Danger(
                rule="new-origin",
                platform=new.platform,
                subject=f"{suite.archive} {suite.suite}",
                message="is an archive that packages did not come from before",
                place=place,
            )
        if known is not None and (keys := sorted(set(suite.signers) - set(known.signers))):
            yield Danger(
                rule="new-signer",
                platform=new.platform,
                subject=f"{suite.archive} {suite.suite}",
                message="is signed by a key that did not sign it before",
                detail=", ".join(keys),
                place=place,
            )
        if known is not None and new.apt.snapshot == old.apt.snapshot and known.inrelease != suite.inrelease:
            yield Danger(
                rule="other-hash",
                platform=new.platform,
                subject=f"{suite.archive} {suite.suite}",
                message="has another signed index at the same date",
                detail=f"InRelease {short(known.inrelease)}… before, {short(suite.inrelease)}… now",
                place=place,
            )
    if new.apt.snapshot < old.apt.snapshot:
        yield Danger(
            rule="downgrade",
            platform=new.platform,
            subject="the archive snapshot",
            message="is older than before: security updates since then are lost",
            detail=f"{snapshot(old.apt.snapshot)} before, {snapshot(new.apt.snapshot)} now",
            place=("platforms", new.platform, "apt", "snapshot"),
        )


def _new_indexes(platform: PlatformDiff, old: PlatformLock | None, new: PlatformLock | None) -> Iterator[Danger]:
    """An index that no package came from before; one that moved a package is reported with the package."""
    if old is None or new is None:
        return
    known = {each.origin for each in packages(old)}
    added: dict[str, list[str]] = {}
    for change in platform.changes:
        if change.what == ADDED and change.after and change.after.kind in (PYTHON, SDK):
            added.setdefault(change.after.origin, []).append(change.after.name)
    for index in sorted(added.keys() - known - {"pypi"}):
        yield Danger(
            rule="new-origin",
            platform=platform.platform,
            subject=f"the index {index}",
            message="is new: packages come from it for the first time",
            detail=_list(sorted(added[index])),
        )


def _startup_files(platform: PlatformDiff, knowledge: Knowledge) -> Iterator[Danger]:
    for change in platform.changes:
        if change.after is None:
            continue
        had = set(knowledge.startup_files.get(change.before.sha256, ())) if change.before else set()
        if gained := sorted(set(knowledge.startup_files.get(change.after.sha256, ())) - had):
            yield Danger(
                rule="startup-file",
                platform=platform.platform,
                subject=_name(change.after),
                message="brings a file that runs whenever Python starts",
                detail=_list(gained),
                place=change.after.place,
            )


def undeclared(platform: str, members: Iterable[Package], lock: Lock) -> Iterator[Danger]:
    """Yield the packages that no other requires and no line of the declaration names."""
    names = declared_names(lock.inputs)
    for each in members:
        if each.is_declared and (known := names.get(each.kind)) is not None and each.name not in known:
            yield Danger(
                rule="undeclared",
                platform=platform,
                subject=_name(each),
                message="is required by no package and named by no line of the declaration",
                place=each.place,
            )


def _unexplained(before: Lock, after: Lock, found: Diff) -> Iterator[Danger]:
    """Parts of the lock that moved although no key of the declaration that decides them did."""
    allowed = {part for change in found.inputs for part in _MAY_MOVE[part_of(change.key)]}
    moved: dict[str, set[str]] = {}
    if found.files:
        moved["files"] = {"files that `build.run` downloads"}
    for platform in found.platforms:
        if platform.status == "changed":
            for part, name in _moved(platform):
                moved.setdefault(part, set()).add(name)
    unexplained = sorted({each for part, names in moved.items() if part not in allowed for each in names})
    if unexplained:
        yield Danger(
            rule="unexplained",
            platform=None,
            subject="the declaration",
            message="does not explain these changes: somebody ran `cog lock --upgrade`, or edited the lock",
            detail=_list(unexplained),
        )
    if before.tools.runtime == after.tools.runtime:
        for platform in found.platforms:
            if platform.status == "changed" and any(each.package.kind == SERVER for each in platform.changes):
                yield Danger(
                    rule="unexplained",
                    platform=platform.platform,
                    subject="the server's packages",
                    message="changed although the release of cogfreeze did not",
                )


def _moved(platform: PlatformDiff) -> Iterator[tuple[str, str]]:
    kinds = {each.package.kind for each in platform.changes}
    if any(fact.name.startswith(("base image", "distribution")) for fact in platform.facts):
        yield "base", "the base image"
    if APT in kinds or any(fact.name.startswith("archive") for fact in platform.facts):
        yield "apt", "system packages"
    if kinds & {PYTHON, INTERPRETER, BUILD}:
        yield "python", "Python packages"


def _name(package: Package) -> str:
    if package.kind == FILE:
        return package.name
    return f"{package.name} {package.version}" + ("" if package.kind in DECLARED else f" ({package.kind})")


def _list(words: Iterable[str], shown: int = 5) -> str:
    found = list(words)
    rest = f" and {len(found) - shown} more" if len(found) > shown else ""
    return ", ".join(found[:shown]) + rest
