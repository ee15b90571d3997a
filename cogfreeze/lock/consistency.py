"""What must hold between a lock's values: an edit by hand rarely keeps all of it.

The grammars are those of a declaration, so the rest can trust what a lock says as it trusts a project: nothing
that is read here can mean more than a name, a version, a path below an archive or a digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.grammar import (
    ARCHIVE_PATH,
    DEB_NAME,
    DEB_VERSION,
    DIGEST,
    IMAGE_REFERENCE,
    PLATFORM,
    PYTHON_BUILD,
    PYTHON_VERSION,
    SHA256,
    SNAPSHOT,
    SOURCE_FILE,
    URL,
    WHEEL_FILE,
    Grammar,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import (
        Apt,
        BaseImage,
        Deb,
        ImageRecord,
        Interpreter,
        Lock,
        LockedFile,
        PlatformLock,
        Python,
        Source,
        Wheel,
    )

Problem = tuple[tuple[str, ...], str]

# What only a lock holds.
_DISTRIBUTION = Grammar("a distribution that cogfreeze knows", "`debian:bookworm`", r"(debian|ubuntu):[a-z0-9.]+")
_RELEASE = Grammar(
    "a build of CPython for Linux",
    "`cpython-3.11.16-linux-x86_64-gnu`",
    r"cpython-3\.\d{1,2}\.\d{1,2}-linux-(?:x86_64|aarch64)-gnu",
)
_REPOSITORY = Grammar(
    "an address of a repository",
    "`https://host/path`, without password",
    r"(?:https?|ssh|git|file)://(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._~%+,:=/-]+",
    longest=4096,
)
_COMMIT = Grammar("a commit", "40 or 64 lowercase hex digits", r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VERSION = Grammar("a version", "letters, digits, `.`, `!`, `+`, `_`, `-`", r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_WORD = Grammar("a name", "lowercase letters, digits, `-`", r"[a-z0-9]+(?:[.+_-]+[a-z0-9]+)*")
# A requirement as `requirements.short` writes it, and a build requirement, which may have a marker.
_SPECIFIERS = r"(?:~=|={2,3}|!=|<=?|>=?)[A-Za-z0-9.!+_*-]+(?:,(?:~=|={2,3}|!=|<=?|>=?)[A-Za-z0-9.!+_*-]+)*"
_NAME = r"[a-z0-9]+(?:-+[a-z0-9]+)*"
_REQUIREMENT = Grammar(
    "a requirement", "`name[extra]>=1.0`", rf"{_NAME}(?:\[{_NAME}(?:,{_NAME})*\])?(?:{_SPECIFIERS})?", longest=4096
)
_PYTHONS = Grammar("a range of Python versions", "`>=3.9`", _SPECIFIERS, longest=1024)
_DEPENDENCY = Grammar(
    "a dependency",
    "`name:arch (>= 1.0)`",
    r"[a-z0-9][a-z0-9.+-]*(?::[a-z0-9]+)?(?: \((?:<<|<=|=|>=|>>) [^\s()|,]+\))?",
)
_RELEASES = Text("an engine's releases", "one printable line", r"\S.*\S", longest=512)
_FINGERPRINT = Grammar("a key's fingerprint", "40 or 64 uppercase hex digits", r"[0-9A-F]{40}(?:[0-9A-F]{24})?")


def problems(lock: Lock) -> Iterator[Problem]:
    """Yield the place (keys and `[index]`es) and the words of each thing that cannot be."""
    if lock.schema < 1:
        yield ("schema",), "must be 1 or more"
    if lock.source_date_epoch < 0:
        yield ("source_date_epoch",), "must not be negative"
    yield from _of(DIGEST, lock.tools.runtime, "tools", "runtime")
    yield from _of(IMAGE_REFERENCE, lock.tools.frontend, "tools", "frontend")
    if "@" not in lock.tools.frontend:
        yield ("tools", "frontend"), "is not pinned by digest"
    for index, file in enumerate(lock.files):
        yield from _under(("files", f"[{index}]"), _fetched(file))
    for platform in lock.platforms:
        yield from _under(("platforms", platform.platform), _platform(platform))


def _under(path: tuple[str, ...], found: Iterator[Problem]) -> Iterator[Problem]:
    for at, message in found:
        yield (*path, *at), message


def _of(grammar: Grammar, value: str, *path: str) -> Iterator[Problem]:
    if not grammar.accepts(value):
        yield path, f"is not {grammar.name}"


def _platform(lock: PlatformLock) -> Iterator[Problem]:
    yield from _of(PLATFORM, lock.platform)
    yield from _under(("base",), _base(lock.base))
    if lock.apt:
        yield from _under(("apt",), _apt(lock.apt))
    if lock.build_apt:
        yield from _under(("build_apt",), _apt(lock.build_apt))
    yield from _of(PYTHON_VERSION, lock.python.version, "python", "version")
    for key in ("wheels", "build", "runtime"):
        yield from _under(("python", key), _wheels(getattr(lock.python, key)))
    yield from _under(("python", "sources"), _sources(lock.python))
    if lock.python.sdk:
        yield from _under(("python", "sdk"), _wheel(lock.python.sdk))
        if lock.python.sdk.name != "cog":
            yield ("python", "sdk", "name"), "must be `cog`"
    if lock.python.interpreter:
        yield from _under(("python", "interpreter"), _interpreter(lock.python.interpreter))
    if lock.image:
        yield from _under(("image",), _image(lock.image))


def _image(record: ImageRecord) -> Iterator[Problem]:
    yield from _of(DIGEST, record.made_from, "made_from")
    yield from _of(DIGEST, record.digest, "digest")
    if not record.layers:
        yield ("layers",), "must not be empty"
    for index, layer in enumerate(record.layers):
        yield from _of(DIGEST, layer, "layers", f"[{index}]")
    yield from _of(_RELEASES, record.engine, "engine")
    if record.frontend is not None:
        yield from _of(IMAGE_REFERENCE, record.frontend, "frontend")


def _interpreter(interpreter: Interpreter) -> Iterator[Problem]:
    yield from _of(_RELEASE, interpreter.release, "release")
    yield from _of(PYTHON_BUILD, interpreter.url, "url")
    yield from _of(SHA256, interpreter.sha256, "sha256")
    if interpreter.size <= 0:
        yield ("size",), "must be more than 0"
    if interpreter.hash_origin not in ("index", "computed"):
        yield ("hash_origin",), "must be `index` or `computed`"


def _base(base: BaseImage) -> Iterator[Problem]:
    yield from _of(IMAGE_REFERENCE, base.reference, "reference")
    yield from _of(_DISTRIBUTION, base.distribution, "distribution")
    for key, digest in (("digest", base.digest), ("manifest", base.manifest), ("packages", base.packages)):
        if digest is not None:
            yield from _of(DIGEST, digest, key)
    if base.source not in ("registry", "catalogue"):
        yield ("source",), "must be `registry` or `catalogue`"


def _apt(apt: Apt) -> Iterator[Problem]:
    yield from _of(SNAPSHOT, apt.snapshot, "snapshot")
    archives = {suite.archive for suite in apt.suites}
    for index, suite in enumerate(apt.suites):
        at = ("suites", f"[{index}]")
        yield from _of(SHA256, suite.inrelease, *at, "inrelease")
        for word in (suite.archive, suite.suite, *suite.components):
            yield from _of(_WORD, word, *at)
        if not suite.signers or not all(map(_FINGERPRINT.accepts, suite.signers)):
            yield (*at, "signers"), "must be the fingerprints of the keys that signed it"
    seen = set()
    for index, deb in enumerate(apt.packages):
        at = ("packages", f"[{index}]")
        yield from _under(at, _deb(deb))
        if deb.archive not in archives:
            yield (*at, "archive"), f"is `{deb.archive}`, which is none of the suites' archives"
        if (deb.name, deb.architecture) in seen:
            yield at, f"is a second `{deb.name}:{deb.architecture}`"
        seen.add((deb.name, deb.architecture))


def _deb(deb: Deb) -> Iterator[Problem]:
    yield from _of(DEB_NAME, deb.name, "name")
    yield from _of(DEB_VERSION, deb.version, "version")
    yield from _of(_WORD, deb.architecture, "architecture")
    yield from _of(SHA256, deb.sha256, "sha256")
    if deb.source is not None:
        yield from _of(DEB_NAME, deb.source, "source")
    if deb.source_version is not None:
        yield from _of(DEB_VERSION, deb.source_version, "source_version")
    for each in deb.depends:
        yield from _of(_DEPENDENCY, each, "depends")
    if deb.size <= 0:
        yield ("size",), "must be more than 0"
    if not ARCHIVE_PATH.accepts(deb.path):
        yield ("path",), f"is not {ARCHIVE_PATH.name}"
        return
    # A pool's file is called name_version_architecture.deb, its version without the epoch.
    expected = f"{deb.name}_{deb.version.split(':', 1)[-1]}_{deb.architecture}.deb"
    if deb.path.rsplit("/", 1)[-1] != expected:
        yield ("path",), f"does not end in `{expected}`"


def _wheels(wheels: tuple[Wheel, ...]) -> Iterator[Problem]:
    seen = set()
    for index, wheel in enumerate(wheels):
        yield from _under((f"[{index}]",), _wheel(wheel))
        if wheel.name in seen:
            yield (f"[{index}]",), f"is a second `{wheel.name}`"
        seen.add(wheel.name)


def _sources(python: Python) -> Iterator[Problem]:
    seen = {wheel.name for wheel in python.wheels}
    for index, source in enumerate(python.sources):
        yield from _under((f"[{index}]",), _source(source))
        if source.name in seen:
            yield (f"[{index}]",), f"is a second `{source.name}`"
        seen.add(source.name)


def _source(source: Source) -> Iterator[Problem]:
    yield from _of(_WORD, source.name, "name")
    yield from _of(_VERSION, source.version, "version")
    yield from _of(SOURCE_FILE, source.file, "file")
    yield from _of(SHA256, source.sha256, "sha256")
    yield from _of(_WORD, source.index, "index")
    yield from _own(source)
    for each in source.build_requires:
        yield from _of(_REQUIREMENT, each, "build_requires")
    if source.size <= 0:
        yield ("size",), "must be more than 0"
    given = {key for key in ("url", "commit", "path") if getattr(source, key) is not None}
    wanted = {"sdist": set[str](), "git": {"url", "commit"}, "local": {"path"}}.get(source.kind)
    if wanted is None:
        yield ("kind",), "must be `sdist`, `git` or `local`"
    elif not wanted <= given or (given - wanted and (source.kind, given - wanted) != ("git", {"path"})):
        yield (), f"must have {' and '.join(f'`{key}`' for key in sorted(wanted)) or 'no place'} for its kind"
    yield from _of(_REPOSITORY, source.url, "url") if source.url is not None else ()
    yield from _of(_COMMIT, source.commit, "commit") if source.commit is not None else ()
    if source.path is not None and (source.path.startswith("/") or ".." in source.path.split("/")):
        yield ("path",), "leads out of its folder"


def _own(package: Wheel | Source) -> Iterator[Problem]:
    for each in package.extras:
        yield from _of(_WORD, each, "extras")
    for each in package.requires:
        yield from _of(_REQUIREMENT, each, "requires")
    if package.requires_python is not None:
        yield from _of(_PYTHONS, package.requires_python, "requires_python")


def _wheel(wheel: Wheel) -> Iterator[Problem]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    yield from _of(_WORD, wheel.name, "name")
    yield from _of(SHA256, wheel.sha256, "sha256")
    yield from _of(_WORD, wheel.index, "index")
    yield from _own(wheel)
    for each in wheel.same_files:
        yield from _of(_WORD, each, "same_files")
    if wheel.size <= 0:
        yield ("size",), "must be more than 0"
    if wheel.hash_origin not in ("index", "computed"):
        yield ("hash_origin",), "must be `index` or `computed`"
    yield from _of(WHEEL_FILE, wheel.file, "file")
    try:
        name, version, _, _ = parse_wheel_filename(wheel.file)
    except InvalidWheelFilename:
        yield ("file",), f"is not {WHEEL_FILE.name}"
        return
    if name != wheel.name or str(version) != wheel.version:
        yield ("file",), f"is not of `{wheel.name}` {wheel.version}"


def _fetched(file: LockedFile) -> Iterator[Problem]:
    yield from _of(URL, file.url, "url")
    yield from _of(SHA256, file.sha256, "sha256")
