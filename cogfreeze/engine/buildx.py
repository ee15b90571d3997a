"""One run of `docker buildx build`: its arguments, its progress and its result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.engine.progress import FrontendMissing, Progress
from cogfreeze.errors import BuildError
from cogfreeze.recipe.dockerfile import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from cogfreeze.engine.docker import Docker
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report

# An image in the engine's own store, with the same manifest as any other exporter's.
STORE = "type=image,oci-mediatypes=true"
# Sent by a shell, or by a CI runner that cancels a job.
_TERMINATED = 128 + signal.SIGTERM
# In the other modes we detect this failure ourselves.
_TTY_HINT = "where the engine cannot pull the Dockerfile frontend: `--syntax builtin`"
# Seconds that buildx has to stop after an interrupt. Killing it also ends the build: the engine stops a build
# whose client is gone.
_GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to build.

    Attributes:
        secrets: as `--secret` takes them.
        progress: `auto` (one line per step), `plain` (full output), `tty` (buildx's display), `quiet`.
        network: `host` lets the steps that have a network use this machine's network.
        builder: the name of a buildx builder, instead of the engine's own.
        hostname: the host name that commands see. It must not matter: `verify` tests that.
        shm_size: the size of /dev/shm in bytes. Steps with another size are never shared between builds.
    """

    no_cache: bool = False
    secrets: tuple[str, ...] = ()
    progress: str = "auto"
    network: str | None = None
    builder: str | None = None
    hostname: str | None = None
    shm_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The result of a buildx run.

    Attributes:
        digest: of the manifest; None if the output is not an image (`type=local`).
        config: digest of the image's configuration; None if the output is not an image.
        frontend: the pinned frontend that read the Dockerfile; None for the engine's own.
        reused: the steps that the engine took from another build; always empty with buildx's display.
    """

    digest: str | None
    config: str | None
    frontend: str | None
    reused: tuple[str, ...] = ()


def layout(folder: Path) -> str:
    """Return the output option for an OCI layout folder; its path may contain any character."""
    quoted = str(folder).replace('"', '""')
    return f'type=oci,tar=false,"dest={quoted}"'


def run(
    engine: Docker,
    recipe: Recipe,
    folder: Path,
    options: Options,
    report: Report,
    *,
    names: tuple[str, ...],
    outputs: tuple[str, ...],
) -> Made:
    """Build the context in `folder`.

    The engine names the image at the very end, so after an interrupt or a failure no name has changed.

    Args:
        folder: contains `context`, and for each fetch stage a named context.

    Raises:
        IntegrityError: a file doesn't have its locked hash.
        BuildError: a step failed.
    """
    with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
        metadata = Path(scratch) / "metadata.json"
        arguments = [*_arguments(engine, recipe, folder, options), f"--metadata-file={metadata}"]
        arguments += [f"--output={output}" for output in outputs] + [f"--tag={name}" for name in names]
        command = [engine.program, "buildx", "build", *arguments, "--", str(folder / "context")]
        frontend = recipe.frontend
        try:
            reused = _run(command, frontend, options, report)
        except FrontendMissing as error:
            report.warn(f"{error.message}; using the engine's own", hint="`--syntax builtin` skips the attempt")
            frontend = None
            (folder / "context/Dockerfile").write_text(render(replace(recipe, frontend=None)))
            reused = _run(command, frontend, options, report)
        made: dict[str, Any] = json.loads(metadata.read_text())
        return Made(
            digest=made.get("containerimage.digest"),
            config=made.get("containerimage.config.digest"),
            frontend=frontend,
            reused=reused,
        )


def _arguments(engine: Docker, recipe: Recipe, folder: Path, options: Options) -> list[str]:
    stages = sorted({download.stage for download in recipe.downloads})
    arguments = [
        f"--builder={engine.builder}",
        f"--platform={recipe.platform}",
        f"--build-arg=SOURCE_DATE_EPOCH={recipe.epoch}",
        # Both contain the time of the build and would change the digest.
        *("--provenance=false", "--sbom=false"),
        f"--progress={'tty' if options.progress == 'tty' else 'rawjson'}",
        *(f"--build-context={stage}={folder / stage}" for stage in stages),
        *(f"--secret={secret}" for secret in options.secrets),
    ]
    if options.no_cache:
        arguments.append("--no-cache")
    if options.network:
        arguments.append(f"--network={options.network}")
    if options.hostname:
        arguments.append(f"--build-arg=BUILDKIT_SANDBOX_HOSTNAME={options.hostname}")
    if options.shm_size:
        arguments.append(f"--shm-size={options.shm_size}")
    return arguments


def _run(command: list[str], frontend: str | None, options: Options, report: Report) -> tuple[str, ...]:
    """Run buildx and return the names of the steps that it reused."""
    environment = os.environ | {"BUILDX_METADATA_PROVENANCE": "disabled", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    # It labels the image with the commit and the repository's address, which may contain a password.
    environment.pop("BUILDX_GIT_LABELS", None)
    if options.progress == "tty":
        # buildx draws on the terminal itself and shows what failed.
        with _interrupted_cleanly(subprocess.Popen(command, env=environment)) as process:
            if process.wait():
                raise BuildError("the build failed, as shown above", hint=_TTY_HINT if frontend else None)
        return ()
    progress = Progress(report, every_line=options.progress == "plain", quiet=options.progress == "quiet")
    said = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")
    with _interrupted_cleanly(said) as process:
        for line in process.stderr or ():
            progress.feed(line)
        if process.wait():
            raise progress.failure(frontend)
    return progress.reused()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)


@contextmanager
def _interrupted_cleanly(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """On SIGINT or SIGTERM, let buildx cancel the build first.

    Otherwise it would continue and name an image that nobody waits for.
    """
    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield process
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
        process.wait()
        if process.stderr:
            process.stderr.close()
