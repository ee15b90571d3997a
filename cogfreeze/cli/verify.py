"""`cog verify`: build twice from nothing, under different circumstances, and compare bit for bit."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import NotReproducible

if TYPE_CHECKING:
    import argparse

    from cogfreeze.engine.verify import Verdict

_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    building.add_recipe_options(parser)
    building.add_engine_options(parser)
    parser.add_argument(
        "--prune", action="store_true", help="empty the engine's build cache, all projects', before each build"
    )
    parser.add_argument("--json", action="store_true", help="report on stdout as JSON")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.engine import docker
    from cogfreeze.engine import verify as engine_verify

    report = TerminalReport()
    found = loading.load(arguments.file, report)
    recipe = building.recipe_of(found, building.choice_from(arguments))
    docker.find()
    files = building.files_of(found, recipe.platform, report)
    verdict = engine_verify.verify(
        recipe, files, found.folder, building.options_from(arguments), report, prune=arguments.prune
    )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(verdict) | {"equal": verdict.equal}, ensure_ascii=False))
    elif verdict.equal:
        for digest in verdict.digests:
            print(digest)
    if not verdict.equal:
        raise _differ(verdict)
    report.note("equal: two builds from nothing gave one image, bit for bit")
    return 0


def _differ(verdict: Verdict) -> NotReproducible:
    first, second = verdict.digests
    lines = [f"\n  {difference}" for difference in verdict.differences[:_SHOWN]]
    if len(verdict.differences) > _SHOWN:
        lines.append(f"\n  and {len(verdict.differences) - _SHOWN} more, all of them with `--json`")
    if not lines:
        lines = ["\n  no file differs: the layers were compressed otherwise, or the configuration differs"]
    return NotReproducible(
        f"two builds from nothing gave {first} and {second}; they differ in:{''.join(lines)}",
        hint="each line ends with what to do; `docs/reproducible.md` says more",
    )
