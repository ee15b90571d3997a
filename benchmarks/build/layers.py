"""What a rebuild costs and has to push: `cog build` against the Dockerfile that Cog generates, in one run.

    python benchmarks/build/layers.py [--wheel torch.whl]

Needs the engine of CONTRIBUTING.md. The project has a CPU torch, given as a local wheel, beside small packages;
one of those is bumped, then a line of code is changed. Cog's side is the shape of its generated Dockerfile: one
`RUN pip install` of all requirements with a cache mount, then `COPY . /src`. The wheel is handed to it by a mount,
so that it is in no layer of its own. Prints one JSON object; a goal that is missed makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COG = [sys.executable, "-m", "cogfreeze.cli.main"]
BASE = "python:3.11-slim-bookworm"
SMALL = ("numpy", "pillow", "requests", "pyyaml", "tqdm")
BEFORE, AFTER = "six==1.16.0", "six==1.17.0"
PREDICT = """\
import torch
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, x: float) -> float:
        return float(torch.tensor(x) * {factor})
"""
# The base has no pip here, as the official image has: it is put in first, and costs neither side anything.
COGS_SHAPE = """\
FROM {base} AS base
RUN python -m ensurepip && ln -sf pip3 /usr/local/bin/pip
FROM base
ENV DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=ca \\
    --mount=type=bind,source={wheel},target=/mnt/{wheel} \\
    [ ! -e /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \\
    pip install --root-user-action=ignore --cache-dir /root/.cache/pip /mnt/{wheel} -r /tmp/requirements.txt
WORKDIR /src
EXPOSE 5000
CMD ["python", "-m", "cog.server.http"]
COPY predict.py /src/
"""


def run(*words: str, folder: Path) -> str:
    answer = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{' '.join(words)}\n{answer.stderr}")
    return answer.stdout


def blobs(layout: Path) -> dict[str, int]:
    """Return the compressed layers of an exported image: digest → bytes."""
    index = json.loads((layout / "index.json").read_text())
    manifest = layout / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    return {layer["digest"]: layer["size"] for layer in json.loads(manifest.read_text())["layers"]}


class Side:
    """One way of building the project."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(wheel, folder)
        self.wheel = wheel.name
        self.code(2)

    def code(self, factor: int) -> None:
        (self.folder / "predict.py").write_text(PREDICT.format(factor=factor))

    def timed(self, *words: str) -> float:
        begun = time.perf_counter()
        self.build(*words)
        return time.perf_counter() - begun

    def layers(self) -> dict[str, int]:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as scratch:
            self.export(Path(scratch) / "image")
            return blobs(Path(scratch) / "image")

    def build(self, *words: str) -> None:
        raise NotImplementedError

    def export(self, layout: Path) -> None:
        raise NotImplementedError


class Ours(Side):
    name = "cogfreeze"

    def require(self, pin: str) -> None:
        packages = "".join(f"    - {each}\n" for each in (f"./{self.wheel}", *SMALL, pin))
        (self.folder / "cog.yaml").write_text(
            f'build:\n  python_version: "3.11"\n  python_packages:\n{packages}predict: predict.py:Predictor\n'
        )
        (self.folder / ".dockerignore").write_text("*.whl\n")
        run(*COG, "lock", folder=self.folder)

    def build(self, *words: str) -> None:
        run(*COG, "build", "--syntax", "builtin", "-t", "bench-ours", *words, folder=self.folder)

    def export(self, layout: Path) -> None:
        output = f"type=oci,tar=false,dest={layout}"
        run(*COG, "build", "--syntax", "builtin", "--output", output, folder=self.folder)


class Cogs(Side):
    name = "cog's shape"

    def require(self, pin: str) -> None:
        (self.folder / "requirements.txt").write_text("".join(f"{each}\n" for each in (*SMALL, pin)))
        (self.folder / "Dockerfile").write_text(COGS_SHAPE.format(base=BASE, wheel=self.wheel))
        (self.folder / "Dockerfile.dockerignore").write_text("Dockerfile*\n")

    def build(self, *words: str) -> None:
        self._buildx("--output=type=image,name=bench-cog", *words)

    def export(self, layout: Path) -> None:
        self._buildx(f"--output=type=oci,tar=false,dest={layout}")

    def _buildx(self, *words: str) -> None:
        ca = os.environ.get("SSL_CERT_FILE")
        secret = (f"--secret=id=ca,src={ca}",) if ca else ()
        run(
            *("docker", "buildx", "build", "--provenance=false", "--network=host"),
            *(*secret, *words, "."),
            folder=self.folder,
        )


def measured(side: Side) -> dict[str, float]:
    """Measure one side: cold, after a bumped package, after a changed line of code."""
    side.require(BEFORE)
    side.build()  # downloads are in the caches from here on
    row = {"cold_seconds": side.timed("--no-cache")}
    before = side.layers()
    side.require(AFTER)
    row["bump_seconds"] = side.timed()
    after = side.layers()
    row["bump_bytes"] = sum(size for digest, size in after.items() if digest not in before)
    side.code(3)
    row["code_seconds"] = side.timed()
    changed = side.layers()
    row["code_bytes"] = sum(size for digest, size in changed.items() if digest not in after)
    row["image_bytes"] = sum(changed.values())
    return {key: round(value, 1) for key, value in row.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="a CPU torch wheel (default: the one of PIP_FIND_LINKS)")
    wheel = parser.parse_args().wheel or next(Path(os.environ["PIP_FIND_LINKS"]).glob("torch-*.whl"))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        rows = {side.name: measured(side(Path(scratch) / side.__name__, wheel)) for side in (Ours, Cogs)}
    ours, cogs = rows["cogfreeze"], rows["cog's shape"]
    goals = {
        "bytes to push after a bump, at least 100 times fewer": cogs["bump_bytes"] / ours["bump_bytes"] >= 100,
        "rebuild after a bump, at least 5 times faster": cogs["bump_seconds"] / ours["bump_seconds"] >= 5,
        "rebuild after a changed line, in 2 s": ours["code_seconds"] <= 2,
        "cold build, no slower": ours["cold_seconds"] <= cogs["cold_seconds"],
        "image, no larger": ours["image_bytes"] <= cogs["image_bytes"],
    }
    print(json.dumps({"wheel": wheel.name, "rows": rows, "goals": goals}, indent=2))
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
