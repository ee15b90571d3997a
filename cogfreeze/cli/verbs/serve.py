"""`cog serve`: predictions over HTTP, from the image or on this machine, until stopped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import options, running, terminal
from cogfreeze.cli.parser import port

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    "cog serve --local        # from cog.lock, without Docker",
    "cog serve -p 5000 --gpus all",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_model_options(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="HOST", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("-p", "--port", type=port, metavar="PORT", default=8393, help="the port (default: 8393)")
    parser.add_argument("--upload-url", metavar="URL", help="upload output files there instead of returning them")
    parser.add_argument("--playground", action="store_true", help="open the page to try the model in a browser")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.client.process import require_free

    report = terminal.TerminalReport()
    require_free(arguments.host, arguments.port)
    model = running.chosen(arguments, report).made()
    report.note(f"serving at http://{arguments.host}:{arguments.port} until Ctrl-C")
    if arguments.playground:
        from cogfreeze.playground import open_when_ready

        open_when_ready(f"http://{arguments.host}:{arguments.port}/")
    sys.stderr.flush()
    model.serve(host=arguments.host, port=arguments.port, upload_url=arguments.upload_url)
