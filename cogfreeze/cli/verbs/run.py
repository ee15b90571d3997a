"""`cog run`: with `-i` or `--json` a prediction, as in newer Cog; otherwise a command in the image."""

from __future__ import annotations

import argparse
from pathlib import Path

from cogfreeze.cli.verbs import exec as exec_verb
from cogfreeze.cli.verbs import predict
from cogfreeze.errors import UsageError

EXAMPLES = (
    "cog run python -V        # a command in the image",
    "cog run -i prompt=Hello  # a prediction",
)


def configure(parser: argparse.ArgumentParser) -> None:
    exec_verb.configure(parser)
    parser.add_argument(
        *("-i", "--input"),
        dest="inputs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="predict: an input; then an IMAGE may follow the options in place of a command",
    )
    parser.add_argument("--json", metavar="OBJECT", help="predict: all inputs as one JSON object, @FILE, or -")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="predict: write the output to a file")


def run(arguments: argparse.Namespace) -> int:
    if not arguments.inputs and arguments.json is None:
        if arguments.output:
            raise UsageError("`--output` needs a prediction", hint="give inputs: `-i NAME=VALUE`")
        return exec_verb.run(arguments)
    if len(arguments.command) > 1 or arguments.ports:
        raise UsageError(
            "a prediction takes no command and no port",
            hint="to run a command in the image, remove `-i` and `--json`",
        )
    # predict's parser fills in the options that `run` does not have.
    parser = argparse.ArgumentParser()
    predict.configure(parser)
    asked = parser.parse_args(arguments.command)
    for name in ("inputs", "json", "output", "variables", "gpus", "file"):
        setattr(asked, name, getattr(arguments, name))
    return predict.run(asked)
