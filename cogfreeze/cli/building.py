"""What the verbs that build an image share: from a project's folder to the image."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.cli import terminal
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


def choice_from(arguments: argparse.Namespace) -> Choice:
    """Read `options.add_recipe_options`."""
    return Choice(
        platform=arguments.platform,
        builtin_frontend=arguments.syntax == "builtin",
        separate_weights=arguments.separate_weights,
        schema=arguments.openapi_schema,
    )


def options_from(arguments: argparse.Namespace, *, no_cache: bool = False, builder: str | None = None) -> Options:
    """Read `options.add_engine_options`."""
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
    """Return the lock's part for a platform; by default this machine's, or the only one.

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
        raise UsageError(f"cog.lock is for {known}", hint="choose one with `--platform`")
    return lock.platforms[0]


def files_of(found: Loaded, platform: str, report: Report) -> dict[str, Path]:
    """Fetch the files of the lock that are not cached, and return their paths by SHA-256.

    Raises:
        NetworkError, ResolveError, IntegrityError
    """
    from cogfreeze.engine.fetch import fetch
    from cogfreeze.local import cache
    from cogfreeze.settings import Settings

    part, settings = platform_of(found.lock, platform), Settings.from_environment()
    cache.hold(settings)
    return fetch(found.lock, part, found.project, found.folder, settings, report)


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

    Mistakes that are cheap to find are looked for before anything is fetched.

    Args:
        names: the image's names; by default the project's own, if there is no other output.

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
    with terminal.alive("waiting for the Docker engine"):
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
    """Say how an image compares with the one that the lock records, where they need not be equal."""
    from cogfreeze.engine import record

    if status == record.OTHER_FILES:
        report.note(
            f"{lock} records an image of other files or options, so it was not compared;"
            " `cog lock --record` records this one"
        )
    elif status == record.EQUAL_LAYERS:
        report.note(
            f"another engine made the record in {lock}: the layers' diff IDs are equal, and only the"
            " compression may differ"
        )
    elif status == record.UNDECIDED:
        report.warn(
            f"not compared with the record in {lock}: it is another engine's, and an export has no diff IDs",
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
    with report.step("building the image to record"):
        made = engine_build.record(recipe, files, found.folder, options, report)
    return found.lock.with_record(recipe.platform, made)


def check_name(name: str) -> None:
    """Refuse what is not an image name.

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
            f"`{file}` is not an OpenAPI document: {error}", hint="`cog schema` prints the project's"
        ) from None
    return text
