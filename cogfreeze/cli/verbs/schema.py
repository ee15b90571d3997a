"""`cog schema`: the OpenAPI document of the project's inputs and outputs, read from its source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import loading, options
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import ProjectError

if TYPE_CHECKING:
    import argparse

EXAMPLES = ("cog schema               # what GET /openapi.json answers",)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_file_option(parser)
    parser.epilog = (
        "The code is parsed, never run, so the model's packages need not be installed.\n"
        "The image has the same document, and serves it at /openapi.json.\n"
        "Exit status: 0, or 2 if a signature is not usable; then every mistake is listed\n"
        "with its line."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.local.schema import schema_of

    report = TerminalReport()
    found = loading.declared(arguments.file, report)
    if found.project.predict is None and found.project.train is None:
        hint = "add `predict: predict.py:Predictor`"
        raise ProjectError("the project has no predictor", where=found.project.file, hint=hint)
    sys.stdout.write(schema_of(found.folder, found.project, report))
    return 0
