"""`cog playground`: the page to try a model, in front of any server that speaks Cog's protocol."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cogfreeze.cli import terminal
from cogfreeze.cli.parser import port

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    "cog playground           # in front of `cog serve`",
    "cog playground --target http://localhost:5000",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        metavar="URL",
        default="http://127.0.0.1:8393",
        help="the server to try (default: http://127.0.0.1:8393, where `cog serve` listens)",
    )
    parser.add_argument(
        "--host", metavar="HOST", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("-p", "--port", type=port, metavar="PORT", default=8394, help="the port (default: 8394)")
    parser.add_argument(
        "--webhook-host",
        metavar="HOST",
        help="how the server reaches this machine, for live output (default: 127.0.0.1 if it runs here)",
    )
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze import grammar
    from cogfreeze.client.process import require_free
    from cogfreeze.errors import UsageError
    from cogfreeze.playground import Playground, Target, open_when_ready

    if not grammar.URL.accepts(arguments.target):
        raise UsageError(
            f"`{grammar.shown(arguments.target)}` is not {grammar.URL.name}", hint="use `http://host:port`"
        )
    if arguments.webhook_host and not grammar.URL.accepts(f"http://{arguments.webhook_host}"):
        raise UsageError(
            f"`{grammar.shown(arguments.webhook_host)}` is not a host", hint="use a name or an address"
        )
    require_free(arguments.host, arguments.port)
    target = Target(arguments.target)
    target.check()
    here = "127.0.0.1" if target.is_loopback else None
    with Playground(target, arguments.host, arguments.port, arguments.webhook_host or here) as server:
        terminal.TerminalReport().note(f"{target.url} can be tried at {server.url} until Ctrl-C")
        if not arguments.no_open and sys.stderr.isatty():
            open_when_ready(server.url)
        server.serve_forever()
    return 0
