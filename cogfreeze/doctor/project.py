"""Checks of a project: its file, its predictor, its commands, its system packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.doctor.check import WARNING, Check, failed, ok
from cogfreeze.doctor.run_lines import advice, facts_of
from cogfreeze.errors import CogError, ProjectError, ProjectErrors
from cogfreeze.grammar import shown
from cogfreeze.project import cog_yaml, predictor
from cogfreeze.report import Silent
from cogfreeze.resolve.apt import UnknownPackages, default_snapshot, resolve_apt
from cogfreeze.resolve.base import choose_base, resolve_base
from cogfreeze.resolve.python import cuda_choice

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.project.model import Project
    from cogfreeze.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the checks found out about a project.

    Attributes:
        project: None if its file can't be read.
        unknown: the system packages that the archive does not have, if any.
        installed: the names of the base image's packages, if they were needed.
    """

    checks: tuple[Check, ...]
    project: Project | None = None
    unknown: UnknownPackages | None = None
    installed: frozenset[str] = frozenset()


class _Warnings(Silent):
    """A Report that keeps warnings about the predictor as checks."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def warn(self, message: str, *, hint: str | None = None) -> None:
        self.checks.append(Check(name="predictor", status=WARNING, message=message, cure=hint))


def examine(path: Path, settings: Settings) -> Examined:
    """Check a project; the network is used for its system packages alone."""
    try:
        project = cog_yaml.read(path)
    except (ProjectErrors, ProjectError) as error:
        return Examined(checks=tuple(failed("project", each) for each in _each(error)))
    checks = [ok("project", f"{path.name} is valid")]
    checks += [Check(name="project", status=WARNING, message=text) for text in project.warnings]
    checks += _predictor(path.parent, project)
    for each in advice(project.build, facts_of(project)):
        message = f"{each.place}: `{shown(each.command)}` uses the network (`{each.program}`), which commands lack"
        checks.append(Check(name="run", status="failed", message=message, cure=each.fix))
    if not project.build.system_packages:
        return Examined(checks=tuple(checks), project=project)
    if settings.offline:
        skipped = Check(name="system packages", status="skipped", message="not checked offline")
        return Examined(checks=(*checks, skipped), project=project)
    return _system_packages(project, path.parent, settings, checks)


def _each(error: ProjectError) -> tuple[ProjectError, ...]:
    return error.errors if isinstance(error, ProjectErrors) else (error,)


def _predictor(folder: Path, project: Project) -> list[Check]:
    if project.predict is None and project.train is None:
        cure = "add `predict: predict.py:Predictor`"
        return [Check(name="predictor", status=WARNING, message="the project names no predictor", cure=cure)]
    from cogfreeze.local.schema import schema_of

    report = _Warnings()
    try:
        predictor.check(folder, project)
        schema_of(folder, project, report)
    except ProjectError as error:
        return [failed("predictor", each) for each in _each(error)]
    except CogError as error:
        return [failed("predictor", error)]
    return [
        *report.checks,
        ok("predictor", f"the inputs and outputs of `{project.predict or project.train}` are understood"),
    ]


def _system_packages(project: Project, folder: Path, settings: Settings, checks: list[Check]) -> Examined:
    build, name = project.build, "system packages"
    installed: frozenset[str] = frozenset()
    try:
        platform = build.platforms[0]
        gpu = cuda_choice(build, folder, platform, settings) if build.gpu else None
        choice = choose_base(build, gpu)
        base, status = resolve_base(
            choice.reference, platform, choice.reason, settings, Silent(), need_packages=True
        )
        lines = (status or "").splitlines()
        installed = frozenset(line.removeprefix("Package: ") for line in lines if line.startswith("Package: "))
        closure = resolve_apt(
            build.system_packages,
            components=build.apt_components,
            base=base,
            status=status or "",
            platform=platform,
            snapshot=default_snapshot(base.distribution, settings),
            settings=settings,
            report=Silent(),
        )
    except UnknownPackages as error:
        found = (*checks, failed(name, error))
        return Examined(checks=found, project=project, unknown=error, installed=installed)
    except CogError as error:
        return Examined(checks=(*checks, failed(name, error)), project=project, installed=installed)
    message = f"{len(closure.packages)} packages can be installed on `{base.reference}`"
    return Examined(checks=(*checks, ok(name, message)), project=project, installed=installed)
