"""What most verbs start with: the project of this folder or one above it, and its lock, which must be current."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import failures
from cogfreeze.cli.options import add_file_option
from cogfreeze.errors import LockStale, LockUnsound, LockUnusable

if TYPE_CHECKING:
    from cogfreeze.lock.model import Lock, Tools
    from cogfreeze.project.model import Project
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings


__all__ = ["add_file_option"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A project: its folder, and the path of its lock."""

    folder: Path
    project: Project
    lock_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Declared):
    """A project with a lock that matches it."""

    lock: Lock


def declared(file: str | None, report: Report) -> Declared:
    """Read the project of this folder or the nearest one above it, offline; its warnings go to `report`.

    The lock of `cog.yaml` is `cog.lock`; that of `-f cog.gpu.yaml` is `cog.gpu.lock`, so that one folder can
    hold both.

    Raises:
        ProjectError: there is none, or it is not usable.
    """
    from cogfreeze.project import cog_yaml, predictor

    path = cog_yaml.find(Path.cwd(), file)
    failures.relative_to(path.parent)
    project = cog_yaml.read(path)
    predictor.check(path.parent, project)
    for warning in project.warnings:
        report.warn(warning)
    return Declared(folder=path.parent, project=project, lock_path=path.with_suffix(".lock"))


def load(file: str | None, report: Report, *, for_image: bool = True) -> Loaded:
    """Read the project and its lock, and require that the lock matches the project and this cogfreeze.

    Args:
        for_image: False for a run without an image, which uses this cogfreeze's runtime whatever the lock has.

    Raises:
        ProjectError, LockUnusable, LockStale, LockUnsound
    """
    from cogfreeze.lock import file as lock_file

    found = declared(file, report)
    lock = lock_file.read(found.lock_path)
    require_current(lock, found, for_image=for_image)
    return Loaded(folder=found.folder, project=found.project, lock_path=found.lock_path, lock=lock)


def require_current(lock: Lock, found: Declared, *, for_image: bool = True) -> None:
    """Require that a lock is what the project and this cogfreeze ask for, and that its packages fit together.

    Raises:
        LockStale: the declaration, or a file of the project that the lock pins, has changed since.
        LockUnsound: the packages don't satisfy the declaration or each other.
        ProjectErrors: the declaration can't be locked.
    """
    from cogfreeze.lock import file, soundness, staleness
    from cogfreeze.lock.inputs import cuda_base_of, inputs_of, platforms_of
    from cogfreeze.resolve.requirements import changed_files, read_declared

    build = found.project.build
    inputs = inputs_of(found.project, cuda_base=cuda_base_of(lock), platforms=platforms_of(lock))
    reasons = staleness.reasons(lock, inputs)
    asked = read_declared(build, found.folder)
    if reasons := (*reasons, *changed_files(lock, asked, found.folder)):
        raise LockStale(reasons)
    clashes = [*soundness.clashes(lock, asked.requirements, asked.constraints, build.system_packages)]
    if clashes:
        text = found.lock_path.read_text(encoding="utf-8") if found.lock_path.is_file() else file.dumps(lock)
        name = found.lock_path.name
        raise LockUnsound([soundness.words(each, partial(file.line_of, text), name) for each in clashes])
    if for_image and (reasons := staleness.runtime_reasons(lock, **this_runtime())):
        raise LockStale(
            reasons,
            hint="run `cog lock --upgrade-runtime` and commit the result, or use cogfreeze"
            f" {lock.tools.cogfreeze}",
        )


def load_or_resolve(file: str | None, settings: Settings, report: Report) -> Loaded:
    """Load the lock for a run without an image; without a lock, resolve one and do not write it."""
    try:
        return load(file, report, for_image=False)
    except LockUnusable:
        found = declared(file, report)
        if found.lock_path.exists():
            raise
    from cogfreeze.resolve.lock import LockOptions, resolve_lock

    report.warn(
        f"there is no `{found.lock_path.name}`: resolving for this run only",
        hint="run `cog lock` to use the same packages every time",
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
