"""The parts of a declaration that a lock depends on, in the form that the lock keeps.

What is not here (the image's name, the environment, the predictor) may change without a new lock. Order and
comments don't count: a list that is a set is kept sorted. A key at its default is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.project.model import DEFAULT_PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cogfreeze.lock.model import InputValue, Lock
    from cogfreeze.project.model import Project
    from cogfreeze.project.python import RequirementsFile

Inputs = tuple[tuple[str, "InputValue"], ...]

# Not declared, but asked for by a flag of `cog lock`; each holds until another one is asked for.
CUDA_BASE = "options.use_cuda_base_image"
PLATFORMS = "options.platform"
BASE = frozenset({"build.python_version", "build.gpu", "build.cuda", "build.cudnn", "build.base_image", CUDA_BASE})
APT = frozenset({"build.system_packages", "build.apt_components"})


def inputs_of(project: Project, *, cuda_base: str = "auto", platforms: Iterable[str] | None = None) -> Inputs:
    """Return the declared parts by key path, sorted; a requirements file's key is `files.PATH`.

    Args:
        cuda_base: what `--use-cuda-base-image` asks for.
        platforms: what `--platform` asks for in place of the declared ones; None for those.
    """
    build = project.build
    declared: dict[str, InputValue | None] = {
        "build.python_version": build.python_version,
        "build.gpu": build.gpu or None,
        "build.cuda": build.cuda,
        "build.cudnn": build.cudnn,
        "build.base_image": build.base_image,
        "build.platforms": None if build.platforms == (DEFAULT_PLATFORM,) else _as_set(build.platforms),
        "build.python_packages": _as_set(build.python_packages),
        "build.system_packages": _as_set(build.system_packages),
        "build.apt_components": _as_set(build.apt_components) if build.system_packages else None,
        "build.sources": None if build.sources == "allow" else build.sources,
        "build.allow_sdist": _as_set(build.allow_sdist),
        "build.build_packages": _as_set(build.build_packages),
        "build.run.inputs": _as_set(file.url for command in build.run for file in command.inputs if file.url),
    }
    declared[CUDA_BASE] = None if cuda_base == "auto" else cuda_base
    if platforms is not None and set(platforms) != set(build.platforms):
        declared[PLATFORMS] = _as_set(platforms)
    declared |= {f"files.{file.path}": _requirement_lines(file) for file in build.python_requirements}
    return tuple(sorted((key, value) for key, value in declared.items() if value is not None))


def cuda_base_of(lock: Lock) -> str:
    """Return what `--use-cuda-base-image` asked for when the lock was made: `true`, `false` or `auto`."""
    return str(dict(lock.inputs).get(CUDA_BASE, "auto"))


def platforms_of(lock: Lock) -> tuple[str, ...] | None:
    """Return what `--platform` asked for when the lock was made, or None."""
    asked = dict(lock.inputs).get(PLATFORMS)
    return asked if isinstance(asked, tuple) else None


def _as_set(values: Iterable[str]) -> tuple[str, ...] | None:
    return tuple(sorted(set(values))) or None


def _requirement_lines(file: RequirementsFile) -> tuple[str, ...]:
    # The order of options is kept: the first index that has a package wins.
    options = [line for line in file.lines if line.startswith("-")]
    return (*options, *sorted({line for line in file.lines if not line.startswith("-")}))


def part_of(key: str) -> str:
    """Return which part of the lock a key moves: `base`, `apt`, `toolchain`, `files`, `platforms` or `python`."""
    if key in BASE:
        return "base"
    if key in APT:
        return "apt"
    others = {"build.run.inputs": "files", "build.platforms": "platforms", PLATFORMS: "platforms"}
    return {**others, "build.build_packages": "toolchain"}.get(key, "python")
