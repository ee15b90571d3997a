"""`cog serve`: predictions over HTTP, from the image or on this machine, until it is stopped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import running, terminal

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    running.add_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument("-p", "--port", type=int, default=8393, help="the port (default: 8393)")
    parser.add_argument("--upload-url", metavar="URL", help="PUT output files there in place of sending them back")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.client.process import require_free

    report = terminal.TerminalReport()
    require_free(arguments.host, arguments.port)
    model = running.chosen(arguments, report).made()
    report.note(f"serving at http://{arguments.host}:{arguments.port} until Ctrl-C")
    sys.stderr.flush()
    model.serve(host=arguments.host, port=arguments.port, upload_url=arguments.upload_url)
