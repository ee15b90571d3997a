"""`cog diff`: what changed between two locks, dangers first."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import CogError, LockUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.cli.reviewing import NamedLock
    from cogfreeze.review.changes import Diff

FORMATS = ("text", "markdown", "json", "html")

EXAMPLES = (
    "cog diff main            # what changed since main?",
    "cog diff old.lock new.lock",
)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument(
        "old", metavar="OLD", nargs="?", help="what was before; without it, the last commit's lock"
    )
    parser.add_argument("new", metavar="NEW", nargs="?", help="what is now; without it, this folder's lock")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how to print it; text without this")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 where the locks differ")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "OLD and NEW are lock files, git revisions (`cog diff main`) or images (`cog diff model:1 model:2`).\n"
        "What a reviewer must not miss comes first: the same version with another hash, a new index, host or\n"
        "signing key, a downgrade, a lock that changed although the declaration did not."
    )


def run(arguments: argparse.Namespace) -> int:
    path = reviewing.lock_path(arguments.file)
    old, new = _locks(arguments.old, arguments.new, path)
    found = _compared(old, new, arguments.old)
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


def _compared(old: NamedLock | None, new: NamedLock, asked: str | None) -> Diff:
    from cogfreeze.review.changes import diff

    name = old.name if old else f"no lock at {asked or 'HEAD'}"
    before = old.lock if old else None
    layers = reviewing.layers(before), reviewing.layers(new.lock)
    return diff(before, new.lock, names=(name, new.name), layers=layers)


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
