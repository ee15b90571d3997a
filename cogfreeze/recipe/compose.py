"""Project + Lock → Recipe. Pure: the same values always give the same recipe.

Only fetch stages use the network, and they check every file's hash. Each group of packages, the server, our
runtime, the lock and the user's code is made in its own stage and copied with `COPY --link`. Such a layer doesn't
depend on the layers below it, so a change rebuilds and pushes one layer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cogfreeze.catalog import system_rules
from cogfreeze.errors import LockUnusable
from cogfreeze.lock.file import dumps
from cogfreeze.recipe import from_source, layout, metadata, scripts, values
from cogfreeze.recipe.fetching import Fetching
from cogfreeze.recipe.groups import DEFAULT_INDEX, LOCAL, Group, group
from cogfreeze.recipe.model import Bind, ContextFile, Recipe, Run, Secret, Setting, Stage, Step
from cogfreeze.recipe.stages import (
    CHECKED_INPUTS,
    PROJECT_INPUTS,
    PYTHON,
    REAPER,
    SYSTEM,
    UNPACKED,
    Layers,
    staged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, PlatformLock, Wheel
    from cogfreeze.project.model import Project, RunCommand

INSTALLER = "uv"
# Where a project's command is mounted while it runs.
_COMMAND = "/run/command.sh"
# A command's first line may name what runs it: `#!/bin/bash -e`.
_INTERPRETER = re.compile(r"#! ?(/[A-Za-z0-9/._+-]+(?: -?[A-Za-z0-9./_+-]+){0,2})$", re.MULTILINE)


def compose(
    project: Project,
    lock: Lock,
    platform: str,
    *,
    schema: str,
    builtin_frontend: bool = False,
    separate_weights: bool = False,
) -> Recipe:
    """Return the build of one platform.

    Args:
        schema: the project's OpenAPI document, as JSON text.
        builtin_frontend: leave out the pinned Dockerfile frontend, for engines that can't pull it.
        separate_weights: give the project's large files a layer of their own.

    Raises:
        LockUnusable: the lock lacks the platform, or a part that every image needs.
        ProjectError: a value of the project is unsafe in a build.
    """
    part = lock.for_platform(platform)
    if part is None:
        known = ", ".join(f"`{each.platform}`" for each in lock.platforms)
        raise LockUnusable(
            f"cog.lock is for {known}, not `{platform}`",
            hint=f"add `{platform}` to `build.platforms`, then run `cog lock`",
        )
    values.check(project, lock, part)
    _require_runtime(part)
    inputs = _inputs(project, lock)
    own_inputs = {file.path for command in project.build.run for file in command.inputs if file.path is not None}

    packages, tools = group(part.python.wheels), from_source.tools(part.python)
    installer, server = _runtime_groups(part.python.runtime)
    sdk = Group(name="sdk", index=LOCAL, wheels=(part.python.sdk,)) if part.python.sdk else None
    base = f"{part.base.reference}@{part.base.digest}"
    interpreter = part.python.interpreter
    python = PYTHON if interpreter else base
    apt = part.apt if part.apt and part.apt.packages else None
    debs = tuple(each.name for each in apt.packages) if apt else ()
    rules, at_start = system_rules.rules_for(debs), system_rules.at_start(debs)
    fetching = Fetching(
        base=base,
        python=python,
        apt=apt,
        build_apt=part.build_apt,
        groups=(installer, *packages, *tools, server, *([sdk] if sdk else [])),
        inputs=lock.files,
        interpreter=interpreter,
        sources=part.python.sources,
    )
    layers = Layers(
        base=base,
        python=python,
        platform=platform,
        epoch=lock.source_date_epoch,
        user=project.build.user,
        rules=rules,
    )
    network = project.build.network or any(command.network for command in project.build.run)
    # The record of an earlier build must not influence this one.
    lock_text = dumps(lock.without_records())
    built = [from_source.BUILT] if tools else []
    below = (*([UNPACKED] if interpreter else []), *(each.name for each in packages), *built, "standard-library")
    labels = metadata.labels(
        project, lock, part.base, lock_text=lock_text, schema=schema, reproducible=not network, at_start=at_start
    )
    return Recipe(
        platform=platform,
        frontend=None if builtin_frontend else lock.tools.frontend,
        epoch=lock.source_date_epoch,
        stages=(
            *fetching.interpreters(),
            *layers.interpreters(interpreter),
            *fetching.stages(),
            layers.system(apt, part.base.packages),
            *([layers.checked_inputs()] if lock.files else []),
            *([layers.project_inputs()] if own_inputs else []),
            layers.installer(installer, part.python.version),
            *(layers.packages(each) for each in packages),
            *([layers.toolchain(part.build_apt, part.base.packages)] if part.build_apt else []),
            *(layers.built(part.python.sources, each, compiles=bool(part.build_apt)) for each in tools),
            layers.server(server),
            layers.standard_library(),
            layers.runtime(sdk),
            layers.record(),
            *([layers.weights()] if separate_weights else []),
            layers.code(),
            _image(project, layers, below, labels, inputs, separate_weights=separate_weights),
        ),
        files=(
            *fetching.lists(),
            *_command_files(project),
            ContextFile(path=layout.LOCK, text=lock_text),
            ContextFile(path=layout.SCHEMA, text=schema),
        ),
        downloads=tuple(fetching.downloads()),
        reproducible=not network,
        separate_weights=separate_weights,
        project_inputs=tuple(sorted(own_inputs)),
        at_start=at_start,
    )


def _require_runtime(part: PlatformLock) -> None:
    for name in (INSTALLER, REAPER):
        if not any(wheel.name == name for wheel in part.python.runtime):
            raise LockUnusable(
                f"cog.lock has no `{name}`, which every image needs", hint="run `cog lock --upgrade-runtime`"
            )


def _inputs(project: Project, lock: Lock) -> dict[str, str]:
    """Return the SHA-256 of every file that a command asks for, by its URL.

    Raises:
        LockUnusable: one is not locked.
    """
    known = {file.url: file.sha256 for file in lock.files}
    for command in project.build.run:
        for file in command.inputs:
            if file.url is not None and file.url not in known:
                raise LockUnusable(f"cog.lock has no input `{file.url}`", hint="run `cog lock`")
    return known


def _runtime_groups(runtime: tuple[Wheel, ...]) -> tuple[Group, Group]:
    """Split our own wheels into the installer, which is in no layer, and the server's."""
    ordered = sorted(runtime, key=lambda wheel: wheel.name)
    installer = tuple(wheel for wheel in ordered if wheel.name == INSTALLER)
    server = tuple(wheel for wheel in ordered if wheel.name != INSTALLER)
    return (
        Group(name="installer", index=DEFAULT_INDEX, wheels=installer),
        Group(name="server", index=DEFAULT_INDEX, wheels=server),
    )


def _image(
    project: Project,
    layers: Layers,
    below: tuple[str, ...],
    labels: metadata.Pairs,
    inputs: dict[str, str],
    *,
    separate_weights: bool,
) -> Stage:
    # Below the commands, because a command that runs Python would compile parts of it again.
    steps: list[Step] = [staged(name) for name in below]
    if project.environment:
        steps.append(Setting(instruction="ENV", value=project.environment))
    steps += [_command(project, layers, index, inputs) for index in range(len(project.build.run))]
    own = ("server", "runtime", "record", *([layout.WEIGHTS] if separate_weights else []), layout.CODE)
    steps += [staged(name) for name in own]
    steps += [
        Setting(instruction="ENV", value=metadata.environment(project)),
        Setting(instruction="LABEL", value=labels),
        Setting(instruction="USER", value=layers.owner),
        Setting(instruction="EXPOSE", value=str(layout.PORT)),
        Setting(instruction="ENTRYPOINT", value=(layout.REAPER, "--")),
        Setting(instruction="CMD", value=("python", "-m", "cog.server.http")),
    ]
    return Stage(name="image", base=SYSTEM, steps=tuple(steps), comment="The image.")


def _command(project: Project, layers: Layers, index: int, inputs: dict[str, str]) -> Run:
    command = project.build.run[index]
    mounted = (_COMMAND, *(each.target for each in command.secrets), *(each.target for each in command.inputs))
    return Run(
        script=(
            *scripts.start(layers.epoch),
            *scripts.run_command(_COMMAND, _shell(command.command), project.build.user),
            *layers.rewrite(),
            *scripts.fix_times_since_start(layers.epoch, mounted),
        ),
        mounts=(
            Bind(source=_command_path(index), target=_COMMAND),
            *(Secret(id=each.id, target=each.target, required=True) for each in command.secrets),
            *(
                Bind(source=f"{layout.STAGED}/{inputs[each.url]}", target=each.target, source_stage=CHECKED_INPUTS)
                for each in command.inputs
                if each.url is not None
            ),
            *(
                Bind(source=f"{layout.STAGED}/{each.path}", target=each.target, source_stage=PROJECT_INPUTS)
                for each in command.inputs
                if each.path is not None
            ),
        ),
        network=project.build.network or command.network,
        comment=f"build.run[{index}]: {_first_line(command.command)}",
    )


def _first_line(command: str) -> str:
    """Return a command's first line that is more than its `#!`, with an ellipsis if others follow."""
    lines = [line.strip() for line in command.splitlines() if line.strip() and not line.startswith("#!")] or [""]
    return lines[0].replace("\t", " ") + (" …" if len(lines) > 1 else "")


def _shell(command: str) -> str:
    """Return what runs a command's file: the program of its `#!` line, or `sh`.

    A script of several lines stops at the first command that fails, as separate entries do.
    """
    if named := _INTERPRETER.match(command):
        return named[1]
    return "/bin/sh -e" if "\n" in command else "/bin/sh"


def _command_files(project: Project) -> Iterator[ContextFile]:
    commands: tuple[RunCommand, ...] = project.build.run
    for index, command in enumerate(commands):
        yield ContextFile(path=_command_path(index), text=f"{command.command}\n")


def _command_path(index: int) -> str:
    return f"{layout.COMMANDS}/{index + 1}.sh"
