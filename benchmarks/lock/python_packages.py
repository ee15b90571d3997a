"""How long the Python part of `cog lock` takes, against uv and pip-compile on the same requirements, in one run.

    python benchmarks/lock/python_packages.py [--runs 7] [--pip-compile]

Everything is warm: each tool has resolved the set once before it is timed. Prints one JSON object; a ratio that
misses its bound makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve import python, uv
from cogfreeze.resolve.wheels import target
from cogfreeze.settings import Settings

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
GLIBC = (2, 36)
LARGE = ("torch", "transformers", "accelerate", "diffusers", "pillow", "numpy")
SMALL = ("requests", "rich", "pillow", "numpy", "pydantic", "fastapi")
BOUNDS = {"uv": 1.3, "pip-compile": 0.1}


def seconds(work, runs: int) -> float:
    """Return the median of some runs, after one that doesn't count."""
    work()
    measured = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        measured.append(time.perf_counter() - begun)
    return statistics.median(measured)


def ours(packages: tuple[str, ...], folder: Path):
    build = Build(python_version=HERE, python_packages=packages, gpu=True)
    settings = Settings.from_environment()
    return lambda: python.resolve(build, folder, PLATFORM, glibc=GLIBC, settings=settings, report=Silent())


def of_uv(packages: tuple[str, ...], folder: Path):
    (folder / "uv.in").write_text("\n".join(packages))
    command = [uv.binary(), *uv.compile_arguments(target(HERE, PLATFORM, GLIBC)), "--generate-hashes", "uv.in"]
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)


def of_pip_compile(packages: tuple[str, ...], folder: Path):
    (folder / "pip.in").write_text("\n".join(packages))
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras"]
    command += ["--allow-unsafe", "--pip-args", "--only-binary :all:", "--dry-run", "--no-config", "pip.in"]
    own = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True, env=own)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pip-compile", action="store_true", help="against pip-compile too, which takes minutes")
    arguments = parser.parse_args()
    told: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = {"uv": (LARGE, of_uv, arguments.runs)}
        if arguments.pip_compile:
            theirs["pip-compile"] = (SMALL, of_pip_compile, 1)
        for tool, (packages, made, runs) in theirs.items():
            own, other = seconds(ours(packages, folder), runs), seconds(made(packages, folder), runs)
            told[tool] = {"cogfreeze": round(own, 3), tool: round(other, 3), "ratio": round(own / other, 3)}
    print(json.dumps(told, indent=2))
    return int(any(each["ratio"] > BOUNDS[tool] for tool, each in told.items()))


if __name__ == "__main__":
    sys.exit(main())
