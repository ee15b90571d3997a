"""`cog predict`: run one prediction, in the image or on this machine, and print its output."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import options, running, terminal
from cogfreeze.errors import PredictionFailed, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

EXAMPLES = (
    "cog predict --local -i prompt=Hello       # from cog.lock, without Docker",
    "cog predict -i image=@photo.jpg -o out.png",
    "cog predict registry.example.com/model -i prompt=Hello",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_model_options(parser)
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        *("-i", "--input"),
        dest="inputs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input; NAME=@FILE for a file; repeat it for a list",
    )
    given.add_argument("--json", metavar="OBJECT", help="all inputs as a JSON object, @FILE, or - for stdin")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write the output to a file, replacing it"
    )
    parser.add_argument(
        *("--setup-timeout",),
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="time limit of setup() (default: 300)",
    )


def run(arguments: argparse.Namespace) -> int:
    report = terminal.TerminalReport()
    choice = running.chosen(arguments, report)
    try:
        return _predict(arguments, choice, report)
    except PredictionFailed as error:
        running.explain_import(error, choice.project)
        raise


def _predict(arguments: argparse.Namespace, choice: running.Choice, report: terminal.TerminalReport) -> int:
    from cogfreeze.client import outputs
    from cogfreeze.client.connection import Client
    from cogfreeze.client.written import remember

    schema = choice.schema
    inputs = _inputs(arguments, schema) if schema else None
    with _ended_in_order(), choice.made().running() as server:
        client = Client(server.url, server.process.poll)
        with terminal.alive("starting the model"):
            if schema is None or inputs is None:
                schema = client.schema(timeout=arguments.setup_timeout)
                inputs = _inputs(arguments, schema)
            client.wait_ready(timeout=arguments.setup_timeout)
        together = outputs.is_concatenated(schema)
        streams = together and schema.get("x-cog-streaming") is True and not arguments.output
        with terminal.alive("running the prediction"):
            prediction = client.predict(inputs, on_chunk=_show_chunk if streams else None)
    output = prediction.get("output")
    if streams:
        print()
        return 0
    if arguments.output:
        _, written = outputs.save_output(output, arguments.output, concatenate=together)
    else:
        made, written = outputs.write_outputs(output, Path())
        print(outputs.shown(made, concatenate=together))
    remember(written)
    for path in written:
        report.note(f"wrote {path}")
    return 0


def _show_chunk(chunk: object) -> None:
    terminal.spoke()
    print(chunk, end="", flush=True)


def _inputs(arguments: argparse.Namespace, schema: dict[str, Any]) -> dict[str, Any]:
    from cogfreeze.client.inputs import inputs_from, inputs_from_json

    if arguments.json is None:
        return inputs_from(arguments.inputs, schema)
    return inputs_from_json(_json_text(arguments.json), schema)


def _json_text(word: str) -> str:
    if word in ("-", "@-"):
        return sys.stdin.read()
    if not word.startswith("@"):
        return word
    try:
        return Path(word[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`--json`: cannot read `{word[1:]}`: {error}") from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the run as Ctrl-C does: the server and the container end too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
