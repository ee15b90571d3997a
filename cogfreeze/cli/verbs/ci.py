"""`cog ci`: all checks of a pull request's lock in one command."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli import loading, reviewing
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import LockStale, LockUnsound, UsageError
from cogfreeze.review import ci, sarif

if TYPE_CHECKING:
    from cogfreeze.cli.loading import Declared
    from cogfreeze.cli.reviewing import NamedLock
    from cogfreeze.report import Report
    from cogfreeze.review.ci import Check
    from cogfreeze.review.lines import Lines

FAIL_ON = ("any", "low", "medium", "high", "critical", "never")

EXAMPLES = ("cog ci --target origin/main --comment comment.md --sarif cog.sarif",)


def configure(parser: argparse.ArgumentParser) -> None:
    loading_options = parser.add_argument_group("checks")
    loading_options.add_argument("-f", "--file", metavar="FILE", help="the project's file (default: cog.yaml)")
    loading_options.add_argument(
        "--target",
        metavar="REV",
        help="the target branch of the pull request (default: as the CI reports, or main)",
    )
    loading_options.add_argument(
        "--skip",
        action="append",
        default=[],
        choices=(ci.ORIGINS, ci.AUDIT, ci.LICENCES),
        help="skip a check; can be repeated",
    )
    loading_options.add_argument("--database", metavar="DIR", help="as in `cog audit`")
    loading_options.add_argument("--vex", metavar="FILE", action="append", default=[], help="as in `cog audit`")
    loading_options.add_argument(
        "--fail-on", choices=FAIL_ON, default="high", help="as in `cog audit` (default: high)"
    )
    image = loading_options.add_mutually_exclusive_group()
    image.add_argument(
        "--build", action="store_true", help="also build the image, and compare it with the lock's record"
    )
    image.add_argument("--verify", action="store_true", help="also build the image twice from scratch and compare")
    written = parser.add_argument_group("output")
    written.add_argument("--comment", metavar="FILE", help="write a comment for the pull request, as Markdown")
    written.add_argument("--json", metavar="FILE", help="write all results as JSON")
    written.add_argument("--sarif", metavar="FILE", help="write each finding, with its line in the lock, as SARIF")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Exit status: 0 if nothing was found; 1 stale or inconsistent lock; 2 unusable input; 3 a change that "
        "its origin does not confirm; 4 a known vulnerability; 5 a licence that is not accepted; 6 an image "
        "that differs from the record or does not build. All checks run; the first one that fails sets the "
        "exit status."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review.changes import diff
    from cogfreeze.review.lines import Lines

    report = TerminalReport()
    declared = loading.declared(arguments.file, report)
    now = reviewing.from_file(declared.lock_path)
    target = arguments.target or _target()
    before = reviewing.from_revision(target, declared.lock_path)
    lines, name = Lines(now.text), reviewing.path_in_repository(declared.lock_path)
    found = diff(
        before.lock if before else None,
        now.lock,
        names=(before.name if before else f"no lock at {target}", now.name),
        layers=(reviewing.layers(before.lock if before else None), reviewing.layers(now.lock)),
    )
    checks = (
        _current(now, declared, lines),
        _origins(now, before, declared, lines, report, skip=ci.ORIGINS in arguments.skip),
        _audit(now, declared, lines, report, arguments),
        _licences(now, declared, lines, report, skip=ci.LICENCES in arguments.skip),
        *_image(arguments),
    )
    if arguments.comment:
        _write(arguments.comment, ci.comment(checks, found, name))
    if arguments.json:
        _write(arguments.json, json.dumps(ci.document(checks, found), ensure_ascii=False, indent=2) + "\n")
    if arguments.sarif:
        document = sarif.document(ci.results(checks, found, lines), name)
        _write(arguments.sarif, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    _show(checks)
    return ci.exit_status(checks)


def _target() -> str:
    """Return what this CI says that the pull request goes to."""
    environment = os.environ
    if base := environment.get("GITHUB_BASE_REF"):
        return f"origin/{base}"
    if commit := environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        return commit
    if base := environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        return f"origin/{base}"
    return "main"


def _current(now: NamedLock, declared: Declared, lines: Lines) -> Check:
    try:
        loading.require_current(now.lock, declared)
    except (LockStale, LockUnsound) as error:
        rule = "stale" if isinstance(error, LockStale) else "unsound"
        return ci.Check(
            name=ci.CURRENT,
            passed=False,
            summary=f"it is {rule}: run `cog lock`",
            findings=error.reasons,
            results=tuple(
                sarif.Result(
                    rule=rule,
                    title="the lock does not match the declaration or itself",
                    message=reason,
                    severity="high",
                    line=lines.of(("inputs",)),
                    identity=reason,
                )
                for reason in error.reasons
            ),
        )
    return ci.Check(name=ci.CURRENT, passed=True, summary="current")


def _skipped(name: str) -> Check:
    return ci.Check(name=name, passed=None, summary="not asked for")


def _origins(
    now: NamedLock, before: NamedLock | None, declared: Declared, lines: Lines, report: Report, *, skip: bool
) -> Check:
    if skip:
        return _skipped(ci.ORIGINS)
    from cogfreeze.cli import online

    outcome = online.check(now, before, declared, report)
    # What is stale is another check's.
    found = [each for each in outcome.findings if each.rule not in ("stale", "unsound")]
    return ci.Check(
        name=ci.ORIGINS,
        passed=not found,
        summary=f"{outcome.confirmed} confirmed, {len(found)} not",
        findings=tuple(f"line {lines.of(each.place)}: {each.subject}: {each.message}" for each in found),
        results=tuple(
            sarif.Result(
                rule=each.rule,
                title="an origin does not confirm the lock",
                message=f"{each.subject}: {each.message}",
                severity=each.severity,
                line=lines.of(each.place),
                identity=f"{each.platform} {each.subject}",
            )
            for each in found
        ),
        details=online.as_json(outcome, lines),
    )


def _audit(
    now: NamedLock, declared: Declared, lines: Lines, report: Report, arguments: argparse.Namespace
) -> Check:
    if ci.AUDIT in arguments.skip:
        return _skipped(ci.AUDIT)
    from cogfreeze.cli.verbs import audit
    from cogfreeze.errors import NetworkError
    from cogfreeze.review.audit import render

    try:
        found = audit.perform(now.lock, declared.lock_path, report, database=arguments.database, vex=arguments.vex)
    except NetworkError as error:
        # No answer is no clean audit.
        return ci.Check(
            name=ci.AUDIT, passed=False, summary="not confirmed: OSV did not answer", findings=(error.message,)
        )
    return ci.Check(
        name=ci.AUDIT,
        passed=not found.at_least(arguments.fail_on),
        summary=render.summary(found),
        findings=tuple(
            f"{each.title}, {each.match.severity}: {each.places[0].package.name}"
            f" {each.places[0].package.version}: {render.fix(each)}"
            for each in found.findings
        ),
        results=tuple(render.sarif_results(found, lines)),
        details=render.as_json(found, lines),
    )


def _licences(now: NamedLock, declared: Declared, lines: Lines, report: Report, *, skip: bool) -> Check:
    policy = declared.project.review
    if skip or not (policy.licenses_allow or policy.licenses_deny):
        summary = "not asked for" if skip else "cog.yaml has no `review.licenses_allow` or `licenses_deny`"
        return ci.Check(name=ci.LICENCES, passed=None, summary=summary)
    from cogfreeze.review.licences import judged
    from cogfreeze.review.online import contents

    settings, indexes = reviewing.world(declared.lock_path)
    licences = contents.licences(now.lock, indexes, settings, report)
    every = judged(now.lock, licences, allow=policy.licenses_allow, deny=policy.licenses_deny)
    refused = [each for each in every if not each.verdict.accepted]
    texts = [
        f"{each.package.name} {each.package.version}: {each.licence}: {each.verdict.reason}" for each in refused
    ]
    return ci.Check(
        name=ci.LICENCES,
        passed=not refused,
        summary=f"{len(every)} packages, {len(refused)} not accepted",
        findings=tuple(texts),
        results=tuple(
            sarif.Result(
                rule="licence",
                title="a licence is not accepted",
                message=text,
                severity="medium",
                line=lines.of(each.package.place),
                identity=f"{each.platform} {each.package.name} {each.licence}",
            )
            for each, text in zip(refused, texts, strict=True)
        ),
    )


def _image(arguments: argparse.Namespace) -> tuple[Check, ...]:
    """Build or verify as the verb of that name does."""
    if not (arguments.build or arguments.verify):
        return ()
    from cogfreeze.cli.main import main

    verb = "verify" if arguments.verify else "build"
    status = main([verb, *(["-f", arguments.file] if arguments.file else [])])
    summary = f"`cog {verb}` gave exit status {status}"
    return (ci.Check(name=ci.IMAGE, passed=status == 0, summary=summary, findings=(summary,)),)


def _write(name: str, text: str) -> None:
    from cogfreeze import atomic

    try:
        atomic.write(Path(name), text.encode())
    except FileNotFoundError:
        raise UsageError(f"there is no folder for `{name}`", hint="make it first") from None


def _show(checks: tuple[Check, ...]) -> None:
    for each in checks:
        word = "skipped" if each.passed is None else "passed" if each.passed else "failed"
        lines = [("danger" if each.passed is False else "plain", f"{each.name}: {word}: {each.summary}")]
        if each.passed is False:
            lines += [("plain", f"  {text}") for text in each.findings[:20]]
        reviewing.show(lines)
