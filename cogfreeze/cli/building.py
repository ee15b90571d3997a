"""What the verbs have in common that build an image: their options, and the way from a folder to the image."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.cli import loading
from cogfreeze.errors import LockUnusable, UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cogfreeze.cli.loading import Loaded
    from cogfreeze.engine.build import BuiltImage
    from cogfreeze.engine.buildx import Options
    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What decides which recipe is built.

    Attributes:
        platform: one of the lock's, or None for this machine's, or for the only one.
        builtin_frontend: read the Dockerfile by the engine's own frontend, not by the pinned one.
        separate_weights: give the project's large data a layer of its own.
        schema: a file that holds the OpenAPI document, in place of what the project's source says.
    """

    platform: str | None = None
    builtin_frontend: bool = False
    separate_weights: bool = False
    schema: str | None = None


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """What decides which recipe is built; `choice_from` reads it."""
    loading.add_file_option(parser)
    parser.add_argument("--platform", metavar="PLATFORM", help="one of the lock's platforms, such as linux/amd64")
    add_choice_options(parser)


def add_choice_options(parser: argparse._ActionsContainer) -> None:
    """The same, without the declaration's file and the platform."""
    parser.add_argument(
        "--syntax",
        choices=("pinned", "builtin"),
        default="pinned",
        help="read the Dockerfile by the frontend that the lock pins (default), or by the engine's own",
    )
    parser.add_argument("--openapi-schema", metavar="FILE", help="take the OpenAPI document from a file")
    parser.add_argument(
        "--separate-weights",
        action="store_true",
        help="give files of 10 MiB and more that are no source their own layer",
    )


def choice_from(arguments: argparse.Namespace) -> Choice:
    return Choice(
        platform=arguments.platform,
        builtin_frontend=arguments.syntax == "builtin",
        separate_weights=arguments.separate_weights,
        schema=arguments.openapi_schema,
    )


def add_engine_options(parser: argparse._ActionsContainer) -> None:
    """How the engine builds it; `options_from` reads it."""
    told = os.environ.get("BUILDKIT_PROGRESS", "auto")
    parser.add_argument(
        "--secret",
        dest="secrets",
        action="append",
        default=[],
        metavar="id=NAME,src=FILE",
        help="a secret for the commands that mount it; `env=VARIABLE` in place of the file; can be repeated",
    )
    parser.add_argument(
        "--progress",
        choices=("auto", "plain", "tty", "quiet"),
        default=told if told in ("plain", "tty", "quiet") else "auto",
        help="a line a step (auto), all that commands print, the engine's own display, or nothing",
    )
    parser.add_argument("--network", choices=("default", "host"), help="the network of the steps that have one")


def options_from(arguments: argparse.Namespace, *, no_cache: bool = False, builder: str | None = None) -> Options:
    from cogfreeze.engine.buildx import Options

    return Options(
        no_cache=no_cache,
        secrets=tuple(arguments.secrets),
        progress=arguments.progress,
        network=arguments.network,
        builder=builder,
    )


def recipe_of(found: Loaded, choice: Choice) -> Recipe:
    """Return the recipe that the command line asks for.

    Raises:
        ProjectError, LockUnusable, UsageError
    """
    from cogfreeze.recipe.compose import compose

    return compose(
        found.project,
        found.lock,
        platform_of(found.lock, choice.platform).platform,
        schema=_schema(found, choice.schema),
        builtin_frontend=choice.builtin_frontend,
        separate_weights=choice.separate_weights,
    )


def platform_of(lock: Lock, asked: str | None) -> PlatformLock:
    """Return the part of the lock that is asked for, or this machine's, or the only one.

    Raises:
        LockUnusable: the lock has no such platform.
        UsageError: the lock has several, and none is this machine's.
    """
    from cogfreeze.local.environment import this_platform

    part = lock.for_platform(asked or this_platform())
    if part is not None:
        return part
    known = ", ".join(f"`{each.platform}`" for each in lock.platforms)
    if asked is not None:
        raise LockUnusable(
            f"cog.lock is for {known}, not `{asked}`",
            hint=f"add `{asked}` to `build.platforms`, then run `cog lock`",
        )
    if len(lock.platforms) != 1:
        raise UsageError(f"cog.lock is for {known}", hint="choose one by `--platform`")
    return lock.platforms[0]


def files_of(found: Loaded, platform: str, report: Report) -> dict[str, Path]:
    """Bring the files of the lock to this machine and return where they are, by sha256.

    Raises:
        NetworkError, ResolveError, IntegrityError
    """
    from cogfreeze.engine.fetch import fetch
    from cogfreeze.settings import Settings

    part = platform_of(found.lock, platform)
    return fetch(found.lock, part, found.project, found.folder, Settings.from_environment(), report)


def build(
    found: Loaded,
    report: Report,
    *,
    names: tuple[str, ...] = (),
    choice: Choice | None = None,
    options: Options | None = None,
    outputs: tuple[str, ...] = (),
    expect: str | None = None,
) -> BuiltImage:
    """Build a project's image, by default as `cog build` does without options.

    What is cheap to find wrong is looked at before anything is fetched.

    Args:
        names: the image's names; the project's own where there is none, and no other output.

    Raises:
        CogError
    """
    from cogfreeze.engine import build as engine_build
    from cogfreeze.engine import docker, secret
    from cogfreeze.engine.buildx import Options

    if not names and not outputs:
        names = (found.project.image,)
    for name in names:
        check_name(name)
    recipe = recipe_of(found, choice or Choice())
    options = options or Options()
    secret.check(recipe, options.secrets)
    docker.find(options.builder)
    files = files_of(found, recipe.platform, report)
    doing = report.step(f"building {names[0]}" if names else "building")
    # A bar of ours would draw over the engine's own display.
    with doing if options.progress != "tty" else nullcontext():
        image = engine_build.build(
            recipe,
            files,
            found.folder,
            options,
            report,
            names=names,
            outputs=outputs,
            expect=expect,
            record=platform_of(found.lock, recipe.platform).image,
        )
    tell_record(image.record, found.lock_path.name, report)
    return image


def tell_record(status: str | None, lock: str, report: Report) -> None:
    """Say how an image stands to the one that the lock records, where that is no failure."""
    from cogfreeze.engine import record

    if status == record.OTHER_FILES:
        report.note(
            f"{lock} records an image of other files or options than these, so this one is not held to it;"
            " `cog lock --record` records this one"
        )
    elif status == record.EQUAL_LAYERS:
        report.note(
            f"another engine made the record in {lock}: every layer's diff ID is the recorded one, and only the"
            " compression may differ"
        )
    elif status == record.UNDECIDED:
        report.warn(
            f"the record in {lock} is another engine's, and an export tells no diff IDs: not compared",
            hint="build without `--output` to compare the layers",
        )


def record(found: Loaded, report: Report, *, choice: Choice, options: Options) -> Lock:
    """Build a project's image and return the lock with a record of it; nothing is named, pushed or written.

    Raises:
        CogError
    """
    from cogfreeze.engine import build as engine_build

    recipe = recipe_of(found, choice)
    files = files_of(found, recipe.platform, report)
    with report.step("building what is recorded"):
        made = engine_build.record(recipe, files, found.folder, options, report)
    return found.lock.with_record(recipe.platform, made)


def check_name(name: str) -> None:
    """Refuse what is no image name.

    Raises:
        UsageError
    """
    try:
        grammar.IMAGE_NAME.check(name)
    except grammar.Refused as refused:
        raise UsageError(refused.message, hint=refused.allowed) from None


def _schema(found: Loaded, file: str | None) -> str:
    if file is None:
        from cogfreeze.local.schema import schema_of

        return schema_of(found.folder, found.project)
    import json
    from pathlib import Path

    try:
        text = Path(file).read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"`{file}` is no OpenAPI document: {error}", hint="`cog schema` prints the project's"
        ) from None
    return text
