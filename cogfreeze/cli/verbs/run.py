"""`cog run`: with `-i` or `--json` a prediction, as newer Cog has it; else a command in the image, as older."""

from __future__ import annotations

import argparse
from pathlib import Path

from cogfreeze.cli.verbs import exec as exec_verb
from cogfreeze.cli.verbs import predict
from cogfreeze.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    exec_verb.configure(parser)
    parser.add_argument(
        *("-i", "--input"),
        dest="inputs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="predict: an input; an IMAGE may stand after the options in place of a command",
    )
    parser.add_argument("--json", metavar="OBJECT", help="predict: all inputs as one JSON object, @FILE, or -")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="predict: where the output goes")


def run(arguments: argparse.Namespace) -> int:
    if not arguments.inputs and arguments.json is None:
        if arguments.output:
            raise UsageError("`--output` is for a prediction", hint="give it inputs: `-i NAME=VALUE`")
        return exec_verb.run(arguments)
    if len(arguments.command) > 1 or arguments.ports:
        raise UsageError(
            "a prediction takes inputs, and no command or port",
            hint="leave `-i` out to run a command in the image",
        )
    # predict's own parser fills in what `run` has no option for.
    parser = argparse.ArgumentParser()
    predict.configure(parser)
    asked = parser.parse_args(arguments.command)
    for name in ("inputs", "json", "output", "variables", "gpus", "file"):
        setattr(asked, name, getattr(arguments, name))
    return predict.run(asked)
