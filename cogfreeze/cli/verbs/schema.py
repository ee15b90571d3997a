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
    parser.add_argument(
        "--import",
        dest="imported",
        action="store_true",
        help="import the predictor in the locked environment, if reading its source is not enough",
    )
    parser.set_defaults(local=True, variables=[], image=None, gpus=None)
    parser.epilog = (
        "The code is parsed, never run, so the model's packages need not be installed.\n"
        "The image has the same document, and serves it at /openapi.json.\n"
        "Exit status: 0, or 2 if a signature is not usable; then every mistake is listed\n"
        "with its line."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.local.schema import schema_of

    report = TerminalReport()
    if arguments.imported:
        sys.stdout.write(_imported(arguments, report))
        return 0
    found = loading.declared(arguments.file, report)
    if found.project.predict is None and found.project.train is None:
        hint = "add `predict: predict.py:Predictor`"
        raise ProjectError("the project has no predictor", where=found.project.file, hint=hint)
    sys.stdout.write(schema_of(found.folder, found.project, report))
    return 0


def _imported(arguments: argparse.Namespace, report: TerminalReport) -> str:
    from cogfreeze.cli import running
    from cogfreeze.local.schema import imported_schema
    from cogfreeze.local.serve import LocalModel
    from cogfreeze.settings import Settings

    found = loading.load_or_resolve(arguments.file, Settings.from_environment(), report)
    model = running.Choice(arguments=arguments, report=report, project=found, schema={}).made()
    if not isinstance(model, LocalModel):
        raise AssertionError("the predictor is imported on this machine")
    return imported_schema(model)
