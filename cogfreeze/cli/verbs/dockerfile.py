"""`cog dockerfile`: the Dockerfile, or with `-o` everything that an engine elsewhere needs; offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading, options
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    "cog dockerfile           # print the Dockerfile",
    "cog dockerfile -o DIR    # write all files to build on another machine",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write the Dockerfile and its build context to a folder"
    )
    options.add_recipe_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.client.written import remember
    from cogfreeze.engine import context
    from cogfreeze.recipe.dockerfile import render

    report = TerminalReport()
    found = loading.load(arguments.file, report)
    recipe = building.recipe_of(found, building.choice_from(arguments))
    if arguments.output is None:
        sys.stdout.write(render(recipe))
        return 0
    context.write(recipe, arguments.output, project=found.folder, report=report)
    # The context has a copy of cog.yaml, and is no project for that.
    written = (each for each in arguments.output.rglob("*") if each.is_file() and not each.is_symlink())
    remember(written, found.folder)
    report.note(f"wrote {arguments.output / 'Dockerfile'} and its context")
    return 0
