"""What the verbs that review a lock share: finding locks in files, revisions and images, and printing."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli import terminal
from cogfreeze.errors import LockUnusable, ToolMissing, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from cogfreeze.lock.model import Deb, Lock, PlatformLock, Source, Wheel
    from cogfreeze.project.model import Review
    from cogfreeze.review.model import Layer, Layers
    from cogfreeze.review.online.indexes import Indexes
    from cogfreeze.review.render.text import Line
    from cogfreeze.settings import Settings

_LOCK = "cog.lock"
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLock:
    """A lock, its text, and what people call it: `cog.lock at main`."""

    name: str
    lock: Lock
    text: str


def add_lock_option(parser: argparse.ArgumentParser) -> None:
    """`-f`, which names a declaration or a lock; a review needs the lock alone."""
    parser.add_argument(
        "-f", "--file", metavar="FILE", help="the declaration or the lock (default: ./cog.yaml and ./cog.lock)"
    )


def lock_path(file: str | None) -> Path:
    """Return where the lock is: beside the declaration that `-f` names, or in this folder or one above."""
    if file is not None:
        path = Path(file)
        return path if path.suffix == ".lock" else path.with_suffix(".lock")
    here = Path.cwd()
    return next((each / _LOCK for each in (here, *here.parents) if (each / _LOCK).is_file()), here / _LOCK)


def from_file(path: Path) -> NamedLock:
    """Read a lock's file.

    Raises:
        LockUnusable: it is missing, too large, has merge conflicts or is otherwise not usable.
    """
    from cogfreeze.lock import file

    try:
        if path.stat().st_size > _LARGEST:
            raise LockUnusable("it is larger than 64 MiB", where=str(path), hint="no lock is; check the path")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        file.read(path)  # says what is wrong with it
        raise
    return NamedLock(name=path.name, lock=file.loads(text, name=path.name), text=text)


def from_revision(revision: str, path: Path) -> NamedLock | None:
    """Read the lock as it was at a git revision; None where there was none. Raises as `revisions.read`."""
    from cogfreeze.lock import file
    from cogfreeze.review import revisions

    text = revisions.read(revision, path)
    if text is None:
        return None
    name = f"{path.name} at {revision}"
    return NamedLock(name=name, lock=file.loads(text, name=f"{revision}:{path.name}"), text=text)


def find(word: str, path: Path) -> NamedLock | None:
    """Read what a word names: a lock file, else a git revision of `path`, else an image of the engine.

    Returns:
        None where the revision has no lock.

    Raises:
        UsageError: it names none of these.
        LockUnusable: the lock can't be used.
    """
    from cogfreeze.lock import file
    from cogfreeze.review import revisions

    if Path(word).is_file():
        return from_file(Path(word))
    if word.endswith(".lock"):
        raise LockUnusable(
            "there is no such file", where=word, hint="give a lock file, a git revision or an image"
        )
    if revisions.is_revision(word, path.absolute().parent):
        return from_revision(word, path)
    from cogfreeze.engine import image_lock

    try:
        text = image_lock.read(word)
    except (ToolMissing, UsageError) as error:
        raise UsageError(
            f"`{word}` is no lock file, no git revision and no image: {error.message}",
            hint="check the name; a revision has to be fetched and an image pulled first",
        ) from None
    return NamedLock(name=f"the image {word}", lock=file.loads(text, name=f"{word}:{_LOCK}"), text=text)


def policy(path: Path) -> Review:
    """Return what the declaration beside a lock accepts; nothing special where there is none.

    Raises:
        ProjectError: it can't be used.
    """
    from cogfreeze.project import cog_yaml
    from cogfreeze.project.model import Review

    declaration = path.with_suffix(".yaml")
    return cog_yaml.read(declaration).review if declaration.is_file() else Review()


def world(path: Path) -> tuple[Settings, Indexes]:
    """Return this machine's settings, and its indexes with those that the declaration beside a lock names.

    Raises:
        ProjectError: the declaration can't be used.
    """
    from cogfreeze.project import cog_yaml
    from cogfreeze.review.online.indexes import Indexes
    from cogfreeze.settings import Settings

    settings, declaration = Settings.from_environment(), path.with_suffix(".yaml")
    build = cog_yaml.read(declaration).build if declaration.is_file() else None
    return settings, Indexes(build, path.absolute().parent, settings)


def image_name(path: Path) -> str:
    """Return what the image of a lock is called: as its declaration says, else as its folder."""
    from cogfreeze.project import cog_yaml

    declaration = path.with_suffix(".yaml")
    return cog_yaml.read(declaration).image if declaration.is_file() else path.absolute().parent.name


def path_in_repository(path: Path) -> str:
    """Return a lock's path from the root of its repository, or its name where it is in none."""
    whole = path.absolute()
    root = next((each for each in whole.parents if (each / ".git").exists()), whole.parent)
    return whole.relative_to(root).as_posix()


def layers(lock: Lock | None) -> Layers:
    """Return the layers of each platform's image, as far as the lock decides them."""
    return {each.platform: tuple(_layers(lock, each)) for each in lock.platforms} if lock else {}


def _layers(lock: Lock, part: PlatformLock) -> Iterable[Layer]:
    from cogfreeze.recipe.compose import INSTALLER
    from cogfreeze.recipe.groups import group
    from cogfreeze.review.model import Layer

    base = part.base.digest
    yield Layer(name="the base image", content=frozenset({base}), size=None)
    debs = part.apt.packages if part.apt else ()
    # The one layer that is made on top of the base, and so changes with it.
    name = "system packages" if debs else "the user and folder"
    yield Layer(name=name, content=frozenset({base, *(each.sha256 for each in debs)}), size=_size(debs) or None)
    if interpreter := part.python.interpreter:
        yield Layer(name="the interpreter", content=frozenset({interpreter.sha256}), size=interpreter.size)
    for each in group(part.python.wheels):
        alone = each.name.startswith("package-")
        name = each.wheels[0].name if alone else _small(len(each.wheels))
        yield Layer(name=name, content=frozenset(wheel.sha256 for wheel in each.wheels), size=_size(each.wheels))
    if sources := part.python.sources:
        made_of = {each.sha256 for each in sources} | {each.sha256 for each in part.python.build}
        yield Layer(name="packages built from source", content=frozenset(made_of), size=_size(sources))
    server = [each for each in part.python.runtime if each.name != INSTALLER]
    yield Layer(name="the server", content=frozenset(each.sha256 for each in server), size=_size(server))
    sdk = [part.python.sdk] if part.python.sdk else []
    content = frozenset({lock.tools.runtime, *(each.sha256 for each in sdk)})
    yield Layer(name="the runtime", content=content, size=_size(sdk) or None)


def _small(count: int) -> str:
    return "1 small package" if count == 1 else f"{count} small packages"


def _size(artifacts: Iterable[Deb | Wheel | Source]) -> int:
    return sum(each.size for each in artifacts)


def show(lines: Iterable[Line], *, on_stdout: bool = True) -> None:
    """Print styled lines: data goes to stdout, talk to stderr."""
    stream = sys.stdout if on_stdout else sys.stderr
    for style, text in lines:
        terminal.show_line(style, text, stream)
