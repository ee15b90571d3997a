"""An audit as lines, JSON and SARIF results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cogfreeze.review.packages import APT, KINDS, SERVER
from cogfreeze.review.render.text import DANGER, FAINT, HEADING, PLAIN
from cogfreeze.review.sarif import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.review.audit.findings import Audit, Finding, Notice
    from cogfreeze.review.lines import Lines
    from cogfreeze.review.render.text import Line


def text_lines(audit: Audit, lines: Lines, file: str) -> Iterator[Line]:
    """Yield an audit for people, the worst first."""
    for finding in audit.findings:
        style = DANGER if finding.rank >= 3 else HEADING
        yield style, f"{finding.title}, {finding.match.severity}: {_subject(finding)}"
        if finding.match.summary:
            yield PLAIN, f"  {finding.match.summary}"
        yield PLAIN, f"  {fix(finding)}"
        if finding.note:
            yield PLAIN, f"  {finding.note}"
        yield FAINT, f"  {_where(finding, lines, file)}"
    for notice in audit.notices:
        package = notice.place.package
        reason = f": {notice.reason}" if notice.reason else ""
        style = DANGER if notice.status == "quarantined" else HEADING
        yield style, f"{package.name} {package.version} is {notice.status}{reason}"
        yield FAINT, f"  {file}:{lines.of(package.place)}"
    if audit.ignored:
        yield HEADING, f"Ignored ({len(audit.ignored)})"
    for finding in audit.ignored:
        yield FAINT, f"  {finding.title}, {finding.match.severity}: {_subject(finding)}: {finding.ignored}"
    yield from _remarks(audit)
    yield HEADING, summary(audit)


def _remarks(audit: Audit) -> Iterator[Line]:
    for ignore in audit.stale:
        about = f" for {ignore.package}" if ignore.package else ""
        yield HEADING, f"{ignore.id}{about} is ignored in cog.yaml and matches nothing: remove the entry"
    reasons: dict[str, list[str]] = {}
    for place, reason in audit.unknown:
        reasons.setdefault(reason, []).append(place.package.name)
    for reason, names in sorted(reasons.items()):
        shown = ", ".join(sorted(set(names))[:5])
        yield HEADING, f"not checked, because {reason}: {shown}" + (" and more" if len(set(names)) > 5 else "")


def summary(audit: Audit) -> str:
    """Return one line: how many were found and checked."""
    count = len(audit.findings)
    counts: dict[str, int] = {}
    for each in audit.findings:
        counts[each.match.severity] = counts.get(each.match.severity, 0) + 1
    levels = ", ".join(f"{number} {level}" for level, number in counts.items())
    found = "No known vulnerability"
    if count:
        found = f"{count} known {'vulnerability' if count == 1 else 'vulnerabilities'} ({levels})"
    more = f", {len(audit.ignored)} ignored" if audit.ignored else ""
    more += f", {audit.unimportant} that Debian calls unimportant left out" if audit.unimportant else ""
    return f"{found}{more}; {audit.checked} packages checked. The base image's own packages are not in the lock."


def fix(finding: Finding) -> str:
    """Return what to do, in one sentence."""
    match, package = finding.match, finding.places[0].package
    if match.fixed is None:
        return "no fixed version is known"
    if package.kind == APT:
        return f"fixed in {match.fixed}: `cog lock --upgrade-apt`"
    if package.kind == SERVER:
        return f"fixed in {match.fixed}: a release of cogfreeze has to bring it"
    return f"fixed in {match.fixed}: `cog lock --upgrade-package {package.name}`"


def _subject(finding: Finding) -> str:
    package = finding.places[0].package
    if package.kind == APT and (package.name != finding.query.name or len(_names(finding)) > 1):
        return f"{', '.join(_names(finding))} {package.version}, built from {finding.query.name}"
    kind = "" if package.kind in (APT, "python") else f" ({KINDS[package.kind].removesuffix('s')})"
    return f"{package.name} {package.version}{kind}"


def _names(finding: Finding) -> list[str]:
    return list(dict.fromkeys(place.package.name for place in finding.places))


def _where(finding: Finding, lines: Lines, file: str) -> str:
    numbers = sorted({lines.of(place.package.place) for place in finding.places})
    return ", ".join([f"{file}:{numbers[0]}", *(f":{number}" for number in numbers[1:5])])


def as_json(audit: Audit, lines: Lines) -> dict[str, Any]:
    """Return an audit as JSON values."""
    return {
        "format": 1,
        "findings": [_finding(each, lines) for each in audit.findings],
        "ignored": [_finding(each, lines) for each in audit.ignored],
        "notices": [_notice(each, lines) for each in audit.notices],
        "stale_ignores": [{"id": each.id, "package": each.package} for each in audit.stale],
        "not_checked": [{"package": place.package.name, "reason": reason} for place, reason in audit.unknown],
        "unimportant": audit.unimportant,
        "checked": audit.checked,
    }


def _finding(finding: Finding, lines: Lines) -> dict[str, Any]:
    match = finding.match
    return {
        "id": match.id,
        "name": finding.title,
        "aliases": list(match.aliases),
        "severity": match.severity,
        "score": match.score,
        "summary": match.summary,
        "ecosystem": finding.query.ecosystem,
        "package": finding.query.name,
        "version": finding.query.version,
        "fixed": match.fixed,
        "ignored": finding.ignored,
        "note": finding.note or None,
        "places": [
            {
                "platform": place.platform,
                "kind": place.package.kind,
                "name": place.package.name,
                "version": place.package.version,
                "line": lines.of(place.package.place),
            }
            for place in finding.places
        ],
    }


def _notice(notice: Notice, lines: Lines) -> dict[str, Any]:
    package = notice.place.package
    return {
        "status": notice.status,
        "reason": notice.reason,
        "platform": notice.place.platform,
        "name": package.name,
        "version": package.version,
        "line": lines.of(package.place),
    }


def sarif_results(audit: Audit, lines: Lines) -> Iterator[Result]:
    """Yield an audit as SARIF results, one for each locked package."""
    for finding in (*audit.findings, *audit.ignored):
        for place in finding.places:
            package = place.package
            message = f"{package.name} {package.version}: {finding.match.summary or finding.title}; {fix(finding)}"
            yield Result(
                rule=finding.title,
                title=finding.match.summary or finding.title,
                message=message,
                severity=finding.match.severity,
                score=finding.match.score,
                line=lines.of(package.place),
                identity=f"{place.platform} {package.kind} {package.name} {package.version}",
                suppressed=finding.ignored,
            )
    for notice in audit.notices:
        package = notice.place.package
        yield Result(
            rule=f"package-{notice.status}",
            title=f"the package is {notice.status} at its index",
            message=f"{package.name} {package.version} is {notice.status}: {notice.reason or 'no reason given'}",
            severity="critical" if notice.status == "quarantined" else "medium",
            line=lines.of(package.place),
            identity=f"{notice.place.platform} {package.name} {package.version}",
        )
