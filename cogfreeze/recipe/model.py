"""The Recipe: Project + Lock as typed build steps, before they become Dockerfile text.

Every value in these records has passed its grammar (`cogfreeze.grammar`). Rendering refuses an unsafe value
instead of escaping it. Shell text is ours; a user's value appears in it only as a word that its grammar has
checked, or in a file of the build context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.lock.model import Deb, Interpreter, LockedFile, Source, Wheel

# Raised by every change that gives different bytes for the same lock; recorded in the lock.
# 3: what packages' scripts make is equal in every build (`catalog/system_rules.toml`); commands run with the HOME
#    that the model will have.
# 4: rules and home directories also where the base image lacks what they look for.
# 5: COG_MAX_CONCURRENCY only where cog.yaml declares it, since it overrides `@concurrent(max=…)`; all limits of
#    `server` as variables.
RECIPE_VERSION = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A folder or file of another stage, mounted for one command; `source_stage=None`: of the build context."""

    source: str
    target: str
    source_stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    """A folder in memory: files left there are in no layer."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A build secret, mounted as a file. It may be missing unless `required`."""

    id: str
    target: str
    required: bool = False


Mount = Bind | Tmpfs | Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One RUN. `network` is True only for hash-checked downloads and commands that declare it."""

    script: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    network: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One COPY. `link` makes the layer independent of the layers below it."""

    source: str
    target: str
    source_stage: str | None = None
    link: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """One ADD of a URL, which the engine downloads and checks."""

    url: str
    sha256: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """ARG, ENV, LABEL, WORKDIR, USER, EXPOSE, ENTRYPOINT or CMD: changes only the image's configuration.

    ARG is used only in fetch stages: elsewhere its value would be in the image's history, and so in its digest.
    """

    instruction: str
    value: str | tuple[tuple[str, str], ...] | tuple[str, ...]


Step = Run | Copy | Add | Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One FROM and its steps. `base` is an image reference by digest, an earlier stage or `scratch`."""

    name: str
    base: str
    steps: tuple[Step, ...]
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """A generated text file of the build context, with LF line endings."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that a fetch stage downloads. A named build context can replace the stage.

    Attributes:
        stage: the fetch stage's name.
        path: the file's absolute path in that stage and in the named context.
        source: its record in the lock.
    """

    stage: str
    path: str
    source: Deb | Wheel | LockedFile | Interpreter | Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole build for one platform.

    Attributes:
        frontend: the pinned `# syntax` reference; None for the engine's built-in frontend.
        epoch: SOURCE_DATE_EPOCH of the build.
        stages: in order; the last one is the image.
        files: the generated files of the build context.
        downloads: the files that the fetch stages download.
        reproducible: False if a command may use the network.
        separate_weights: whether the project's large files have a layer of their own.
        project_inputs: paths of the project's files that commands read.
        at_start: what a container has to create when it starts: `SSH host keys (openssh-server): ssh-keygen -A`.
    """

    platform: str
    frontend: str | None
    epoch: int
    stages: tuple[Stage, ...]
    files: tuple[ContextFile, ...] = ()
    downloads: tuple[Download, ...] = ()
    reproducible: bool = True
    separate_weights: bool = False
    project_inputs: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()
