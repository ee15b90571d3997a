"""`cog config`: the project as cogfreeze understands it, read and checked offline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import loading
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    loading.add_file_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="JSON, with the lines of the requirements files and the warnings"
    )
    parser.epilog = (
        "The YAML is a cog.yaml that means the same, with the defaults written out.\n"
        "Exit status: 0, or 2 where the project is not usable; then every mistake is told with its line."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.project import canonical

    project = loading.declared(arguments.file, TerminalReport()).project
    sys.stdout.write(canonical.json_text(project) if arguments.json else canonical.yaml_text(project))
    return 0
