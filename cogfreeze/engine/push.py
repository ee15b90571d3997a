"""Pushes a built image and checks that the registry has the same digest."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from cogfreeze.engine import docker
from cogfreeze.errors import NetworkError, NotReproducible

if TYPE_CHECKING:
    from cogfreeze.engine.build import BuiltImage
    from cogfreeze.report import Report

_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")


def push(name: str, image: BuiltImage, report: Report) -> None:
    """Push one name of an image, with Docker's credentials.

    Raises:
        NetworkError: the registry refused it or can't be reached.
        NotReproducible: the registry reports another digest.
    """
    engine = docker.find()
    with report.step(f"pushing {name}"):
        result = subprocess.run([engine.program, "push", "--", name], capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no output"]
        raise NetworkError(
            f"pushing `{name}` failed: {lines[-1]}", hint="check the name, or log in with `docker login`"
        )
    pushed = _PUSHED.search(result.stdout)
    if image.digest and pushed and pushed[1] != image.digest:
        raise NotReproducible(f"the registry stored `{name}` as {pushed[1]}, but the build made {image.digest}")
