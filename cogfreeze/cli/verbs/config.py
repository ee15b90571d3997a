"""`cog config`: the project as cogfreeze understands it, read and checked offline."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import loading, options
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    "cog config               # the project, or all mistakes in it",
    "cog config --json",
    "cog config --schema > cog.schema.json   # for an editor",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_file_option(parser)
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of cog.yaml, for editors; needs no project"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with the lines of requirements files and the warnings"
    )
    parser.epilog = (
        "The YAML is an equivalent cog.yaml with every default written out.\n"
        "Exit status: 0, or 2 if the project is not usable; then every mistake is listed\n"
        "with its line."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.project import canonical

    if arguments.schema:
        from cogfreeze.project import reference

        print(json.dumps(reference.schema(), indent=2, ensure_ascii=False))
        return 0
    project = loading.declared(arguments.file, TerminalReport()).project
    sys.stdout.write(canonical.json_text(project) if arguments.json else canonical.yaml_text(project))
    return 0
