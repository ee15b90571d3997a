"""This machine's engine: docker with buildx, as configured by `DOCKER_HOST` and contexts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import BuildError, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHOUT = "`cog dockerfile -o DIR` writes everything that an engine on another machine needs"

# Seconds for queries of the engine's state. Builds have no limit.
_SECONDS = 60
# The first version with machine-readable progress and complete logs after failures.
_OLDEST_BUILDX = (0, 13)


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """A running engine.

    Attributes:
        program: the path of `docker`.
        release: the versions of the engine (or builder) and buildx. Others may compress layers differently.
        builder: the name of the buildx builder. Otherwise buildx would use the one from `docker buildx use` or
            `BUILDX_BUILDER`, which may not put the image into the engine's store.
        keeps_manifests: whether the image store keeps an image's manifest, and so its digest.
    """

    program: str
    release: str
    builder: str
    keeps_manifests: bool

    def ask(self, words: Sequence[str], *, seconds: float | None = _SECONDS) -> str:
        """Run a docker command and return its output.

        Args:
            seconds: the time limit; None for no limit.

        Raises:
            BuildError: the command failed.
            ToolMissing: it took too long.
        """
        result = _run([self.program, *words], seconds=seconds)
        if result.returncode:
            raise BuildError(f"`docker {words[0]}` failed: {_last_line(result.stderr)}")
        return result.stdout

    def inspect(self, image: str) -> dict[str, Any]:
        """Return `docker image inspect` of a local image.

        Raises:
            BuildError: there is no such image.
        """
        found: list[dict[str, Any]] = json.loads(self.ask(["image", "inspect", "--", image]))
        return found[0]


def find(builder: str | None = None) -> Docker:
    """Return the machine's engine.

    Args:
        builder: the name of a buildx builder, instead of the engine's own.

    Raises:
        ToolMissing: docker, buildx or the builder is missing, or the engine does not answer.
    """
    program = shutil.which("docker")
    if program is None:
        raise ToolMissing("`docker` is not installed", hint=f"install Docker; {WITHOUT}")
    result = _run([program, "info", "--format", "{{json .}}"])
    try:
        info: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        info = {}
    if not info.get("ServerVersion"):
        raise ToolMissing(
            f"the Docker engine does not answer: {_last_line(result.stderr)}", hint=f"start it; {WITHOUT}"
        )
    buildx = _buildx(info)
    # The engine's own builder has the name of the Docker context.
    own = (info.get("ClientInfo") or {}).get("Context") or "default"
    by = f"docker {info['ServerVersion']}"
    if builder is not None and builder != own:
        by = f"buildkit {_buildkit(program, builder)}"
    return Docker(
        program=program,
        release=f"{by}, buildx {buildx}",
        builder=builder or own,
        keeps_manifests=any("containerd" in value for _, value in info.get("DriverStatus") or ()),
    )


def _buildkit(program: str, builder: str) -> str:
    """Return the version of a buildx builder, starting it if it is stopped."""
    result = _run([program, "buildx", "inspect", "--bootstrap", "--", builder], seconds=None)
    versions = re.findall(r"^BuildKit version: *(\S+)", result.stdout, re.MULTILINE)
    if result.returncode or not versions:
        raise ToolMissing(
            f"the builder `{builder}` does not answer: {_last_line(result.stderr).removeprefix('ERROR: ')}",
            hint="`docker buildx ls` lists the builders of this machine",
        )
    # With several nodes, any of them may build for the platform.
    return "+".join(sorted(set(versions)))


def _buildx(info: dict[str, Any]) -> str:
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    version = next((str(each.get("Version")) for each in plugins if each.get("Name") == "buildx"), None)
    if version is None:
        raise ToolMissing("the Docker plugin `buildx` is not installed", hint=f"install docker-buildx; {WITHOUT}")
    parts = version.lstrip("v").split(".")
    if (
        parts[0].isdigit()
        and parts[1:2]
        and parts[1].isdigit()
        and (int(parts[0]), int(parts[1])) < _OLDEST_BUILDX
    ):
        raise ToolMissing(f"buildx {version} is too old: builds need 0.13 or newer", hint=f"update it; {WITHOUT}")
    return version


def _run(command: Sequence[str], *, seconds: float | None = _SECONDS) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ToolMissing(
            f"the Docker engine has not answered for {seconds:g} s",
            hint=f"check that Docker is running; {WITHOUT}",
        ) from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removesuffix(".") if lines else "no output"
