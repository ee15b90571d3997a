"""The folder that an engine builds from: the Dockerfile, its lists, our runtime, and the project's files."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cogfreeze import bundled
from cogfreeze.errors import CogError, IntegrityError, ProjectError, ProjectErrors
from cogfreeze.lock.file import HEADER
from cogfreeze.lock.model import Source, Wheel
from cogfreeze.recipe import layout
from cogfreeze.recipe.dockerfile import render
from cogfreeze.recipe.groups import LOCAL
from cogfreeze.recipe.runtime_files import runtime_files
from cogfreeze.resolve.download import cached_path
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report

IGNORE_FILE = ".dockerignore"
# Never part of an image, whatever `.dockerignore` says. The lock has a layer of its own; in the code's layer it
# would change the image that it records.
_NEVER = frozenset({".git", "__pycache__"})
_NEVER_AT_TOP = frozenset({".cog", layout.LOCK})
_OURS = frozenset(
    {
        "Dockerfile",
        layout.CODE,
        layout.COMMANDS,
        layout.LISTS,
        layout.LOCAL,
        layout.LOCK,
        layout.RUNTIME,
        layout.SCHEMA,
        layout.WEIGHTS,
    }
)
# What Cog takes for weights: large, and no source.
_LARGE = 10 * 1024 * 1024
_SOURCE = frozenset(
    {".py", ".ipynb", ".c", ".cc", ".cpp", ".cu", ".h", ".js", ".ts", ".md", ".txt", ".yaml", ".yml"}
)


def write(
    recipe: Recipe, target: Path, *, project: Path, report: Report, link: bool = False, fetched: bool = False
) -> None:
    """Write the build context of `recipe` to `target`, in place of one that is there.

    File times are the originals': an engine that keeps a copy of the context tells by them what has changed.

    Args:
        project: the folder that holds the declaration.
        link: let large files share their bytes with the project's, for a context that is ours alone.
        fetched: the downloads lie beside it, wheels of the project's own among them, so it needs none.

    Raises:
        ProjectErrors: a symlink leads out of the project.
        IntegrityError: a wheel of the project's own is gone or another.
        CogError: `target` holds other things, or cannot be written.
    """
    text = render(recipe)
    chosen = project_files(project, target, report)
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
        for relative in chosen:
            apart = recipe.separate_weights and _is_weight(project / relative)
            _copy(project / relative, target / (layout.WEIGHTS if apart else layout.CODE) / relative, link=link)
    except OSError as error:
        raise CogError(
            f"cannot write the build context `{target}`: {error.strerror or error}",
            # Of a copy that fails for want of space, Python tells both ends, and the other one first.
            where=next((name for name in (error.filename2, error.filename) if isinstance(name, str)), None),
            hint="make room there or allow writing and reading",
        ) from error


def project_files(project: Path, target: Path, report: Report) -> tuple[PurePosixPath, ...]:
    """Return what of the project goes into the image, sorted: all but what `.dockerignore` and we leave out.

    Args:
        target: the context that is being written; it may lie in the project's folder.

    Raises:
        ProjectErrors: a symlink leads out of the project.
    """
    from docker.utils.build import PatternMatcher

    inside = target.resolve().relative_to(project.resolve()) if _below(target, project) else None
    chosen, errors = [], []
    for name in PatternMatcher(_patterns(project)).walk(str(project)):
        relative = PurePosixPath(name)
        if _NEVER & set(relative.parts) or relative.parts[0] in _NEVER_AT_TOP or _is_lock(project, relative):
            continue
        if inside is not None and relative.parts[: len(inside.parts)] == inside.parts:
            continue
        path = project / relative
        if path.is_symlink():
            if error := _leads_out(path, relative, project):
                errors.append(error)
                continue
        elif not (path.is_dir() or path.is_file()):
            report.warn(f"`{relative}` is no file, folder or link, and is left out of the image")
            continue
        chosen.append(relative)
    if errors:
        raise ProjectErrors(sorted(errors, key=lambda error: error.where or ""))
    return tuple(sorted(chosen))


def _is_lock(project: Path, relative: PurePosixPath) -> bool:
    """Whether it is a lock of ours under another name, as `-f cog.gpu.yaml` has one."""
    if len(relative.parts) > 1 or relative.suffix != ".lock" or not (project / relative).is_file():
        return False
    with (project / relative).open("rb") as file:
        return file.read(len(HEADER)) == HEADER.encode()


def _is_weight(path: Path) -> bool:
    return (
        path.is_file() and not path.is_symlink() and path.suffix not in _SOURCE and path.stat().st_size >= _LARGE
    )


def _local_wheels(recipe: Recipe, project: Path) -> dict[str, Path]:
    """Return where the wheels of the project's own lie, an SDK's, and the source archives, by file name."""
    settings = Settings.from_environment()
    found: dict[str, Path | None] = {}
    for download in recipe.downloads:
        wheel = download.source
        if isinstance(wheel, Source):
            kept = cached_path(settings, wheel.sha256, wheel.file)
            if not kept.is_file():
                raise IntegrityError(
                    f"the cache has no `{wheel.file}`", hint="fetch it: `cog lock`, or `cog build`"
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
                    hint="put it back, or run `cog lock`",
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


def _leads_out(path: Path, relative: PurePosixPath, project: Path) -> ProjectError | None:
    """A link is kept as it is, so it has to mean the same in the image."""
    aim = path.readlink()
    if not aim.is_absolute() and _below(path.parent / aim, project):
        return None
    return ProjectError(
        f"the link leads out of the project, to `{aim}`",
        where=str(relative),
        hint=f"replace it by what it means, or leave it out in `{IGNORE_FILE}`",
    )


def _below(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder by its words; links below it are not followed, as the image's won't be."""
    return Path(os.path.normpath(path.absolute())).is_relative_to(os.path.normpath(folder.absolute()))


def _clear(target: Path) -> None:
    """Make an empty folder of `target`, which is new, empty, or a context of ours."""
    target.mkdir(parents=True, exist_ok=True)
    strangers = sorted({entry.name for entry in target.iterdir()} - _OURS)
    if strangers:
        raise CogError(
            f"`{target}` holds other things than a build context: `{strangers[0]}`",
            hint="name a new or an empty folder",
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
    """Copy one entry. A file with several names is copied once for each, for the image must not show them."""
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
