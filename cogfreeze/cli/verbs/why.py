"""`cog why PACKAGE`: because of what a package is in the lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cogfreeze.cli import reviewing

if TYPE_CHECKING:
    import argparse

EXAMPLES = ("cog why numpy            # which package requires numpy?",)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument("package", metavar="PACKAGE", help="a Python or system package, or a file's address")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review import why
    from cogfreeze.review.lines import Lines

    found = reviewing.from_file(reviewing.lock_path(arguments.file))
    reasons, lines = why.why(found.lock, arguments.package), Lines(found.text)
    if arguments.json:
        print(json.dumps(why.as_json(reasons, lines), ensure_ascii=False, indent=2))
    else:
        reviewing.show(why.text_lines(reasons, lines, found.name))
    return 0
