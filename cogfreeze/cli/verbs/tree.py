"""`cog tree`: which package requires which."""

from __future__ import annotations

import argparse
import json

from cogfreeze.cli import reviewing

EXAMPLES = ("cog tree                 # the whole tree, from the declared packages",)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument("package", metavar="PACKAGE", nargs="?", help="start at this package")
    parser.add_argument("--invert", action="store_true", help="show what requires a package, not what it requires")
    parser.add_argument("--depth", metavar="N", type=_depth, help="show at most N levels of dependencies")
    parser.add_argument(
        "--sizes", action="store_true", help="show download sizes, alone and including dependencies"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _depth(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of levels")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review import tree

    lock = reviewing.from_file(reviewing.lock_path(arguments.file)).lock
    found = tree.trees(lock, invert=arguments.invert, depth=arguments.depth, name=arguments.package)
    if arguments.json:
        print(json.dumps(tree.as_json(found), ensure_ascii=False, indent=2))
    else:
        reviewing.show(tree.text_lines(found, sizes=arguments.sizes, totals=not arguments.invert))
    return 0
