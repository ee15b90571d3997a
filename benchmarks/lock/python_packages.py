"""The Python part of `cog lock`, against uv and pip-compile on the same requirements."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.lock.times import Row, in_turn
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.index import target_for
from cogfreeze.resolve.python import check_closure, compile_arguments, resolve_python, uv_binary
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
GLIBC = (2, 36)
LARGE = ("torch", "transformers", "accelerate", "diffusers", "pillow", "numpy")
SMALL = ("requests", "rich", "pillow", "numpy", "pydantic", "fastapi")


def against_uv(folder: Path, runs: int) -> Row:
    ours, theirs = in_turn(_ours(LARGE, folder), _uv(LARGE, folder), runs)
    return Row(
        name=f"Python packages: {_words(LARGE, folder)}",
        ours=ours,
        other="`uv pip compile --generate-hashes`",
        theirs=theirs,
        at_most=1.3,
    )


def against_pip_compile(folder: Path) -> Row:
    """One run: pip-compile takes a minute."""
    ours, theirs = in_turn(_ours(SMALL, folder), _pip_compile(SMALL, folder), 1)
    return Row(
        name=f"Python packages: {_words(SMALL, folder)}",
        ours=ours,
        other="`pip-compile --generate-hashes`",
        theirs=theirs,
        at_most=0.1,
    )


def _words(packages: tuple[str, ...], folder: Path) -> str:
    return f"{', '.join(packages)}; {len(_ours(packages, folder)())} in all"


def _ours(packages: tuple[str, ...], folder: Path):
    """Resolve and check, as `cog lock` does."""
    build = Build(python_version=HERE, python_packages=packages, gpu=True)
    given = {"glibc": GLIBC, "settings": Settings.from_environment(), "report": Silent()}

    def work():
        wheels = resolve_python(build, folder, PLATFORM, **given).wheels
        check_closure(wheels, build, folder, PLATFORM, **given)
        return wheels

    return work


def _uv(packages: tuple[str, ...], folder: Path):
    (folder / "uv.in").write_text("\n".join(packages))
    command = [
        uv_binary(),
        *compile_arguments(target_for(HERE, PLATFORM, GLIBC)),
        "--generate-hashes",
        "uv.in",
    ]
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _pip_compile(packages: tuple[str, ...], folder: Path):
    (folder / "pip.in").write_text("\n".join(packages))
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras"]
    command += ["--allow-unsafe", "--pip-args", "--only-binary :all:", "--dry-run", "--no-config", "pip.in"]
    own = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True, env=own)
