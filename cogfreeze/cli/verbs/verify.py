"""`cog verify`: build twice from scratch, optionally under different circumstances, and compare bit for bit."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading, options, terminal
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import NotReproducible

if TYPE_CHECKING:
    import argparse

    from cogfreeze.engine.verify import Verdict

_SHOWN = 20

EXAMPLES = (
    "cog verify               # build twice and compare",
    "cog verify --varied      # the second time under other circumstances",
)


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_recipe_options(parser)
    options.add_engine_options(parser)
    parser.add_argument(
        "--varied",
        action="store_true",
        help="make the second build with another context path, umask, host name and cache; this empties the"
        " engine's build cache, for all projects",
    )
    parser.add_argument(
        "--prune", action="store_true", help="empty the engine's build cache, for all projects, before each build"
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
    options = building.options_from(arguments)
    verdict = engine_verify.verify(
        recipe, files, found.folder, options, report, varied=arguments.varied, prune=arguments.prune
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
    report.note(f"equal: two builds from scratch{how} gave the same image, bit for bit")
    return 0


def _differ(verdict: Verdict) -> NotReproducible:
    first, second = verdict.digests
    if verdict.only_compression:
        return NotReproducible(
            f"two builds from scratch gave {first} and {second}; every file and the configuration are the same"
            " (the layers' diff IDs are equal), and only the compression differs",
            hint=f"that is the engine's ({verdict.engine}): compare its images by their diff IDs, which"
            " `cog build --json` tells",
        )
    shown = [f"\n  {difference}" for difference in verdict.differences[:_SHOWN]]
    if len(verdict.differences) > _SHOWN:
        shown.append(f"\n  and {len(verdict.differences) - _SHOWN} more; `--json` prints all")
    shown += [
        f"\n  `{key}` in the image's configuration; the engine took it from its surroundings; please report it"
        for key in verdict.settings
    ]
    return NotReproducible(
        f"two builds from scratch gave {first} and {second}; they differ in:{''.join(shown)}",
        hint="each line ends with what to do; `docs/reproducible.md` explains more",
    )
