"""An environment on this machine, made by uv from the lock: the same wheels as in the image, by hash.

Environments are shared between projects and kept in the cache, under the digest of their contents. A virtual
environment cannot be moved, so it is made in place, under a file lock, and a marker says that it is complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform as machine
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.errors import IntegrityError, LockUnusable, ResolveError, ToolMissing
from cogfreeze.local import cache
from cogfreeze.local.runtime import split_runtime
from cogfreeze.resolve.index import require_recorded
from cogfreeze.resolve.python import UvResult, disk_hint, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cogfreeze.lock.model import Lock, PlatformLock, Python, Wheel
    from cogfreeze.project.model import Build
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

# Increased by every change to how an environment is made.
LAYOUT = 1
# Parts of the runtime closure that only the image needs: the installer, and PID 1.
_IMAGE_ONLY = {"uv", "dumb-init"}
_UNPACKED = "unpacked"
# The messages of uv; each goes on until the next one.
_MESSAGE = re.compile(r"^(?:  )?(error|cause|hint): ", re.MULTILINE)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the parts of a running model are.

    Attributes:
        python: the interpreter that has the model's packages.
        server: the folders of cogserve and its closure; never on the model's path.
        sdk: the folder of `cog` and `cogworker`.
    """

    python: Path
    server: tuple[Path, ...]
    sdk: Path


def this_platform() -> str:
    """Return this machine as the lock names platforms: `linux/amd64`, `darwin/arm64`."""
    name = machine.machine().lower()
    return f"{machine.system().lower()}/{_ARCHITECTURES.get(name, name)}"


def locked_for_this_machine(lock: Lock, platform: str | None = None) -> PlatformLock:
    """Return the lock's part for this machine, or for another `platform`.

    Raises:
        LockUnusable: the lock has only other platforms.
    """
    wanted = platform or this_platform()
    part = lock.for_platform(wanted)
    if part is not None:
        return part
    others = ", ".join(f"`{each.platform}`" for each in lock.platforms)
    hint = "remove `--local`: the image runs here with Docker"
    if wanted.startswith("linux/"):
        hint = f"add `{wanted}` to `build.platforms`, then run `cog lock`"
    raise LockUnusable(f"cog.lock is for {others}, but this machine is `{wanted}`", hint=hint)


def prepare(
    locked: PlatformLock, *, build: Build, folder: Path, settings: Settings, report: Report
) -> Environment:
    """Return the environment of a lock's Python packages; make it if the cache has none.

    Args:
        locked: the lock's part for this machine.
        build: the declaration, with its indexes and addresses.
        folder: the project's, which may contain wheels.

    Raises:
        ToolMissing: this machine has no such Python, and uv could not download one.
        NetworkError, IntegrityError: a wheel could not be fetched, or is not the locked one.
        ResolveError: a wheel cannot be installed here.
    """
    home = settings.cache / "envs" / _digest(locked)
    with _alone(home.with_suffix(".lock")):
        if not ((home / "done").is_file() and (home / "venv/bin/python").exists()):
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            _make(home, locked, build=build, folder=folder, settings=settings, report=report)
            (home / "done").touch()
        cache.use(home)
    runtime = split_runtime(settings)
    return Environment(
        python=home / "venv/bin/python", server=(home / "server", runtime / "server"), sdk=runtime / "sdk"
    )


def _digest(locked: PlatformLock) -> str:
    python = locked.python
    parts = [f"{LAYOUT} {locked.platform} {python.version}"]
    for kind, wheels in (("model", python.wheels), ("build", python.build), ("server", python.runtime)):
        parts += sorted(f"{kind} {each.name} {each.version} {each.sha256}" for each in wheels)
    parts += sorted(f"in order {each.name}" for each in python.wheels if each.same_files)
    parts += sorted(f"source {each.name} {each.version} {each.sha256}" for each in python.sources)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a file lock; another process that needs the same environment waits until it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(
    home: Path, locked: PlatformLock, *, build: Build, folder: Path, settings: Settings, report: Report
) -> None:
    from cogfreeze.resolve.fetch import fetch_all
    from cogfreeze.resolve.python import locate_wheels, source_archives

    python = locked.python
    # First, because it is quick and may fail.
    _make_venv(home, python.version, settings)
    server = [each for each in python.runtime if each.name not in _IMAGE_ONLY]
    where = {"python": python.version, "platform": locked.platform}
    artifacts = locate_wheels(
        [*python.wheels, *python.build, *server], **where, folder=folder, settings=settings, build=build
    )
    files = fetch_all(artifacts, settings, report, what="wheels")
    require_recorded(python.wheels, files, **where)
    archives = source_archives(
        python.sources, **where, folder=folder, settings=settings, report=report, build=build
    )
    with report.step(f"installing {len(python.wheels)} packages and the server for Python {python.version}"):
        for wheels in _in_order(python.wheels):
            _install(home, wheels, files, [], settings)
        _install(home, server, files, ["--target", "server"], settings)
        _build(home, python, files | archives, settings)
        shutil.rmtree(home / _UNPACKED, ignore_errors=True)


def _make_venv(home: Path, version: str, settings: Settings) -> None:
    """Make the virtual environment with a Python of this machine, or else with one that uv downloads.

    Raises:
        ToolMissing: neither could be.
    """
    ways = [["--no-python-downloads", "--python", version]]
    # pyenv's shims fail for every version that is not the chosen one, which stops uv's search.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    ways += [["--python", str(each)] for each in sorted(pyenv.glob(f"versions/{version}*/bin/python"))[-1:]]
    ways += [["--managed-python", "--python", version]]
    for way in ways:
        # A Python that uv fetches for us goes into our cache.
        more = {"UV_PYTHON_INSTALL_DIR": str(settings.cache / "python")} if "--managed-python" in way else None
        answer = run_uv(
            ["venv", "--no-project", "--clear", *way, "venv"], folder=home, settings=settings, more=more
        )
        if answer.status == 0:
            return
    raise ToolMissing(
        f"this machine has no Python {version}, and uv could not download one: {_said(answer)}",
        hint=f"install Python {version} so that `python{'.'.join(version.split('.')[:2])}` is on the PATH",
    )


def _in_order(wheels: Sequence[Wheel]) -> Iterator[Sequence[Wheel]]:
    """Yield what to install at once: wheels that install the same file come one by one, as in the image."""
    yield [each for each in wheels if not each.same_files]
    for each in sorted(wheels, key=lambda wheel: wheel.name):
        if each.same_files:
            yield [each]


def _install(
    home: Path, wheels: Sequence[Wheel], files: Mapping[str, Path], options: Sequence[str], settings: Settings
) -> None:
    """Install exactly these wheels, only from their files, checking each hash again."""
    if not wheels:
        return
    lines = [f"{each.name}=={each.version} --hash=sha256:{each.sha256}\n" for each in wheels]
    (home / "requirements.txt").write_text("".join(lines))
    command = ["pip", "install", "--python", "venv", "--no-index", "--no-deps", "--require-hashes", *options]
    # Its own cache: uv links files out of it, and what a model wrote to them would be in the next environment too,
    # unnoticed by any hash.
    command += ["--cache-dir", _UNPACKED, "--requirements", "requirements.txt"]
    for folder in sorted({str(files[each.sha256].parent) for each in wheels}):
        command += ["--find-links", folder]
    answer = run_uv(command, folder=home, settings=settings)
    if answer.status == 0:
        return
    if "Hash mismatch" in answer.talk:
        raise IntegrityError(f"a wheel is not the locked one: {_said(answer)}")
    raise ResolveError(f"uv could not install the locked packages: {_said(answer)}", hint=disk_hint(answer.talk))


def _build(home: Path, python: Python, files: Mapping[str, Path], settings: Settings) -> None:
    """Build and install the packages that are locked as source, with the locked build requirements."""
    if not python.sources:
        return
    lines = [f"{each.name} @ {files[each.sha256].as_uri()}\n" for each in python.sources]
    (home / "sources.txt").write_text("".join(lines))
    command = ["pip", "install", "--python", "venv", "--no-index", "--no-deps", "--cache-dir", _UNPACKED]
    for folder in sorted({str(files[each.sha256].parent) for each in python.build}):
        command += ["--find-links", folder]
    answer = run_uv([*command, "--requirements", "sources.txt"], folder=home, settings=settings)
    if answer.status != 0:
        raise ResolveError(
            f"a package could not be built from source here: {_said(answer)}",
            hint="remove `--local`: the image's build has what it needs",
        )


def _said(answer: UvResult) -> str:
    """Return uv's error and its causes, each whole, as one line."""
    parts = _MESSAGE.split(answer.talk)[1:]
    told = [" ".join(text.split()) for kind, text in zip(parts[::2], parts[1::2], strict=True) if kind != "hint"]
    return ": ".join(told) or " ".join(answer.talk.split()) or "no reason given"
