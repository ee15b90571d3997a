"""`cog build`: the image that cog.lock describes, and its digest."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.cli import as_cog, building, loading, options
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cogfreeze.engine.build import BuiltImage
    from cogfreeze.report import Report

EXAMPLES = (
    "cog build -t my-model",
    "cog build -t registry.example.com/my-model:v1 --push",
    "cog build --secret id=token,src=token.txt",
    "cog build --output type=oci,dest=model.tar",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-t", "--tag", dest="names", action="append", default=[], metavar="NAME",
        help="the image's name (default: `image` of cog.yaml); can be repeated",
    )  # fmt: skip
    options.add_recipe_options(parser)
    options.add_engine_options(parser)
    parser.add_argument("--no-cache", action="store_true", help="do not use the engine's build cache")
    parser.add_argument("--expect", metavar="DIGEST", help="fail without tagging anything if the digest differs")
    parser.add_argument("--push", action="store_true", help="push the image under each of its names")
    parser.add_argument(
        "--output", dest="outputs", action="append", default=[], metavar="SPEC",
        help="export, as buildx does, instead of storing an image: type=oci,dest=FILE; can be repeated",
    )  # fmt: skip
    parser.add_argument("--builder", metavar="NAME", help="the buildx builder to use; needs --output")
    parser.add_argument(
        "--dockerfile-only",
        action="store_true",
        help="print the Dockerfile without building, like `cog dockerfile`",
    )
    options.add_cog_options(parser)
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
    _remember_exports(arguments.outputs)
    if arguments.push:
        from cogfreeze.engine import push

        for name in image.names:
            push.push(name, image, report)
    _tell(image, report, as_json=arguments.json)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.outputs and (arguments.push or arguments.names):
        raise UsageError(
            "`--output` stores no image that could be tagged or pushed",
            hint="remove `--output`, or `--tag` and `--push`",
        )
    if arguments.builder and not arguments.outputs:
        raise UsageError(
            "`--builder` needs `--output`", hint="write where to export: `--output type=oci,dest=FILE`"
        )
    if any(map(_is_stdout, arguments.outputs)):
        raise UsageError(
            "`--output` cannot write to stdout, which has the report",
            hint="name a file: `--output type=oci,dest=FILE`",
        )
    if arguments.expect and not grammar.DIGEST.accepts(arguments.expect):
        raise UsageError(
            f"`{grammar.shown(arguments.expect)}` is not a digest", hint=f"write {grammar.DIGEST.allowed}"
        )


def _remember_exports(outputs: Sequence[str]) -> None:
    """Note the files that were exported, so that the next image does not contain them."""
    from pathlib import Path

    from cogfreeze.client.written import remember

    # A plain path is a folder, and stays the user's affair.
    places = (_values_of(output).get("dest") for output in outputs)
    remember(Path(place) for place in places if place and Path(place).is_file())


def _values_of(output: str) -> dict[str, str]:
    """Read buildx's `key=value,…`."""
    import csv

    fields = next(csv.reader([output]), [])
    return dict(field.partition("=")[::2] for field in fields)


def _is_stdout(output: str) -> bool:
    values = _values_of(output)
    return values.get("dest", "") in ("-", "") and (
        values.get("type") in ("oci", "tar") or "-" in values or values.get("dest") == "-"
    )


def _tell(image: BuiltImage, report: Report, *, as_json: bool) -> None:
    if not image.reproducible:
        report.warn("a command used the network: the same lock may give a different image")
    for each in image.at_start:
        report.note(f"not in the image, create it when a container starts: {each}")
    if image.config is None:
        report.note("the export is not an image, so it has no digest")
    elif image.digest is None:
        report.warn(
            "the digest is unknown, because this engine's image store does not keep manifests",
            hint="turn on its containerd image store, or export: `--output type=oci,dest=FILE`",
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(image), ensure_ascii=False))
        return
    for name in image.names:
        report.note(f"built {name}")
    if found := image.digest or image.config:
        print(found)
