"""The Lock: every outside byte that the image will hold, by hash.

Frozen records, one per thing that a reviewer asks about. `cogfreeze.resolve` makes them, `file` writes
and reads them, `cogfreeze.recipe` turns them into build steps. All digests are `sha256:` + 64 hex
digits; all `sha256` fields are the bare hex digits, as the tools that check them want it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# 2: packages record what they themselves require. Schema 1 is still read, and those fields are empty then.
SCHEMA = 2

# Every file time in an image, and SOURCE_DATE_EPOCH of every build. One constant for all projects, so that two
# projects with the same torch share its layer; 1980-01-01, the first date that a zip file can hold.
SOURCE_DATE_EPOCH = 315532800

# A declared value as the lock keeps it, to say later what changed.
InputValue = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What resolved the lock and what will build it.

    Attributes:
        cogfreeze: version that wrote the lock.
        uv: version that resolved the Python packages.
        recipe: version of the recipe: another one gives other bytes for the same lock.
        runtime: digest over the files of `runtime/`, which go into the image.
        frontend: the Dockerfile frontend, `name:tag@sha256:…`.
    """

    cogfreeze: str
    uv: str
    recipe: int
    runtime: str
    frontend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """The image that the build starts from.

    Attributes:
        reference: `name:tag` as Docker understands it.
        digest: what `FROM name:tag@…` pins: the index's digest (or the manifest's, for a tag without an index).
        manifest: digest of this platform's manifest; None where only the catalogue knew the image.
        source: `registry`, or `catalogue` where the registry could not be asked.
        as_of: date of the catalogue's entry, `YYYY-MM-DD`; None from a registry.
        reason: why this base, one sentence.
        distribution: `debian:bookworm`, `ubuntu:22.04`.
        packages: digest over the base's dpkg list (`package_list_digest`), which the build checks before it
            installs onto it; None where the project needs no system packages.
        unconfirmed: names of the fields that only the catalogue vouches for.
    """

    reference: str
    digest: str
    manifest: str | None = None
    source: str = "registry"
    as_of: str | None = None
    reason: str
    distribution: str
    packages: str | None = None
    unconfirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSuite:
    """One pocket of a dated archive, as its signed Release file described it.

    Attributes:
        archive: the archive's name at the snapshot service: `debian`, `debian-security`, `ubuntu`.
        suite: `bookworm`, `bookworm-security`, `jammy-updates`, …
        components: `main`, …
        inrelease: sha256 of the InRelease file.
        signers: fingerprints of the keys whose signatures were good.
    """

    archive: str
    suite: str
    components: tuple[str, ...]
    inrelease: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """One Debian package file.

    Attributes:
        path: below the archive's dated address: `pool/main/libg/libglvnd/libgl1_1.6.0-1_amd64.deb`.
        required_by: the packages of this closure that require it; empty for one that was declared.
        source: the name of its source package; None where it is the package's own.
        source_version: the version of its source package; None where it is the package's own.
        depends: its Depends and Pre-Depends as far as this closure satisfies them, each by the package that does:
            `libglvnd0 (= 1.6.0-1)`, `libc6:i386`. What the base image satisfies is left out.
    """

    name: str
    version: str
    architecture: str
    sha256: str
    size: int
    archive: str
    path: str
    required_by: tuple[str, ...] = ()
    source: str | None = None
    source_version: str | None = None
    depends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Apt:
    """The apt closure on top of the base image.

    Attributes:
        snapshot: the archive's date, `YYYYMMDDTHHMMSSZ`.
        packages: sorted, declared ones first.
    """

    snapshot: str
    suites: tuple[AptSuite, ...]
    packages: tuple[Deb, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel, known by name and hash wherever it is fetched from.

    Attributes:
        name: the normalised project name.
        file: the wheel's file name, which carries its tags.
        size: bytes.
        index: the name of the index it came from: `pypi`, `pytorch-cu128`, …; `local` for a file of the project's.
        required_by: the packages that require it; empty for one that was declared.
        hash_origin: `index`, or `computed` where the index gave no hash and the file was fetched to make one.
        extras: those of its extras that are installed, normalised and sorted.
        requires_python: its Requires-Python; None where it has none.
        requires: its requirements that hold on this platform and with these extras, without their markers:
            `numpy>=1.22`, `requests[socks]`. They bind the set: see `cogfreeze.lock.soundness`.
        same_files: the other packages that install a file with the same path and different content. These wheels
            are installed in the order of their names, so the last one's files are in the image.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    index: str = "pypi"
    required_by: tuple[str, ...] = ()
    hash_origin: str = "index"
    extras: tuple[str, ...] = ()
    requires_python: str | None = None
    requires: tuple[str, ...] = ()
    same_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A package that the build makes from source, offline, because the declaration allows it.

    Attributes:
        kind: `sdist`, `git` or `local`.
        file: the archive's name. One of a commit or folder is a zip that is the same wherever it is made.
        sha256: of the archive.
        size: bytes.
        index: as for a wheel; `local` for a file or folder of the project's, `url` for an address.
        url: the repository's.
        commit: its full name.
        path: the folder, below the project's or in the repository; None for all of the repository.
        required_by: the packages that require it; empty for one that was declared.
        extras, requires_python, requires: as for a wheel.
        build_requires: what its build requires, which `Python.build` satisfies.
    """

    name: str
    version: str
    kind: str
    file: str
    sha256: str
    size: int
    index: str = "pypi"
    url: str | None = None
    commit: str | None = None
    path: str | None = None
    required_by: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requires_python: str | None = None
    requires: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython for a base image that has none.

    Attributes:
        release: uv's name for the build: `cpython-3.11.16-linux-x86_64-gnu`.
        url: below uv's download address: `20261110/cpython-3.11.16%2B20261110-….tar.gz`.
        hash_origin: `index` where uv's own list has this hash, or `computed` where it told none.
    """

    release: str
    url: str
    sha256: str
    size: int
    hash_origin: str = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The Python packages of one platform.

    Attributes:
        version: `3.11` or `3.11.9`, as declared.
        interpreter: None where the base image brings its own.
        wheels: the user's closure, sorted, declared ones first.
        sources: what of the closure is built from source, in the same order.
        build: the closure of what builds them, in no layer of the image.
        runtime: the server's own closure, and uv, which installs both.
        sdk: a wheel that replaces our `cog` SDK; None for the one that comes with the runtime.
    """

    version: str
    interpreter: Interpreter | None = None
    wheels: tuple[Wheel, ...] = ()
    sources: tuple[Source, ...] = ()
    build: tuple[Wheel, ...] = ()
    runtime: tuple[Wheel, ...] = ()
    sdk: Wheel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A file that `build.run[].inputs` names."""

    url: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """The image that `cog lock --record` built, which later builds of the same files are held to.

    Attributes:
        made_from: digest over the steps of the build and the project's files: it tells a build of other files from
            one that broke.
        digest: of the platform's manifest.
        layers: diff IDs, lowest first; they decide where another engine built.
        engine: the releases that built it.
        frontend: the pinned Dockerfile frontend that read the steps; None for the engine's own.
    """

    made_from: str
    digest: str
    layers: tuple[str, ...]
    engine: str
    frontend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLock:
    """Everything for one platform, `linux/amd64`.

    Attributes:
        build_apt: the compilers and libraries that packages are built from source with, on top of the base; in no
            layer of the image. None where nothing is compiled.
        image: what came of it; None where nobody has recorded it. No part of what goes into the image.
    """

    platform: str
    base: BaseImage
    apt: Apt | None = None
    build_apt: Apt | None = None
    python: Python
    image: ImageRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A whole cog.lock.

    Attributes:
        inputs: the declaration's parts that the lock depends on, by key path, sorted.
        platforms: sorted by name.
    """

    tools: Tools
    inputs: tuple[tuple[str, InputValue], ...]
    platforms: tuple[PlatformLock, ...]
    files: tuple[LockedFile, ...] = ()
    schema: int = SCHEMA
    source_date_epoch: int = SOURCE_DATE_EPOCH

    def for_platform(self, platform: str) -> PlatformLock | None:
        """Return the platform's part, or None where the lock has none."""
        return next((each for each in self.platforms if each.platform == platform), None)

    def without_records(self) -> Lock:
        """Return what decides the image: the lock less what came of it, as the image itself holds it."""
        return replace(self, platforms=tuple(replace(each, image=None) for each in self.platforms))

    def with_record(self, platform: str, record: ImageRecord) -> Lock:
        """Return the lock with another record for one of its platforms."""
        platforms = (replace(each, image=record) if each.platform == platform else each for each in self.platforms)
        return replace(self, platforms=tuple(platforms))
