"""What `predict` and `serve` share: where the model runs, and with what."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import building, loading
from cogfreeze.errors import NetworkError, ProjectError, ToolMissing, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from cogfreeze.engine.container import Container
    from cogfreeze.errors import PredictionFailed
    from cogfreeze.local.libraries import SystemPackages
    from cogfreeze.local.serve import LocalModel
    from cogfreeze.lock.model import PlatformLock
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(=.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line asks to run, before anything is built for it.

    Attributes:
        project: this folder's; None where an image was named.
        schema: the project's OpenAPI document; an image tells its own when it runs.
    """

    arguments: argparse.Namespace
    report: Report
    project: loading.Loaded | None
    schema: dict[str, Any] | None

    def made(self) -> LocalModel | Container:
        """Return what runs, built where it has to be.

        Raises:
            CogError: the environment or the image cannot be made.
        """
        return self._local_model() if self.arguments.local else self._container()

    def _local_model(self) -> LocalModel:
        from cogfreeze.local import cache, environment, serve
        from cogfreeze.settings import Settings

        if self.project is None or self.schema is None:
            raise AssertionError("a local model is a project's")
        settings = Settings.from_environment()
        cache.hold(settings)
        locked = environment.locked_for_this_machine(self.project.lock)
        folder, project = self.project.folder, self.project.project
        prepared = environment.prepare(
            locked, build=project.build, folder=folder, settings=settings, report=self.report
        )
        return serve.LocalModel(
            environment=prepared,
            project=project,
            folder=folder,
            schema=serve.write_schema(self.schema, settings),
            system_packages=self._system_packages(locked, settings),
            more=tuple(_named_variables(self.arguments.variables)),
        )

    def _system_packages(self, locked: PlatformLock, settings: Settings) -> SystemPackages:
        """Lend what this machine lacks; a machine that cannot fetch it may still have what the model needs."""
        from cogfreeze.local import libraries

        try:
            return libraries.missing_packages(locked.apt, settings, self.report)
        except NetworkError as error:
            declared = [each.name for each in locked.apt.packages if not each.required_by] if locked.apt else []
            self.report.warn(
                f"system packages that this machine lacks could not be fetched: {error}",
                hint=f"if the model doesn't start, install them here: {' '.join(declared)}",
            )
            return libraries.SystemPackages()

    def _container(self) -> Container:
        from cogfreeze.engine.container import Container

        variables = tuple(self.arguments.variables)
        if self.project is None:
            return Container(image=self.arguments.image, gpus=self.arguments.gpus, variables=variables)
        project = self.project.project
        try:
            building.build(
                self.project,
                self.report,
                choice=building.choice_from(self.arguments),
                options=building.options_from(self.arguments),
            )
        except ToolMissing as error:
            error.hint = "`--local` runs the model on this machine, without Docker"
            raise
        gpus = self.arguments.gpus or ("all" if project.build.gpu else None)
        return Container(image=project.image, gpus=gpus, variables=variables)


def chosen(arguments: argparse.Namespace, report: Report) -> Choice:
    """Read what there is to run; nothing is built yet, so that a mistake in the inputs costs nothing.

    Raises:
        UsageError: options that cannot go together.
        ProjectError, LockUnusable, LockStale
    """
    _check_options(arguments)
    if arguments.image:
        return Choice(arguments=arguments, report=report, project=None, schema=None)
    from cogfreeze.local.schema import schema_of
    from cogfreeze.settings import Settings

    if arguments.local:
        found = loading.load_or_resolve(arguments.file, Settings.from_environment(), report)
    else:
        found = loading.load(arguments.file, report)
    if found.project.predict is None:
        raise ProjectError(
            "the project has no predictor", where=found.project.file, hint="add `predict: predict.py:Predictor`"
        )
    schema = json.loads(schema_of(found.folder, found.project, report))
    return Choice(arguments=arguments, report=report, project=found, schema=schema)


def explain_import(error: PredictionFailed, project: loading.Declared | None) -> None:
    """Give a model that lacks a package the hint to add it; a module of the project's own is another matter."""
    found = _NO_MODULE.search(error.message)
    if found is None or project is None:
        return
    module = found[1].partition(".")[0]
    if (project.folder / module).exists() or (project.folder / f"{module}.py").exists():
        return
    from cogfreeze.project.python import package_of

    files = project.project.build.python_requirements
    place = f"`{files[0].path}`" if files else "`build.python_packages`"
    error.hint = f"add `{package_of(module)}` to {place}, then run `cog lock`"


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.image and "=" in arguments.image:
        raise UsageError(f"`{arguments.image}` is not an image", hint=f"write `-i {arguments.image}` for an input")
    if arguments.local and arguments.image:
        raise UsageError(
            "`--local` runs the project of this folder, not an image", hint="remove the image's name or `--local`"
        )
    if arguments.local and arguments.gpus:
        raise UsageError("`--gpus` has no effect with `--local`", hint="the model sees all GPUs of this machine")
    if arguments.image and arguments.file:
        raise UsageError("`--file` names a project, and an image is given too", hint="use one of them")
    for variable in arguments.variables:
        if not _VARIABLE.fullmatch(variable):
            name = variable.partition("=")[0]
            raise UsageError(f"`{name}` is not a variable name", hint="write `-e NAME=VALUE`, or `-e NAME`")


def _named_variables(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the names and values of `-e`; a name alone has the value that it has here, if any."""
    for word in words:
        name, equals, value = word.partition("=")
        if equals or name in os.environ:
            yield name, value if equals else os.environ[name]
