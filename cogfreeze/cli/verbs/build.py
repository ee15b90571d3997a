"""`cog build`: the image that cog.lock describes, and its digest."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.cli import as_cog, building, loading
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from cogfreeze.engine.build import BuiltImage
    from cogfreeze.report import Report


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-t", "--tag", dest="names", action="append", default=[], metavar="NAME",
        help="the image's name; can be repeated (default: `image` of cog.yaml)",
    )  # fmt: skip
    building.add_recipe_options(parser)
    building.add_engine_options(parser)
    parser.add_argument("--no-cache", action="store_true", help="run every step anew")
    parser.add_argument("--expect", metavar="DIGEST", help="fail, and name nothing, unless the digest is this one")
    parser.add_argument("--push", action="store_true", help="push every name to its registry")
    parser.add_argument(
        "--output", dest="outputs", action="append", default=[], metavar="type=oci,dest=FILE",
        help="export as the engine's buildx does, in place of an image in its store; can be repeated",
    )  # fmt: skip
    parser.add_argument("--builder", metavar="NAME", help="a builder of buildx's own; needs `--output`")
    parser.add_argument(
        "--dockerfile-only",
        action="store_true",
        help="print the Dockerfile and build nothing, as `cog dockerfile`",
    )
    as_cog.add_options(parser)
    parser.add_argument("--json", action="store_true", help="report the image on stdout as JSON")


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.recipe.dockerfile import render

    report = TerminalReport()
    _check(arguments)
    as_cog.explain(arguments, report)
    found = loading.load(arguments.file, report)
    as_cog.require_base(arguments, building.platform_of(found.lock, arguments.platform))
    if arguments.dockerfile_only:
        print(render(building.recipe_of(found, building.choice_from(arguments))), end="")
        return 0
    image = building.build(
        found,
        report,
        names=tuple(arguments.names),
        choice=building.choice_from(arguments),
        options=building.options_from(arguments, no_cache=arguments.no_cache, builder=arguments.builder),
        outputs=tuple(arguments.outputs),
        expect=arguments.expect,
    )
    if arguments.push:
        from cogfreeze.engine import push

        for name in image.names:
            push.push(name, image, report)
    _tell(image, report, as_json=arguments.json)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.outputs and (arguments.push or arguments.names):
        raise UsageError(
            "`--output` makes no image in the engine's store to name or push", hint="leave one of the two out"
        )
    if arguments.builder and not arguments.outputs:
        raise UsageError(
            "`--builder` builds outside the engine's store", hint="say where to: `--output type=oci,dest=FILE`"
        )
    if any(map(_is_stdout, arguments.outputs)):
        raise UsageError(
            "an `--output` to stdout would hold our own report too",
            hint="name a file: `--output type=oci,dest=FILE`",
        )
    if arguments.expect and not grammar.DIGEST.accepts(arguments.expect):
        raise UsageError(
            f"`{grammar.shown(arguments.expect)}` is not a digest", hint=f"write {grammar.DIGEST.allowed}"
        )


def _is_stdout(output: str) -> bool:
    import csv

    fields = next(csv.reader([output]), [])
    values = dict(field.partition("=")[::2] for field in fields)
    return values.get("dest", "") in ("-", "") and (
        values.get("type") in ("oci", "tar") or "-" in values or values.get("dest") == "-"
    )


def _tell(image: BuiltImage, report: Report, *, as_json: bool) -> None:
    if not image.reproducible:
        report.warn("a command had the network: the same lock may give another image")
    if image.config is None:
        report.note("exported what is no image: it has no digest")
    elif image.digest is None:
        report.warn(
            "this engine's image store keeps no manifests, so the digest is not known here",
            hint="turn its containerd image store on, or export: `--output type=oci,dest=FILE`",
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(image), ensure_ascii=False))
        return
    for name in image.names:
        report.note(f"built {name}")
    if found := image.digest or image.config:
        print(found)
