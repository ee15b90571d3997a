"""`cog diff`: what changed between two locks, riskiest changes first."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import CogError, LockUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.cli.reviewing import NamedLock
    from cogfreeze.lock.model import Lock
    from cogfreeze.review.model import Advisory, Diff, Knowledge

FORMATS = ("text", "markdown", "json", "html")

EXAMPLES = (
    "cog diff main            # what changed since main?",
    "cog diff old.lock new.lock",
)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument("old", metavar="OLD", nargs="?", help="the old lock (default: the last commit's)")
    parser.add_argument("new", metavar="NEW", nargs="?", help="the new lock (default: this folder's)")
    parser.add_argument("--format", choices=FORMATS, default="text", help="output format (default: text)")
    parser.add_argument(
        "--contents", action="store_true", help="read changed wheels: licences, files that run when Python starts"
    )
    parser.add_argument("--audit", action="store_true", help="ask OSV which vulnerabilities were added and fixed")
    parser.add_argument("--database", metavar="DIR", help="like --audit, but from a downloaded database")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if the locks differ")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "OLD and NEW are lock files, git revisions (`cog diff main`) or images (`cog diff model:1 model:2`).\n"
        "The riskiest changes come first: the same version with another hash, a new index, host or signing "
        "key, a downgrade, a lock that changed although the declaration did not."
    )


def run(arguments: argparse.Namespace) -> int:
    path = reviewing.lock_path(arguments.file)
    old, new = _locks(arguments.old, arguments.new, path)
    found = _compared(old, new, path, arguments)
    _print(found, arguments.format)
    if arguments.new is None:
        _say_stale(new, path)
    return 1 if arguments.exit_code and not found.is_empty else 0


def _locks(old: str | None, new: str | None, path: Path) -> tuple[NamedLock | None, NamedLock]:
    after = reviewing.find(new, path) if new is not None else reviewing.from_file(path)
    if after is None:
        raise LockUnusable(f"there is no `{path.name}` at `{new}`", hint="give a revision that has one")
    before = reviewing.find(old, path) if old is not None else reviewing.from_revision("HEAD", path)
    return before, after


def _compared(old: NamedLock | None, new: NamedLock, path: Path, arguments: argparse.Namespace) -> Diff:
    from cogfreeze.review.changes import diff

    name = old.name if old else f"no lock at {arguments.old or 'HEAD'}"
    before = old.lock if old else None
    names, layers = (name, new.name), (reviewing.layers(before), reviewing.layers(new.lock))
    found = diff(before, new.lock, names=names, layers=layers)
    if not (arguments.contents or arguments.audit or arguments.database):
        return found
    knowledge = _knowledge(found, before, new.lock, path, arguments)
    return diff(before, new.lock, names=names, layers=layers, knowledge=knowledge)


def _knowledge(
    found: Diff, before: Lock | None, after: Lock, path: Path, arguments: argparse.Namespace
) -> Knowledge:
    """Ask the world about what changed."""
    from cogfreeze.review.changes import wheels_changed
    from cogfreeze.review.model import Knowledge

    report, knowledge = TerminalReport(), Knowledge()
    if arguments.contents:
        from cogfreeze.review.online import contents

        settings, indexes = reviewing.world(path)
        wheels = [each for pair in wheels_changed(found) for each in pair if each]
        metadata = contents.of_wheels(wheels, indexes, settings, report)
        if missing := sorted({each.name for each in wheels if each.sha256 not in metadata}):
            report.warn(f"could not be read: {', '.join(missing)}", hint="their indexes did not give the files")
        knowledge = replace(
            knowledge,
            licences={sha256: each.licence or "unknown" for sha256, each in metadata.items()},
            startup_files={sha256: contents.startup_files(each) for sha256, each in metadata.items()},
        )
    if arguments.audit or arguments.database:
        was = _advisories(before, path, report, arguments.database) if before else {}
        now = _advisories(after, path, report, arguments.database)
        knowledge = replace(
            knowledge,
            introduced=tuple(each for key, each in now.items() if key not in was),
            fixed=tuple(each for key, each in was.items() if key not in now),
        )
    return knowledge


def _advisories(
    lock: Lock, path: Path, report: TerminalReport, database: str | None
) -> dict[tuple[str, str], Advisory]:
    """Return what an audit reports, by name of the advisory and of the package."""
    from cogfreeze.cli.verbs.audit import perform
    from cogfreeze.review.model import Advisory

    return {
        (each.title, each.query.name): Advisory(
            id=each.title,
            platform=each.places[0].platform,
            package=each.places[0].package.name,
            version=each.places[0].package.version,
            severity=each.match.severity,
            summary=each.match.summary,
        )
        for each in perform(lock, path, report, database=database).findings
    }


def _print(found: Diff, form: str) -> None:
    if form == "json":
        from cogfreeze.review.render import as_json

        print(json.dumps(as_json.render(found), ensure_ascii=False, indent=2))
    elif form == "markdown":
        from cogfreeze.review.render import markdown

        print(markdown.render(found), end="")
    elif form == "html":
        from cogfreeze.review.render import html

        print(html.render(found), end="")
    else:
        from cogfreeze.review.render import text

        reviewing.show(text.lines(found))


def _say_stale(new: NamedLock, path: Path) -> None:
    """Say so where the declaration beside the lock asks for something else by now."""
    from cogfreeze.cli import loading

    declaration = path.with_suffix(".yaml")
    if not declaration.is_file():
        return
    report = TerminalReport()
    try:
        loading.require_current(new.lock, loading.declared(str(declaration), report), for_image=False)
    except CogError as error:
        report.warn(str(error), hint=error.hint)
