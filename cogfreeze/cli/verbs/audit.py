"""`cog audit`: known vulnerabilities of what is locked."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cogfreeze.lock.model import Lock
    from cogfreeze.report import Report
    from cogfreeze.review.audit.findings import Audit

FAIL_ON = ("any", "low", "medium", "high", "critical", "never")

EXAMPLES = ("cog audit                # exit status 1 if a vulnerability is found",)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument(
        "--database",
        metavar="DIR",
        help="use a downloaded copy of OSV's database, in the layout of osv-scanner, instead of OSV's API",
    )
    parser.add_argument(
        "--vex",
        metavar="FILE",
        action="append",
        default=[],
        help="an OpenVEX or CycloneDX document that rules findings out; can be repeated",
    )
    parser.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="output format (default: text)"
    )
    parser.add_argument(
        "--fail-on", choices=FAIL_ON, default="any", help="exit with 1 for findings of this severity or higher"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Debian packages are looked up by source package and release, and compared in Debian's version order; "
        "what Debian marks as unimportant is left out. `review.ignore` in cog.yaml lists advisories to "
        "ignore, each with a reason and, optionally, an end date. The base image's own packages are not in "
        "the lock: scan the image for them."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review.audit import render
    from cogfreeze.review.lines import Lines

    path = reviewing.lock_path(arguments.file)
    found = reviewing.from_file(path)
    audit = perform(found.lock, path, TerminalReport(), database=arguments.database, vex=arguments.vex)
    lines = Lines(found.text)
    if arguments.format == "json":
        _print(render.as_json(audit, lines))
    elif arguments.format == "sarif":
        from cogfreeze.review import sarif

        _print(sarif.document(render.sarif_results(audit, lines), reviewing.path_in_repository(path)))
    else:
        reviewing.show(render.text_lines(audit, lines, found.name))
    return 1 if audit.at_least(arguments.fail_on) else 0


def _print(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


def perform(
    lock: Lock, path: Path, report: Report, *, database: str | None = None, vex: Sequence[str] = ()
) -> Audit:
    """Audit a lock, online or by a downloaded database.

    Args:
        path: the lock's; the cog.yaml beside it may ignore advisories.

    Raises:
        UsageError: the database or a VEX document can't be used.
        NetworkError: OSV did not answer.
        ProjectError: the cog.yaml beside it can't be used.
    """
    from datetime import UTC, datetime

    from cogfreeze.review.audit import database as offline
    from cogfreeze.review.audit import findings, online
    from cogfreeze.review.audit import vex as statements
    from cogfreeze.settings import Settings

    settings = Settings.from_environment()
    said = [each for name in vex for each in statements.read(Path(name))]
    ignores = reviewing.policy(path).ignore
    queries = list(findings.queries(lock)[0])
    folder = Path(database) if database else offline.folder_of_scanner()
    if folder is not None:
        found = offline.lookup(queries, folder, settings.cache, report)
    else:
        found = online.lookup(queries, settings, report)
    today = datetime.now(UTC).date()
    return findings.audit(lock, found, ignores=ignores, statements=said, today=today)
