"""What most verbs start with: the project of this folder, and its lock, which must be current."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import LockStale, LockUnusable

if TYPE_CHECKING:
    import argparse

    from cogfreeze.lock.model import Lock, Tools
    from cogfreeze.project.model import Project
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A project as found: its folder, and where its lock is or would be."""

    folder: Path
    project: Project
    lock_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Declared):
    """A project with a lock that says what it asks for."""

    lock: Lock


def add_file_option(parser: argparse.ArgumentParser) -> None:
    """`-f`, which every verb of a project takes."""
    parser.add_argument("-f", "--file", metavar="FILE", help="the declaration, in place of ./cog.yaml")


def declared(file: str | None, report: Report) -> Declared:
    """Read the project of this folder, offline; its warnings go to `report`.

    The lock of `cog.yaml` is `cog.lock`; that of `-f cog.gpu.yaml` is `cog.gpu.lock`, so that both can live in
    one folder.

    Raises:
        ProjectError: there is none, or it is not usable.
    """
    from cogfreeze.project import cog_yaml, predictor

    path = cog_yaml.find(Path.cwd(), file)
    project = cog_yaml.read(path)
    predictor.check(path.parent, project)
    for warning in project.warnings:
        report.warn(warning)
    return Declared(folder=path.parent, project=project, lock_path=path.with_suffix(".lock"))


def load(file: str | None, report: Report, *, for_image: bool = True) -> Loaded:
    """Read the project and its lock, and hold the lock to the project and to this cogfreeze.

    Args:
        for_image: False for a run without an image, which takes this cogfreeze's runtime whatever the lock's was.

    Raises:
        ProjectError, LockUnusable, LockStale
    """
    from cogfreeze.lock import file as lock_file

    found = declared(file, report)
    lock = lock_file.read(found.lock_path)
    require_current(lock, found.project, for_image=for_image)
    return Loaded(folder=found.folder, project=found.project, lock_path=found.lock_path, lock=lock)


def require_current(lock: Lock, project: Project, *, for_image: bool = True) -> None:
    """Raise LockStale with its reasons where the lock isn't what the project and this cogfreeze ask for."""
    from cogfreeze.lock import staleness
    from cogfreeze.lock.inputs import cuda_base_of, inputs_of, platforms_of

    inputs = inputs_of(project, cuda_base=cuda_base_of(lock), platforms=platforms_of(lock))
    if reasons := staleness.reasons(lock, inputs):
        raise LockStale(reasons)
    if for_image and (reasons := staleness.runtime_reasons(lock, **this_runtime())):
        raise LockStale(
            reasons,
            hint=f"run `cog lock --upgrade-runtime` and commit it, or use cogfreeze {lock.tools.cogfreeze}",
        )


def load_or_resolve(file: str | None, settings: Settings, report: Report) -> Loaded:
    """For a run without an image: the lock, or in a folder without one what it would be; nothing is written."""
    try:
        return load(file, report, for_image=False)
    except LockUnusable:
        found = declared(file, report)
        if found.lock_path.exists():
            raise
    from cogfreeze.resolve.lock import LockOptions, resolve_lock

    report.warn(
        f"there is no `{found.lock_path.name}`: resolving for this run alone",
        hint="`cog lock` writes one; then every run has the same packages",
    )
    lock = resolve_lock(found.project, found.folder, None, LockOptions(), settings, report, tools=this_tools())
    return Loaded(folder=found.folder, project=found.project, lock_path=found.lock_path, lock=lock)


def this_runtime() -> dict[str, Any]:
    """The recipe and runtime of this cogfreeze, as `staleness.runtime_reasons` takes them."""
    from cogfreeze import bundled
    from cogfreeze.recipe.model import RECIPE_VERSION
    from cogfreeze.recipe.runtime_files import runtime_digest

    return {"recipe": RECIPE_VERSION, "runtime": runtime_digest(bundled.RUNTIME)}


def this_tools() -> Tools:
    """What this cogfreeze would lock and build with."""
    from cogfreeze.resolve.lock import tools

    runtime = this_runtime()
    return tools(recipe=runtime["recipe"], runtime_digest=runtime["runtime"])
