"""Reading the lock that an image holds."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile

from cogfreeze.errors import BuildError, ToolMissing, UsageError
from cogfreeze.recipe import layout

# A lock of thousands of packages has a few megabytes.
_LARGEST = 64 * 1024 * 1024
_SECONDS = 600


def read(image: str) -> str:
    """Return the text of the lock inside an image; nothing of the image is run.

    Raises:
        ToolMissing: there is no `docker`.
        UsageError: the engine has no such image.
        BuildError: it was not built by cogfreeze.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise ToolMissing("there is no `docker` on this machine to read an image with", hint="install Docker")
    created = _run([docker, "create", "--pull", "never", "--", image, "true"])
    if created.returncode:
        raise UsageError(
            f"the engine has no image `{image}`: {_last_line(created.stderr)}", hint="`docker pull` it first"
        )
    container = created.stdout.decode("ascii", "replace").strip()
    try:
        copied = _run([docker, "cp", f"{container}:{layout.OURS}/{layout.LOCK}", "-"])
    finally:
        _run([docker, "rm", "--", container])
    if copied.returncode:
        raise BuildError(
            f"the image `{image}` holds no cog.lock", hint="only images built by `cog build` have one"
        )
    return _only_file(copied.stdout, image)


def _only_file(archive: bytes, image: str) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member and member.isfile() and member.size <= _LARGEST else None
            if content is None:
                raise BuildError(f"the cog.lock of the image `{image}` is not a file of a usable size")
            return content.read().decode("utf-8")
    except (tarfile.TarError, UnicodeDecodeError) as error:
        raise BuildError(f"the cog.lock of the image `{image}` can't be read: {error}") from None


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise ToolMissing(
            f"the Docker engine has not answered for {_SECONDS} s", hint="check that Docker is running"
        ) from None


def _last_line(text: bytes) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
