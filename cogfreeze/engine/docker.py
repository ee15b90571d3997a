"""The engine of this machine: docker with buildx, as its own settings (`DOCKER_HOST`, contexts) name it."""

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

WITHOUT = "`cog dockerfile -o DIR` writes what an engine elsewhere builds from"

# Reads of the engine's state; a build has no limit.
_SECONDS = 60
# The first with machine-readable progress and a log that survives failures.
_OLDEST_BUILDX = (0, 13)


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """An engine that answers.

    Attributes:
        program: the path of `docker`.
        release: the engine's (or the builder's) and buildx's versions: another may compress layers otherwise.
        builder: the name by which buildx knows what builds. Without it, buildx would take the one chosen by
            `docker buildx use` or `BUILDX_BUILDER`, which may leave the image outside the engine's store.
        keeps_manifests: whether the image store keeps an image's manifest, and so its digest, as it was built.
    """

    program: str
    release: str
    builder: str
    keeps_manifests: bool

    def ask(self, words: Sequence[str], *, seconds: float | None = _SECONDS) -> str:
        """Run one command of docker's and return what it prints.

        Args:
            seconds: how long it may take; None for as long as it does.

        Raises:
            BuildError: it failed.
            ToolMissing: it took too long.
        """
        result = _run([self.program, *words], seconds=seconds)
        if result.returncode:
            raise BuildError(f"`docker {words[0]}` failed: {_last_line(result.stderr)}")
        return result.stdout

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what the engine says of an image that it has.

        Raises:
            BuildError: it has no such image.
        """
        found: list[dict[str, Any]] = json.loads(self.ask(["image", "inspect", "--", image]))
        return found[0]


def find(builder: str | None = None) -> Docker:
    """Return the machine's engine.

    Args:
        builder: one of buildx's own that is to build in its place.

    Raises:
        ToolMissing: there is no docker, no buildx, no such builder, or the engine does not answer.
    """
    program = shutil.which("docker")
    if program is None:
        raise ToolMissing("there is no `docker` on this machine to build with", hint=f"install Docker; {WITHOUT}")
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
    # The engine's own builder is called as the context by which it is reached.
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
    """Return the release of a builder of buildx's own, which this starts where it is stopped."""
    result = _run([program, "buildx", "inspect", "--bootstrap", "--", builder], seconds=None)
    versions = re.findall(r"^BuildKit version: *(\S+)", result.stdout, re.MULTILINE)
    if result.returncode or not versions:
        raise ToolMissing(
            f"the builder `{builder}` does not answer: {_last_line(result.stderr).removeprefix('ERROR: ')}",
            hint="`docker buildx ls` lists the builders of this machine",
        )
    # One of several nodes builds for the platform, whichever it is.
    return "+".join(sorted(set(versions)))


def _buildx(info: dict[str, Any]) -> str:
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    version = next((str(each.get("Version")) for each in plugins if each.get("Name") == "buildx"), None)
    if version is None:
        raise ToolMissing("this machine's docker has no `buildx`", hint=f"install docker-buildx; {WITHOUT}")
    parts = version.lstrip("v").split(".")
    if (
        parts[0].isdigit()
        and parts[1:2]
        and parts[1].isdigit()
        and (int(parts[0]), int(parts[1])) < _OLDEST_BUILDX
    ):
        raise ToolMissing(
            f"this machine's buildx is {version}, and builds need 0.13", hint=f"update it; {WITHOUT}"
        )
    return version


def _run(command: Sequence[str], *, seconds: float | None = _SECONDS) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ToolMissing(
            f"the Docker engine has not answered for {seconds:g} s", hint=f"look after it; {WITHOUT}"
        ) from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removesuffix(".") if lines else "it said nothing"
