"""The Project: what a person declares, validated whole, with every default filled in.

Frozen records of plain values. The readers (`cog_yaml`, later `cerebrium_toml`) make them; pydantic and
YAML stop there. Everything downstream may rely on the grammars that the readers enforce.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_PLATFORM = "linux/amd64"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMount:
    """A build secret that one command sees as a file; never in a layer."""

    id: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file fetched by URL at lock time, hashed, and shown to one command at `target`."""

    url: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """One entry of `build.run`."""

    command: str
    secrets: tuple[SecretMount, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    network: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsFile:
    """A pip requirements file as read: its path beside cog.yaml, and its logical lines.

    Logical lines have comments, blank lines and continuations taken out, and are otherwise untouched:
    hashes, markers, options and fragments stay as they were written. Files reached by `-r` and `-c` are
    listed of their own, after the file that names them.
    """

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The `build` section. See `docs/cog-yaml.md` for what each key means."""

    python_version: str
    gpu: bool = False
    cuda: str | None = None
    cudnn: str | None = None
    base_image: str | None = None
    platforms: tuple[str, ...] = (DEFAULT_PLATFORM,)
    python_packages: tuple[str, ...] = ()
    python_requirements: tuple[RequirementsFile, ...] = ()
    system_packages: tuple[str, ...] = ()
    run: tuple[RunCommand, ...] = ()
    network: bool = False
    allow_sdist: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    user: str = "cog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The `server` section: limits of a request and of shutdown.

    Attributes:
        queue: predictions that may wait for a slot; 0 answers 409 at once, as Cog does.
        deadline: seconds a prediction may take in all, or None.
        max_body: bytes of a request's body.
        drain: seconds that running predictions have after SIGTERM.
    """

    queue: int = 64
    deadline: float | None = None
    max_body: int = 100 * 1024 * 1024
    drain: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole declaration.

    Attributes:
        file: the name of the file that it was read from, `cog.yaml`.
        image: the image's name, given or made from the folder's name.
        predict: `file.py:Class` or `file.py:function`; None where the project serves nothing.
        train: the same for training.
        environment: names and values, in the file's order.
        concurrency: predictions that may run at once.
        warnings: what the reader has to say that is no mistake (deprecated or ignored keys).
    """

    file: str
    image: str
    predict: str | None = None
    train: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    concurrency: int = 1
    build: Build
    server: Server = field(default_factory=Server)
    warnings: tuple[str, ...] = ()
