"""The build context: the Dockerfile, its lists, our runtime and the project's files."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cogfreeze import bundled
from cogfreeze.client.written import written
from cogfreeze.engine.unwanted import warn_of_unwanted
from cogfreeze.errors import CogError, IntegrityError, ProjectError, ProjectErrors
from cogfreeze.lock.file import HEADER
from cogfreeze.lock.model import Source, Wheel
from cogfreeze.recipe import layout
from cogfreeze.recipe.dockerfile import render
from cogfreeze.recipe.groups import LOCAL
from cogfreeze.recipe.runtime_files import runtime_files
from cogfreeze.resolve.fetch import cached_path
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report

IGNORE_FILE = ".dockerignore"
# Never part of an image, whatever `.dockerignore` says. The lock has its own layer; in the code's layer it would
# change the image that it records.
_EXCLUDED = frozenset({".git", "__pycache__"})
_EXCLUDED_AT_TOP = frozenset({".cog", layout.LOCK})
_CONTEXT_NAMES = frozenset(
    {
        "Dockerfile",
        layout.CODE,
        layout.COMMANDS,
        layout.LISTS,
        layout.LOCAL,
        layout.LOCK,
        layout.PROJECT_INPUTS,
        layout.RUNTIME,
        layout.SCHEMA,
        layout.WEIGHTS,
    }
)
# Cog's rule for weights: large, and not source code.
_LARGE = 10 * 1024 * 1024
_SOURCE = frozenset(
    {".py", ".ipynb", ".c", ".cc", ".cpp", ".cu", ".h", ".js", ".ts", ".md", ".txt", ".yaml", ".yml"}
)


def write(
    recipe: Recipe, target: Path, *, project: Path, report: Report, link: bool = False, fetched: bool = False
) -> None:
    """Write the build context of `recipe` to `target`, replacing an earlier one.

    Files keep their times, because the engine uses them to see which files changed.

    Args:
        project: the folder of cog.yaml.
        link: hard-link large files, for a context that nobody else edits.
        fetched: all downloads are in named contexts, so local wheels are left out.

    Raises:
        ProjectErrors: a symbolic link points out of the project.
        IntegrityError: a local wheel is missing or has another hash.
        CogError: `target` contains other files, or can't be written.
    """
    text = render(recipe)
    chosen = project_files(project, target, report)
    warn_of_unwanted(chosen, project, report)
    local = {} if fetched else _local_wheels(recipe, project)
    try:
        _clear(target)
        _write_text(target / "Dockerfile", text)
        for file in recipe.files:
            _write_text(target / file.path, file.text)
        for path in runtime_files(bundled.RUNTIME):
            _copy(path, target / layout.RUNTIME / path.relative_to(bundled.RUNTIME), link=False)
        for wheel, path in local.items():
            _copy(path, target / layout.LOCAL / wheel, link=link)
        (target / layout.CODE).mkdir()
        if recipe.separate_weights:
            (target / layout.WEIGHTS).mkdir()
        for name in recipe.project_inputs:
            _copy(_input(project, name), target / layout.PROJECT_INPUTS / name, link=False)
        for relative in chosen:
            apart = recipe.separate_weights and _is_weight(project / relative)
            _copy(project / relative, target / (layout.WEIGHTS if apart else layout.CODE) / relative, link=link)
    except OSError as error:
        raise CogError(
            f"cannot write the build context `{target}`: {error.strerror or error}",
            # A failed copy has two names; the target comes second.
            where=next((name for name in (error.filename2, error.filename) if isinstance(name, str)), None),
            hint="check free space and permissions",
        ) from error


def _input(project: Path, name: str) -> Path:
    """Return the path of a project's file that a command reads.

    Raises:
        ProjectError: there is no such file in the project.
    """
    path = (project / name).resolve()
    if not path.is_file() or not path.is_relative_to(project.resolve()):
        raise ProjectError(
            f"the input `{name}` of a command is not a file of the project",
            where="build.run",
            hint="check its `path`",
        )
    return path


def project_files(project: Path, target: Path, report: Report) -> tuple[PurePosixPath, ...]:
    """Return the project's files for the image, sorted, without those that `.dockerignore` or we exclude.

    Args:
        target: the context that is being written; it may be inside the project's folder.

    Raises:
        ProjectErrors: a symbolic link points out of the project.
    """
    from docker.utils.build import PatternMatcher

    outputs = written(project)
    inside = target.resolve().relative_to(project.resolve()) if _below(target, project) else None
    chosen, errors = [], []
    for name in PatternMatcher(_patterns(project)).walk(str(project)):
        relative = PurePosixPath(name)
        if _EXCLUDED & set(relative.parts) or relative.parts[0] in _EXCLUDED_AT_TOP or _is_lock(project, relative):
            continue
        if name in outputs:
            report.note(f"`{relative}` is an output of `cog predict`: left out of the image")
            continue
        if inside is not None and relative.parts[: len(inside.parts)] == inside.parts:
            continue
        path = project / relative
        if path.is_symlink():
            if error := _points_outside(path, relative, project):
                errors.append(error)
                continue
        elif not (path.is_dir() or path.is_file()):
            report.warn(f"`{relative}` is not a file, folder or link: left out of the image")
            continue
        chosen.append(relative)
    if errors:
        raise ProjectErrors(sorted(errors, key=lambda error: error.where or ""))
    return tuple(sorted(chosen))


def _is_lock(project: Path, relative: PurePosixPath) -> bool:
    """Return whether it is one of our locks under another name, as with `-f cog.gpu.yaml`."""
    if len(relative.parts) > 1 or relative.suffix != ".lock" or not (project / relative).is_file():
        return False
    with (project / relative).open("rb") as file:
        return file.read(len(HEADER)) == HEADER.encode()


def _is_weight(path: Path) -> bool:
    return (
        path.is_file() and not path.is_symlink() and path.suffix not in _SOURCE and path.stat().st_size >= _LARGE
    )


def _local_wheels(recipe: Recipe, project: Path) -> dict[str, Path]:
    """Return the paths of local wheels, the SDK's wheel and source archives, by file name."""
    settings = Settings.from_environment()
    found: dict[str, Path | None] = {}
    for download in recipe.downloads:
        wheel = download.source
        if isinstance(wheel, Source):
            kept = cached_path(settings, wheel.sha256, wheel.file)
            if not kept.is_file():
                raise IntegrityError(
                    f"`{wheel.file}` is not in the cache", hint="run `cog lock` or `cog build` to download it"
                )
            found[wheel.file] = kept
        elif isinstance(wheel, Wheel) and wheel.index == LOCAL:
            places = [path for path in sorted(project.rglob(wheel.file)) if ".cog" not in path.parts]
            places.append(cached_path(settings, wheel.sha256, wheel.file))
            fitting = (path for path in places if path.is_file() and _sha256(path) == wheel.sha256)
            found[wheel.file] = next(fitting, None)
            if found[wheel.file] is None:
                raise IntegrityError(
                    f"the project has no `{wheel.file}` with the SHA-256 that was locked",
                    hint="restore it, or run `cog lock`",
                )
    return {name: path for name, path in found.items() if path is not None}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _patterns(project: Path) -> list[str]:
    try:
        lines = (project / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"it cannot be read: {error}", where=IGNORE_FILE) from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _points_outside(path: Path, relative: PurePosixPath, project: Path) -> ProjectError | None:
    """Return an error for a link that would mean something else in the image, where it is copied as a link."""
    aim = path.readlink()
    if not aim.is_absolute() and _below(path.parent / aim, project):
        return None
    return ProjectError(
        f"the symbolic link points out of the project, to `{aim}`",
        where=str(relative),
        hint=f"replace it with a copy, or exclude it in `{IGNORE_FILE}`",
    )


def _below(path: Path, folder: Path) -> bool:
    """Return whether a path is lexically inside a folder, without following links."""
    return Path(os.path.normpath(path.absolute())).is_relative_to(os.path.normpath(folder.absolute()))


def _clear(target: Path) -> None:
    """Empty `target`, which must be new, empty or an earlier build context."""
    target.mkdir(parents=True, exist_ok=True)
    unexpected = sorted({entry.name for entry in target.iterdir()} - _CONTEXT_NAMES)
    if unexpected:
        raise CogError(
            f"`{target}` is not a build context: it contains `{unexpected[0]}`",
            hint="choose a new or empty folder",
        )
    for entry in target.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _copy(source: Path, target: Path, *, link: bool) -> None:
    """Copy one entry. Hard links become separate files, so that the image doesn't depend on them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
    elif not (link and source.stat().st_nlink == 1 and _linked(source, target)):
        shutil.copy2(source, target)


def _linked(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError:
        return False  # another file system
    return True
