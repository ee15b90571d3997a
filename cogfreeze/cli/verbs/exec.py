"""`cog exec`: run a command in the project's image."""

from __future__ import annotations

import argparse
import os
import re
import sys

from cogfreeze.cli import building, loading, options
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import UsageError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(=.*)?", re.DOTALL)
_PORT = re.compile(r"(?:[0-9a-fA-F.:\[\]]+:)?(?:\d{1,5}:)?\d{1,5}")

EXAMPLES = (
    "cog exec python -V",
    "cog exec -e TOKEN -p 8888 jupyter lab",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_file_option(parser)
    options.add_container_options(parser)
    parser.add_argument(
        *("-p", "--publish"), dest="ports", action="append", default=[], metavar="PORT", help="publish a port"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="what to run")


def run(arguments: argparse.Namespace) -> int:
    words: list[str] = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not words:
        raise UsageError("there is no command to run", hint="write it after the options: `cog exec python -V`")
    command = ["docker", "run", "--rm", "--interactive", *_container_options(arguments)]
    report = TerminalReport()
    found = loading.load(arguments.file, report)
    if gpus := arguments.gpus or ("all" if found.project.build.gpu else None):
        command += ["--gpus", gpus]
    image = building.build(found, report)
    sys.stdout.flush()
    sys.stderr.flush()
    # The command takes our place, and with it the terminal, the signals and the exit status.
    os.execvp(command[0], [*command, "--", image.names[0], *words])  # noqa: S606


def _container_options(arguments: argparse.Namespace) -> list[str]:
    options = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    for variable in arguments.variables:
        if not _VARIABLE.fullmatch(variable):
            name = variable.partition("=")[0]
            raise UsageError(f"`{name}` is not a variable name", hint="write `-e NAME=VALUE`, or `-e NAME`")
        options += ["--env", variable]
    for port in arguments.ports:
        if not _PORT.fullmatch(port):
            raise UsageError(f"`{port}` is not a port to publish", hint="write `-p 8888`, or `-p 8888:80`")
        options += ["--publish", port if ":" in port else f"{port}:{port}"]
    return options
