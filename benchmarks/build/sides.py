"""Both ways of building one project: `cog build`, and the Dockerfile that Cog generates for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.build import cog_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

COG = [sys.executable, "-m", "cogfreeze.cli.main"]
BASE = "python:3.11-slim-bookworm"
PREDICT = """\
import {module}
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, text: str) -> str:
        return {module}.__version__ + text * {number}
"""


def run(*words: str, folder: Path) -> str:
    """Run a command; if it fails, print its output and exit."""
    answer = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env=environment())
    if answer.returncode:
        sys.exit(f"{' '.join(words)}\n{answer.stdout[-2000:]}{answer.stderr[-4000:]}")
    return answer.stdout


def environment() -> dict[str, str]:
    """Return the variables of this process, and those by which `cog` finds the loopback registry and archive."""
    mirrors = {"COG_REGISTRY_MIRROR": "ENGINE_REGISTRY", "COG_DEBIAN_SNAPSHOT": "ENGINE_DEBIAN_SNAPSHOT"}
    found = os.environ | {name: os.environ[known] for name, known in mirrors.items() if known in os.environ}
    found.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed `cog` is compiled
    return found


class Seconds:
    """How long something took, known once it is over."""

    value = 0.0


@contextmanager
def timed() -> Iterator[Seconds]:
    taken, begun = Seconds(), time.perf_counter()
    yield taken
    taken.value = time.perf_counter() - begun


class Side(ABC):
    """One way of building a project of a heavy package and some light ones.

    Args:
        folder: where the project is made.
        heavy: a requirement, or a wheel's path.
    """

    name: str

    def __init__(self, folder: Path, heavy: str | Path, module: str) -> None:
        self.folder, self.heavy, self.module = folder, heavy, module
        folder.mkdir()
        self.write_code(1)

    def write_code(self, number: int) -> None:
        """Write the model, with one line of its own."""
        (self.folder / "predict.py").write_text(PREDICT.format(module=self.module, number=number))

    @abstractmethod
    def require(self, packages: tuple[str, ...]) -> None:
        """Declare the light packages, and lock where that is a step of its own."""

    @abstractmethod
    def build(self, name: str, *words: str) -> None:
        """Build the image `name`, with more arguments for the engine."""


class Ours(Side):
    name = "cogfreeze"

    def require(self, packages: tuple[str, ...]) -> None:
        heavy = self.heavy
        if isinstance(heavy, Path):
            if not (self.folder / heavy.name).exists():
                shutil.copy(heavy, self.folder)
            heavy = f"./{heavy.name}"
        listed = "".join(f"    - {each}\n" for each in (heavy, *packages))
        (self.folder / "cog.yaml").write_text(
            f'build:\n  python_version: "3.11"\n  python_packages:\n{listed}predict: predict.py:Predictor\n'
        )
        (self.folder / ".dockerignore").write_text("*.whl\n")
        run(*COG, "lock", folder=self.folder)

    def build(self, name: str, *words: str) -> None:
        run(*COG, "build", "--syntax", "builtin", "-t", name, *words, folder=self.folder)


class Cogs(Side):
    name = "Cog's Dockerfile"

    def __init__(self, folder: Path, heavy: str | Path, module: str) -> None:
        super().__init__(folder, heavy, module)
        self.generated = folder.with_name(f"{folder.name}-generated")
        self.generated.mkdir()
        (self.generated / "openapi_schema.json").write_text("{}")
        (folder / "cog.yaml").write_text(
            'build:\n  python_version: "3.11"\n  python_requirements: requirements.txt\n'
        )
        (folder / ".dockerignore").write_text(".cog\n")

    @classmethod
    def prepare(cls, folder: Path) -> None:
        """Make what the official images have."""
        for name, text in ((cog_shape.PYTHON, cog_shape.BASE.format(base=BASE)), ("bench-uv", cog_shape.UV_IMAGE)):
            (folder / "Dockerfile").write_text(text)
            _buildx(folder, name)

    def require(self, packages: tuple[str, ...]) -> None:
        heavy = self.heavy
        if isinstance(heavy, Path):
            distribution, version = heavy.name.split("-")[:2]
            heavy = f"{distribution}=={version.partition('+')[0]}"
        text = "".join(f"{each}\n" for each in (heavy, *packages))
        for folder in (self.folder, self.generated):
            (folder / "requirements.txt").write_text(text)

    def build(self, name: str, *words: str) -> None:
        wheels = self.heavy.parent if isinstance(self.heavy, Path) else self.generated
        contexts = (f"--build-context=cog_build={self.generated}", f"--build-context=wheels={wheels}")
        for image, text in ((cog_shape.TEMPORARY, cog_shape.FIRST), (name, cog_shape.SECOND)):
            dockerfile = self.generated / "Dockerfile"
            dockerfile.write_text(text)
            _buildx(self.folder, image, f"--file={dockerfile}", *contexts, *words)


def _buildx(folder: Path, name: str, *words: str) -> None:
    certificates = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    uv = ("--build-context=uv=docker-image://bench-uv",) if words else ()
    run(
        *(
            "docker",
            "buildx",
            "build",
            "--provenance=false",
            "--network=host",
            f"--secret=id=ca,src={certificates}",
        ),
        *(f"--output=type=image,name={name}", *uv, *words, "."),
        folder=folder,
    )
