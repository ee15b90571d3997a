"""The Project: what a person declares, validated whole, with every default filled in.

Frozen records of plain values. Each key of cog.yaml is one field here, declared by `key(…)` with its type,
default, meaning and example; see `keys.py` for what is made from them. Everything downstream
may rely on the grammars.
"""

from __future__ import annotations

from dataclasses import dataclass

from cogfreeze import grammar
from cogfreeze.project.keys import Entries, key, section
from cogfreeze.project.kinds import (
    Choice,
    Choices,
    Flag,
    PackageNames,
    Reference,
    Requirements,
    RequirementsPath,
    Size,
    Text,
    Texts,
    Time,
    Variables,
    Version,
    Whole,
)
from cogfreeze.project.python import RequirementsFile  # noqa: TC001  # dataclass fields are read at run time
from cogfreeze.project.system_packages import SystemPackages

DEFAULT_PLATFORM = "linux/amd64"
PLATFORMS = ("linux/amd64", "linux/arm64")
DEFAULT_PYTHON = "3.13"
OLDEST_PYTHON, NEWEST_PYTHON = 8, 14
# What `build.sources` may be.
SOURCES = ("allow", "declared", "refuse")
# What may be silenced: that `cog` is dropped, and the checks of `cog lock`, which `resolve` makes.
CHECKS = ("cog", "cuda", "cuda-twice", "glibc", "requires-python", "same-file")

# What the server can speak besides Cog's own protocol.
PROTOCOLS = ("open-inference", "openai")

MACHINES = {"amd64": "amd64", "x86_64": "amd64", "x64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
_ALIASES = tuple((name, f"linux/{architecture}") for name, architecture in MACHINES.items())
_PLATFORM = Choices(PLATFORMS, one="a platform that can be built", every="platforms", aliases=_ALIASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMount:
    """A build secret that one command sees as a file; never in a layer."""

    id: str = key(
        Text(grammar.SECRET_ID),
        meaning="The secret's name. `cog build --secret id=NAME,src=FILE` gives its value.",
        example="pip",
    )
    target: str = key(
        Text(grammar.CONTAINER_PATH),
        meaning="Where the command finds the secret, as a file.",
        example="/etc/pip.conf",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that one command can read at `target`: fetched by URL and locked by hash, or a project file."""

    url: str | None = key(
        Text(grammar.URL),
        None,
        meaning="The address that `cog lock` fetches.",
        default="required without `path`",
        example="https://example.com/cowsay-3.7.0.tar.gz",
        ours=True,
    )
    path: str | None = key(
        Text(grammar.PROJECT_PATH),
        None,
        meaning="A file of the project, in place of `url`. Commands see no other files of the project.",
        default="required without `url`",
        example="scripts/setup.sh",
        ours=True,
    )
    target: str = key(
        Text(grammar.CONTAINER_PATH),
        meaning="Where the command finds the file.",
        example="/inputs/cowsay.tar.gz",
        ours=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """One entry of `build.run`."""

    command: str = key(Text(grammar.RUN_COMMAND), meaning="The shell script to run.", example="pip config debug")
    secrets: tuple[SecretMount, ...] = key(
        Entries(SecretMount, "secrets", constants=(("type", "secret"),)),
        (),
        name="mounts",
        meaning="Secrets that the command can read as files. They are in no layer.",
        example="[{type: secret, id: pip, target: /etc/pip.conf}]",
    )
    inputs: tuple[InputFile, ...] = key(
        Entries(InputFile, "files"),
        (),
        meaning="Files that the command can read: fetched and hashed by `cog lock`, or the project's own.",
        example="[{url: https://example.com/cowsay-3.7.0.tar.gz, target: /inputs/cowsay.tar.gz}]",
        ours=True,
    )
    network: bool = key(
        Flag(),
        False,
        meaning="Give this command the network. The image is then labelled not reproducible.",
        example="true",
        ours=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The `build` section."""

    python_version: str = key(
        Version(grammar.PYTHON_VERSION),
        meaning=f"The Python version, 3.{OLDEST_PYTHON} to 3.{NEWEST_PYTHON}. Put it in quotes.",
        default=f'`"{DEFAULT_PYTHON}"`, with a warning',
        example='"3.11"',
    )
    gpu: bool = key(
        Flag(),
        False,
        meaning="Build for NVIDIA GPUs. CUDA, cuDNN and the base image follow from the Python packages.",
        example="true",
    )
    cuda: str | None = key(
        Version(grammar.CUDA_VERSION),
        None,
        meaning="The CUDA version, 11.0 or newer. Needs `gpu: true`.",
        default="what the packages need",
        example='"12.4"',
    )
    cudnn: str | None = key(
        Version(grammar.CUDNN_VERSION),
        None,
        meaning="The cuDNN version. Needs `gpu: true`.",
        default="what goes with the CUDA version",
        example='"9"',
    )
    base_image: str | None = key(
        Text(grammar.IMAGE_REFERENCE),
        None,
        meaning="The base image, locked by digest. If it has no Python, a locked one is added.",
        default="chosen by `python_version`, `gpu` and `cuda`",
        example="debian:bookworm-slim",
        ours=True,
    )
    platforms: tuple[str, ...] = key(
        _PLATFORM,
        (DEFAULT_PLATFORM,),
        meaning="The platforms to lock, any of which can be built: `linux/amd64`, `linux/arm64`.",
        example="[linux/amd64, linux/arm64]",
        ours=True,
    )
    python_packages: tuple[str, ...] = key(
        Requirements(),
        (),
        meaning="Python packages, written as in a requirements file.",
        example="[torch==2.9.0, pillow>=11]",
    )
    python_requirements: tuple[RequirementsFile, ...] = key(
        RequirementsPath(),
        (),
        meaning="A requirements file, `pyproject.toml` or `pylock.toml`, in place of `python_packages`.",
        default="none",
        example="requirements.txt",
    )
    system_packages: tuple[str, ...] = key(
        SystemPackages(),
        (),
        meaning="Debian or Ubuntu packages: `name`, `name=version`, `name:arch` or `name:arch=version`. A version"
        " may have `*`.",
        example="[ffmpeg, libgl1]",
    )
    apt_components: tuple[str, ...] = key(
        Texts(grammar.APT_COMPONENT, "components"),
        (),
        meaning="Components of the archive to use besides the default ones, which are `main` on Debian and all on"
        " Ubuntu.",
        example="[contrib, non-free]",
        ours=True,
    )
    run: tuple[RunCommand, ...] = key(
        Entries(RunCommand, "commands", short="command"),
        (),
        meaning="Commands that run as root once the packages are installed, before your code is copied.",
        example="[ldconfig]",
    )
    network: bool = key(
        Flag(),
        False,
        meaning="Give every command of `run` the network. The image is then labelled not reproducible.",
        example="true",
        ours=True,
    )
    sources: str = key(
        Choice(SOURCES),
        "allow",
        meaning="Which Python packages may be built from source: `allow`, every package without a wheel for the"
        " image; `declared`, those of `allow_sdist`; `refuse`, none.",
        example="declared",
        ours=True,
    )
    allow_sdist: tuple[str, ...] = key(
        PackageNames(),
        (),
        meaning="With `sources: declared`, the Python packages that may be built from source.",
        example="[docopt]",
        ours=True,
    )
    build_packages: tuple[str, ...] = key(
        Texts(grammar.APT_PACKAGE, "apt packages"),
        (),
        meaning="Debian or Ubuntu packages for building from source: headers, compilers. Not in the image.",
        example="[libpq-dev]",
        ours=True,
    )
    allow: tuple[str, ...] = key(
        Choices(CHECKS, one="a check", every="checks"),
        (),
        meaning="Checks of `cog lock` to turn off, by name.",
        example="[same-file]",
        ours=True,
    )
    user: str = key(
        Text(grammar.USER),
        "cog",
        meaning="The user that the image runs as: uid 1000, who owns `/src`; or `root`.",
        example="root",
        ours=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The `server` section: limits of a request and of shutdown. Times in seconds, sizes in bytes."""

    queue: int = key(
        Whole(0, 1_000_000),
        64,
        meaning="How many predictions may wait for a free slot. 0 answers 409 at once, as Cog does.",
        example="0",
        ours=True,
        variable="COG_QUEUE",
    )
    deadline: float | None = key(
        Time(),
        None,
        meaning="The longest that a prediction may take, including the time that it waits.",
        example="5m",
        ours=True,
        variable="COG_DEADLINE",
    )
    max_body: int = key(
        Size(),
        100 * 1024 * 1024,
        meaning="The largest body of a request.",
        default="`100MiB`",
        example="1GiB",
        ours=True,
        variable="COG_MAX_BODY",
    )
    max_download: int = key(
        Size(),
        1024 * 1024 * 1024,
        meaning="The largest input file, sent as a data URI or downloaded from a URL.",
        default="`1GiB`",
        example="20GiB",
        ours=True,
        variable="COG_MAX_DOWNLOAD",
    )
    max_output: int = key(
        Size(),
        512 * 1024 * 1024,
        meaning="The largest output file that is sent as a data URI. Files for `--upload-url` have no limit.",
        default="`512MiB`",
        example="2GiB",
        ours=True,
        variable="COG_MAX_OUTPUT",
    )
    drain: float = key(
        Time(zero=True),
        30.0,
        meaning="How long running predictions have to finish after SIGTERM.",
        default="`30s`",
        example="2m",
        ours=True,
        variable="COG_DRAIN",
    )
    protocols: tuple[str, ...] = key(
        Choices(PROTOCOLS, one="a protocol", every="protocols"),
        (),
        meaning="The protocols that the server speaks besides Cog's: the Open Inference Protocol (`/v2`) and"
        " OpenAI's routes (`/v1`).",
        example="[open-inference, openai]",
        ours=True,
        variable="COG_PROTOCOLS",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredAdvisory:
    """A known vulnerability that `cog audit` does not report, and why."""

    id: str = key(
        Text(grammar.ADVISORY),
        meaning="The advisory's id or one of its other names.",
        example="CVE-2026-1234",
        since="0.2.0",
        ours=True,
    )
    reason: str = key(
        Text(grammar.REASON),
        meaning="Why it does not matter here.",
        example="only the command line tool is affected",
        since="0.2.0",
        ours=True,
    )
    package: str | None = key(
        Text(grammar.PACKAGE),
        None,
        meaning="The one package that it is ignored for.",
        example="libxml2",
        since="0.2.0",
        ours=True,
    )
    until: str | None = key(
        Text(grammar.DATE),
        None,
        meaning="The last day; after it, the advisory is reported again.",
        example='"2027-01-31"',
        since="0.2.0",
        ours=True,
    )
    until_fixed: bool = key(
        Flag(),
        False,
        meaning="Report it again as soon as a fixed version is known.",
        example="true",
        since="0.2.0",
        ours=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The `review` section: what is accepted in a lock. It changes neither the lock nor the image."""

    ignore: tuple[IgnoredAdvisory, ...] = key(
        Entries(IgnoredAdvisory, "advisories"),
        (),
        meaning="Known vulnerabilities that `cog audit` does not report.",
        example='[{id: CVE-2026-1234, reason: only the command line tool is affected, until: "2027-01-31"}]',
        since="0.2.0",
        ours=True,
    )
    licenses_allow: tuple[str, ...] = key(
        Texts(grammar.LICENCE, "SPDX licence ids"),
        (),
        meaning="The only licences that `cog licenses` accepts.",
        example="[MIT, Apache-2.0, BSD-3-Clause]",
        since="0.2.0",
        ours=True,
    )
    licenses_deny: tuple[str, ...] = key(
        Texts(grammar.LICENCE, "SPDX licence ids"),
        (),
        meaning="Licences that `cog licenses` refuses.",
        example="[AGPL-3.0-only]",
        since="0.2.0",
        ours=True,
    )
    hosts: tuple[str, ...] = key(
        Texts(grammar.HOST, "hosts"),
        (),
        meaning="The only hosts that files may come from, for `cog lock --check --online`.",
        example="[downloads.example.org]",
        since="0.2.0",
        ours=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole declaration.

    Attributes:
        file: the name of the file that it was read from, `cog.yaml`.
        warnings: what the reader has to say that is not a mistake (deprecated or ignored keys).
    """

    file: str
    image: str = key(
        Text(grammar.IMAGE_NAME),
        meaning="The name of the image; with a registry in front, also the place that it is pushed to.",
        default="`cog-` and the folder's name",
        example="registry.example.com/team/my-model",
    )
    predict: str | None = key(
        Reference(),
        None,
        meaning="The class or function that answers a request.",
        example="predict.py:Predictor",
    )
    train: str | None = key(
        Reference(),
        None,
        meaning="The function, or class with a method `train`, that answers a training request.",
        example="train.py:train",
    )
    build: Build = section(meaning="What goes into the image.")
    environment: tuple[tuple[str, str], ...] = key(
        Variables(),
        (),
        meaning="Environment variables of the image, also set for the commands of `build.run`.",
        example="[HF_HOME=/src/cache]",
    )
    concurrency: int | None = key(
        Whole(1, 10_000),
        None,
        name="concurrency.max",
        meaning="How many predictions may run at once. More than one needs an `async` `predict`. "
        "It overrides `@concurrent(max=…)`.",
        default="what `@concurrent(max=…)` says, else `1`",
        example="8",
        variable="COG_MAX_CONCURRENCY",
    )
    server: Server = section(
        meaning="Limits of requests and of shutdown.",
        ours=True,
        default_factory=Server,
    )
    review: Review = section(
        meaning="What `cog audit`, `cog licenses` and `cog lock --check --online` accept in the lock.",
        ours=True,
        default_factory=Review,
    )
    warnings: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """How many predictions may run at once, as far as cog.yaml says."""
        return self.concurrency or 1
