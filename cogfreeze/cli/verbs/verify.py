"""`cog verify`: build several times from scratch and compare, bit for bit."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading, options, terminal
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import NotReproducible

if TYPE_CHECKING:
    from cogfreeze.engine.differences import Difference
    from cogfreeze.engine.verify import Verdict

# Causes, and files of each, that are shown; `--json` has all.
_CAUSES, _FILES = 20, 3
_MOST_BUILDS = 50

EXAMPLES = (
    "cog verify               # build twice and compare",
    "cog verify --varied      # the second time under other conditions",
    "cog verify --system --times 5   # repeat the system packages alone",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_recipe_options(parser)
    options.add_engine_options(parser)
    parser.add_argument(
        "--times",
        type=_times,
        default=2,
        metavar="N",
        help="build N times (default: 2); a random difference may need more to show",
    )
    parser.add_argument(
        "--system",
        action="store_true",
        help="build only the step with the system packages, where most differences arise",
    )
    parser.add_argument(
        "--varied",
        action="store_true",
        help="the last build has another context path, umask, host name and cache; empties the engine's build"
        " cache, which all projects share",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="empty the engine's build cache, which all projects share, before each build",
    )
    parser.add_argument("--json", action="store_true", help="report on stdout as JSON")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.engine import docker
    from cogfreeze.engine import verify as engine_verify

    report = TerminalReport()
    found = loading.load(arguments.file, report)
    recipe = building.recipe_of(found, building.choice_from(arguments))
    with terminal.alive("waiting for the Docker engine"):
        docker.find()
    files = building.files_of(found, recipe.platform, report)
    verdict = engine_verify.verify(
        recipe,
        files,
        found.folder,
        building.options_from(arguments),
        report,
        times=arguments.times,
        varied=arguments.varied,
        prune=arguments.prune,
        system_only=arguments.system,
    )
    details = dataclasses.asdict(verdict) | {"equal": verdict.equal, "only_compression": verdict.only_compression}
    if not verdict.equal:
        error = _differ(verdict)
        error.details |= details
        raise error
    if arguments.json:
        print(json.dumps(details, ensure_ascii=False))
    else:
        for digest in verdict.digests:
            print(digest)
    how = ", under different conditions," if verdict.varied else ""
    same = "system packages" if verdict.system_only else "image"
    report.note(f"equal: {_builds(verdict)} from scratch{how} gave the same {same}, bit for bit")
    return 0


def _times(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= _MOST_BUILDS:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 2 to {_MOST_BUILDS}")
    return int(text)


def _builds(verdict: Verdict) -> str:
    count = len(verdict.digests)
    return "two builds" if count == 2 else f"{count} builds"


def _differ(verdict: Verdict) -> NotReproducible:
    from cogfreeze.engine.differences import by_cause

    counts = {digest: verdict.digests.count(digest) for digest in verdict.digests}
    gave = " and ".join(f"{digest} ({count} times)" if count > 1 else digest for digest, count in counts.items())
    said = f"{_builds(verdict)} from scratch gave {gave}"
    if verdict.only_compression:
        return NotReproducible(
            f"{said}; all files and the configuration are equal, only the compression differs",
            hint=f"the engine ({verdict.engine}) compresses; compare its images by the diff IDs of their layers,"
            " which `cog build --json` prints",
        )
    groups = by_cause(verdict.differences)
    shown = [line for group in groups[:_CAUSES] for line in _lines(group)]
    if len(groups) > _CAUSES:
        shown.append(f"and {len(groups) - _CAUSES} more causes; `--json` lists all files")
    shown += [
        f"configuration: `{key}`: the engine took it from the build's environment; please report it"
        for key in verdict.settings
    ]
    return NotReproducible(
        "\n  ".join([f"{said}; they differ in:", *shown]),
        hint="fix each cause, then run `cog verify` again; `--system` repeats the system packages alone,"
        " `--times N` finds rare differences",
    )


def _lines(group: tuple[Difference, ...]) -> list[str]:
    """Return what is shown of the files with one cause."""
    first = group[0]
    by = f" by {first.package}" if first.package else ""
    files = f" {len(group)} files" if len(group) > 1 else ""
    lines = [f"{first.layer}:{files}{by}" if files or by else f"{first.layer}:"]
    for each in group[:_FILES]:
        detail = f", first in {each.first}" if each.first else ""
        lines.append(f"  {each.path}: {each.what}{detail}")
    if len(group) > _FILES:
        lines.append(f"  and {len(group) - _FILES} more files")
    return [*lines, f"  cause: {first.cause}", f"  fix: {first.fix}"]
