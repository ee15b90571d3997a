"""The Recipe: Project + Lock as typed build steps, before they are Dockerfile text.

A value in these records has passed its grammar (`cogfreeze.grammar`): rendering never escapes a value that
could mean something else, it refuses. Shell text is ours alone; a value of the user's enters it only as a
quoted word that its grammar has already made harmless, or through a file of the context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.lock.model import Deb, Interpreter, LockedFile, Source, Wheel

# Raised by every change that gives other bytes for the same lock; recorded in the lock.
RECIPE_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Another stage's (or the context's, `source_stage=None`) folder or file, seen by one command."""

    source: str
    target: str
    source_stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    """A folder in memory, so that what a tool leaves there is in no layer."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A build secret as a file; absent ones are no error unless `required`."""

    id: str
    target: str
    required: bool = False


Mount = Bind | Tmpfs | Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One RUN. `network` is False for everything but a hash-verified download or a declared exception."""

    script: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    network: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One COPY. `link` makes the layer independent of those under it."""

    source: str
    target: str
    source_stage: str | None = None
    link: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """One ADD of a URL, which the engine fetches and checks by itself."""

    url: str
    sha256: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """ARG, ENV, LABEL, WORKDIR, USER, EXPOSE, ENTRYPOINT or CMD: changes the config, adds no file.

    ARG stands in fetch stages alone: its value would enter the history, and so the digest, of the image.
    """

    instruction: str
    value: str | tuple[tuple[str, str], ...] | tuple[str, ...]


Step = Run | Copy | Add | Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One FROM and what follows. `base` is an image reference by digest, an earlier stage's name, or `scratch`."""

    name: str
    base: str
    steps: tuple[Step, ...]
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """A file that the build context holds besides the user's code; text, LF, the same bytes every time."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that a fetch stage brings in, and that a named build context may hold in its place.

    Attributes:
        stage: the fetch stage's name.
        path: the file's absolute path in that stage; the same in the named context.
        source: what the lock knows of it.
    """

    stage: str
    path: str
    source: Deb | Wheel | LockedFile | Interpreter | Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole build for one platform.

    Attributes:
        frontend: the pinned `# syntax` reference, or None for the engine's built-in one.
        epoch: SOURCE_DATE_EPOCH of the build.
        stages: in order; the last one is the image.
        files: what the context holds besides the user's code and the runtime.
        downloads: what the fetch stages bring in; a named build context replaces the stage of its name.
        reproducible: False where the project allowed a command the network.
        separate_weights: whether the context parts the project's large data from its code.
    """

    platform: str
    frontend: str | None
    epoch: int
    stages: tuple[Stage, ...]
    files: tuple[ContextFile, ...] = ()
    downloads: tuple[Download, ...] = ()
    reproducible: bool = True
    separate_weights: bool = False
