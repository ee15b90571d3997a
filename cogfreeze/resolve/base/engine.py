"""Reads the files of an image that locking needs from this machine's engine, if it already has the image.

Nothing is pulled and nothing runs: a container is created, files are copied out of it, and it is removed. A
missing, hanging or failing engine, or one with another image, is no error: there are other sources.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from cogfreeze.resolve.base import layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from io import BufferedReader

# A working engine answers within a twentieth of a second; a hanging one costs this once.
_GREETING_SECONDS = 5
_SECONDS = 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MISSING = re.compile(rb"could not (find|be found)|no such file", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What the engine's image contains.

    Attributes:
        files: every wanted file that exists, by path.
        manifest: digest of the platform's manifest, if the engine reports it.
    """

    files: Mapping[str, str]
    manifest: str | None


def read_from_engine(digests: Iterable[str | None], manifest: str | None, platform: str) -> Inventory | None:
    """Return the wanted files of an image that the engine has, or None.

    Args:
        digests: of its index, its manifest and its config, as far as known: engines identify images by different
            ones.
        manifest: digest of the platform's manifest, where it is known; then it must be this one.
        platform: `linux/amd64`.
    """
    program = shutil.which("docker")
    known = tuple(dict.fromkeys(filter(None, digests)))
    engine = map(os.environ.get, ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"))
    if program is None or not known or not _answers(program, *engine):
        return None
    try:
        return _Engine(program).read(known, manifest, platform)
    except (OSError, ValueError, subprocess.SubprocessError, *layers.UNREADABLE):
        return None


@cache
def _answers(program: str, *_engine: str | None) -> bool:
    """Return whether an engine answers; cached for each engine that the environment names."""
    try:
        run = _run([program, "version", "--format", "{{.Server.Version}}"], _GREETING_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return run.returncode == 0


class _Engine:
    """The engine, while one image is read."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._end = time.monotonic() + _SECONDS

    def read(self, digests: Sequence[str], manifest: str | None, platform: str) -> Inventory | None:
        # The ids of the images that exist, one per line; docker fails if one does not.
        there = self._ask("image", "inspect", "--format", "{{.Id}}", "--", *digests, check=False).split()
        if not there:
            return None
        container = f"cogfreeze-{uuid.uuid4().hex}"
        try:
            # It is never started; an image without a command needs one to create a container.
            self._ask(
                *("create", "--pull=never", "--network=none", "--platform", platform),
                *("--name", container, there[0], "nothing"),
            )
            said = json.loads(self._ask("container", "inspect", "--format", "{{json .}}", container))
            made_of = (said.get("ImageManifestDescriptor") or {}).get("digest")
            if not _is_of(said.get("Image", ""), made_of, digests, manifest):
                return None
            files: dict[str, str] = {}
            for path in (*layers.WANTED, layers.STATUS_FOLDER):
                files |= self._copied(container, path)
            return Inventory(files=files, manifest=made_of or manifest)
        finally:
            # Also after an interrupted creation or a timeout.
            with suppress(OSError, subprocess.SubprocessError):
                _run([self._program, "rm", "--force", "--volumes", container], _GREETING_SECONDS)

    def _ask(self, *words: str, check: bool = True) -> str:
        run = _run([self._program, *words], self._left())
        if check:
            run.check_returncode()
        return run.stdout.decode("utf-8", "replace")

    def _copied(self, container: str, path: str) -> Mapping[str, str]:
        """Return the wanted files at or below a path; none if it does not exist."""
        words = [self._program, "cp", f"{container}:/{path}", "-"]
        with _start(words) as run:
            timer = threading.Timer(self._left(), _kill, [run])
            timer.start()
            try:
                stream = cast("BufferedReader", run.stdout)
                found = layers.scan(stream, below=path.rpartition("/")[0]) if stream.peek(1) else None
                while stream.read(1 << 20):
                    pass
                complaint = cast("BufferedReader", run.stderr).read()
                run.wait(self._left())
            finally:
                timer.cancel()
                _kill(run)
        if found is None and _MISSING.search(complaint):
            return {}
        if run.returncode or found is None:
            raise subprocess.CalledProcessError(run.returncode, words)
        return found.files

    def _left(self) -> float:
        """Return how many seconds there are left."""
        return max(0.1, self._end - time.monotonic())


def _is_of(image: str, made_of: str | None, digests: Sequence[str], manifest: str | None) -> bool:
    """Return whether a container is of the requested image.

    Args:
        image: the engine's id of its image; podman leaves out `sha256:`.
        made_of: digest of its platform's manifest, which newer engines report.
    """
    if made_of is not None and not _DIGEST.fullmatch(made_of):
        return False
    if made_of and manifest:
        return made_of == manifest
    return f"sha256:{image.removeprefix('sha256:')}" in digests


def _run(words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Run docker with a time limit."""
    with _start(words) as run:
        try:
            output, complaint = run.communicate(timeout=seconds)
        finally:
            _kill(run)
    return subprocess.CompletedProcess(words, run.returncode, output, complaint)


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start docker in a session of its own, so that ssh to a remote engine cannot prompt for a password."""
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True)


def _kill(run: subprocess.Popen[bytes]) -> None:
    """Kill docker and its children."""
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
