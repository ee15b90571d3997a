"""`cog schema`: the OpenAPI document of the project's inputs and outputs, read from its source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import loading
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import ProjectError

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    loading.add_file_option(parser)
    parser.epilog = (
        "The code is parsed, never run, so none of the model's packages need to be installed. The same document\n"
        "is in the image, and served at /openapi.json.\n"
        "Exit status: 0, or 2 where a signature cannot be; then every mistake is told with its line."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.local.schema import schema_of

    found = loading.declared(arguments.file, TerminalReport())
    if found.project.predict is None and found.project.train is None:
        hint = "add `predict: predict.py:Predictor`"
        raise ProjectError("the project names no predictor", where=found.project.file, hint=hint)
    sys.stdout.write(schema_of(found.folder, found.project))
    return 0
