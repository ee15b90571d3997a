"""`cog lock --check --online`: each locked file held to what its origin says of it today."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import loading
from cogfreeze.errors import LockStale, LockUnsound
from cogfreeze.review.render.text import DANGER, HEADING, PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.cli.loading import Declared
    from cogfreeze.cli.reviewing import NamedLock
    from cogfreeze.lock.model import PlatformLock
    from cogfreeze.report import Report
    from cogfreeze.review.lines import Lines
    from cogfreeze.review.online.origins import Finding, Outcome
    from cogfreeze.review.packages import Package
    from cogfreeze.review.render.text import Line
    from cogfreeze.settings import Settings


def check(now: NamedLock, before: NamedLock | None, declared: Declared, report: Report) -> Outcome:
    """Ask the origins of what a lock holds more than an earlier one; hold it to its declaration, too.

    Args:
        before: the earlier lock; None to ask of everything.

    Raises:
        LockUnusable, ProjectError: something can't be read.
    """
    from cogfreeze.review.online import origins
    from cogfreeze.review.online.indexes import Indexes
    from cogfreeze.settings import Settings

    settings, project, folder = Settings.from_environment(), declared.project, declared.folder
    found = origins.check(
        now.lock,
        before.lock if before else None,
        indexes=Indexes(project.build, folder, settings),
        hosts=settings.review_hosts or project.review.hosts,
        settings=settings,
        report=report,
        fetch_source=lambda platform, package: _fetch_source(platform, package, declared, settings, report),
    )
    more = (*_stale(now, declared), *_unexplained(before, now))
    return replace(found, findings=(*more, *found.findings))


def _stale(now: NamedLock, declared: Declared) -> Iterator[Finding]:
    from cogfreeze.review.online.origins import Finding

    try:
        loading.require_current(now.lock, declared, for_image=False)
    except (LockStale, LockUnsound) as error:
        rule = "stale" if isinstance(error, LockStale) else "unsound"
        for reason in error.reasons:
            yield Finding(rule=rule, platform=None, subject="the declaration", message=reason, place=("inputs",))


def _unexplained(before: NamedLock | None, now: NamedLock) -> Iterator[Finding]:
    """What no declaration explains: of an earlier lock's changes, or of all packages where there is none."""
    from cogfreeze.review.changes import diff
    from cogfreeze.review.dangers import undeclared
    from cogfreeze.review.online.origins import Finding
    from cogfreeze.review.packages import packages

    if before is None:
        dangers = [
            each
            for platform in now.lock.platforms
            for each in undeclared(platform.platform, packages(platform), now.lock)
        ]
    else:
        wanted = ("unexplained", "undeclared", "other-size")
        dangers = [each for each in diff(before.lock, now.lock).dangers if each.rule in wanted]
    for each in dangers:
        message = f"{each.message}: {each.detail}" if each.detail else each.message
        yield Finding(
            rule=each.rule, platform=each.platform, subject=each.subject, message=message, place=each.place
        )


def _fetch_source(
    platform: PlatformLock, package: Package, declared: Declared, settings: Settings, report: Report
) -> None:
    """Fetch a source anew, past every cache, and compare it with the lock."""
    import tempfile
    from pathlib import Path

    from cogfreeze.resolve.python import source_archives

    wanted = [each for each in platform.python.sources if each.name == package.name]
    with tempfile.TemporaryDirectory(prefix="cogfreeze-") as empty:
        source_archives(
            wanted,
            python=platform.python.version,
            platform=platform.platform,
            folder=declared.folder,
            settings=replace(settings, cache=Path(empty)),
            report=report,
            build=declared.project.build,
        )


def text_lines(outcome: Outcome, lines: Lines, file: str) -> Iterator[Line]:
    """Yield an outcome for people."""
    for each in outcome.findings:
        style = DANGER if each.severity in ("critical", "high") else HEADING
        platform = f" ({each.platform})" if each.platform else ""
        yield style, f"{file}:{lines.of(each.place)}: {each.subject}{platform}: {_word(each)}{each.message}"
    count = len(outcome.findings)
    confirmed = f"{outcome.confirmed} confirmed by their origins"
    if count:
        yield HEADING, f"{count} {'finding' if count == 1 else 'findings'}; {confirmed}"
    else:
        yield PLAIN, f"{file} is current; {confirmed}"


def _word(finding: Finding) -> str:
    return "not confirmed: " if finding.rule == "not-confirmed" else ""


def as_json(outcome: Outcome, lines: Lines) -> dict[str, Any]:
    """Return an outcome as JSON values."""
    return {
        "format": 1,
        "confirmed": outcome.confirmed,
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity,
                "platform": each.platform,
                "subject": each.subject,
                "message": each.message,
                "line": lines.of(each.place),
            }
            for each in outcome.findings
        ],
    }
