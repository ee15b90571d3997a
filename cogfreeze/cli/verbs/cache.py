"""`cog cache`: where downloads and environments are kept, how large they are, and removing them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    import argparse

    from cogfreeze.local.cache import Removed
    from cogfreeze.settings import Settings

ACTIONS = ("dir", "size", "prune", "clean")
EXAMPLES = (
    "cog cache dir            # where it is",
    "cog cache size           # how large each part is",
    "cog cache prune          # remove what has not been used for 30 days",
    "cog cache clean          # remove everything",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="dir, size, prune or clean")
    parser.add_argument(
        "--days",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="prune: remove what has not been used for this many days (default: 30)",
    )
    parser.add_argument("--json", action="store_true", help="report on stdout as JSON")
    parser.epilog = (
        "All projects share the cache. `COG_CACHE_DIR` or a settings file chooses another folder. Removed files"
        " are created or downloaded again when needed. Files in use by another run are kept."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.local import cache
    from cogfreeze.settings import Settings

    settings, report = Settings.from_environment(), TerminalReport()
    if arguments.action == "dir":
        print(json.dumps({"dir": str(settings.cache)}) if arguments.json else settings.cache)
        return 0
    if arguments.action == "size":
        with report.step("measuring the cache"):
            found = cache.sizes(settings)
        if arguments.json:
            print(json.dumps({part.folder: size for part, size in found}))
            return 0
        for part, size in [*found]:
            print(f"{_megabytes(size):>12}  {part.meaning}")
        print(f"{_megabytes(sum(size for _, size in found)):>12}  in {settings.cache}")
        return 0
    with report.step("removing what is not used" if arguments.action == "prune" else "removing the cache"):
        if arguments.action == "prune":
            removed = cache.prune(settings, days=arguments.days)
            _prune_uv(settings)
        else:
            removed = cache.clean(settings)
    _tell(removed, report, as_json=arguments.json)
    return 0


def _prune_uv(settings: Settings) -> None:
    """Let uv remove what it no longer needs; a uv that is busy keeps its own."""
    from cogfreeze.resolve.python import uv_binary

    folder = settings.cache / "uv"
    if folder.is_dir():
        command = [uv_binary(), "cache", "prune", "--quiet", "--cache-dir", str(folder)]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _tell(removed: Removed, report: TerminalReport, *, as_json: bool) -> None:
    if as_json:
        kept = [str(each) for each in removed.kept]
        print(json.dumps({"removed": removed.entries, "bytes": removed.size, "kept": kept}))
        return
    for each in removed.kept:
        report.note(f"kept `{each}`, which is in use")
    things = "1 entry" if removed.entries == 1 else f"{removed.entries} entries"
    report.note(f"removed {things}, {_megabytes(removed.size)}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
