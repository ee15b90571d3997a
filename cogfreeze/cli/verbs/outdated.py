"""`cog outdated`: what is newer than what is locked."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.review.online.outdated import Newer
    from cogfreeze.review.render.text import Line

EXAMPLES = (
    "cog outdated",
    "cog outdated --declared --json",
)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument("--declared", action="store_true", help="list only packages that the project declares")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if anything is newer")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Asks the indexes, today's archive and the base image's tag. For Python packages, it lists releases "
        "that the image could use: not yanked, not a pre-release, and with a suitable wheel or an sdist. It "
        "does not check whether the declaration allows them; `cog lock --upgrade` does."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review.online.outdated import outdated

    path = reviewing.lock_path(arguments.file)
    lock = reviewing.from_file(path).lock
    settings, indexes = reviewing.world(path)
    found = [
        each
        for each in outdated(lock, indexes, settings, TerminalReport())
        if each.declared or not arguments.declared
    ]
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2))
    else:
        reviewing.show(_lines(found))
    return 1 if arguments.exit_code and any(each.newest for each in found) else 0


def _lines(found: list[Newer]) -> Iterator[Line]:
    platform = None
    for each in found:
        if each.platform != platform:
            platform = each.platform
            yield "heading", platform
        note = f" ({each.note})" if each.note and each.newest else ""
        text = f"{each.locked} → {each.newest}{note}" if each.newest else f"{each.locked}: {each.note}"
        declared = ", declared" if each.declared and each.newest and each.kind != "base" else ""
        yield "plain" if each.declared else "faint", f"  {each.name} {text}{declared}"
    commands = dict.fromkeys(each.command for each in found if each.newest and each.declared)
    for command in list(commands)[:10]:
        yield "faint", f"`{command}`"
    count = sum(each.newest is not None for each in found)
    yield "heading", f"{count} newer" if count else "nothing newer"
