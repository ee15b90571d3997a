"""`cog report`: one page about what is locked."""

from __future__ import annotations

import argparse
from pathlib import Path

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport, say
from cogfreeze.errors import UsageError

EXAMPLES = (
    "cog report -o report.html",
    "cog report --since main --licenses --database DIR -o report.html",
)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument("-o", "--output", metavar="FILE", default="report.html", help="where to write the page")
    parser.add_argument("--since", metavar="REV", help="also show what changed since a git revision")
    parser.add_argument("--licenses", action="store_true", help="also read and show licences")
    parser.add_argument("--audit", action="store_true", help="also ask OSV for known vulnerabilities")
    parser.add_argument("--database", metavar="DIR", help="like --audit, but from a downloaded database")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "The page is one self-contained file: it loads nothing, and can be read without scripts. Without "
        "options, the command needs no network."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze import atomic
    from cogfreeze.review.changes import diff
    from cogfreeze.review.render import report as page

    path, talk = reviewing.lock_path(arguments.file), TerminalReport()
    now = reviewing.from_file(path)
    found = None
    if arguments.since:
        before = reviewing.from_revision(arguments.since, path)
        old = before.lock if before else None
        names = (before.name if before else f"no lock at {arguments.since}", now.name)
        found = diff(old, now.lock, names=names, layers=(reviewing.layers(old), reviewing.layers(now.lock)))
    audit = None
    if arguments.audit or arguments.database:
        from cogfreeze.cli.verbs.audit import perform

        audit = perform(now.lock, path, talk, database=arguments.database)
    licences = None
    if arguments.licenses:
        from cogfreeze.review.online import contents

        settings, indexes = reviewing.world(path)
        licences = contents.licences(now.lock, indexes, settings, talk)
    text = page.render(
        page.Contents(
            name=reviewing.image_name(path),
            lock=now.lock,
            layers=reviewing.layers(now.lock),
            diff=found,
            audit=audit,
            licences=licences,
        )
    )
    try:
        atomic.write(Path(arguments.output), text.encode())
    except FileNotFoundError:
        raise UsageError(f"there is no folder for `{arguments.output}`", hint="make it first") from None
    say(f"wrote {arguments.output}")
    return 0
