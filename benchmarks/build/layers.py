"""What a rebuild costs and what it has to push: `cog build` against the Dockerfile that Cog generates, in one run.

    python -m benchmarks.build.layers [--wheel torch.whl] [--write]

Needs the engine of CONTRIBUTING.md, and Debian's `docker-registry`. Both sides build the same two projects: a
heavy package (a CPU torch, where pip is configured with a folder that has one, else `tensorflow-cpu`) beside light
ones. Then one light package of the second is bumped, then a line of its code is changed; each image is pushed to a
registry that has the base alone. Prints a table and what misses its goal, which makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.build import registry, table
from benchmarks.build.sides import BASE, Cogs, Ours, Side, run, timed

if TYPE_CHECKING:
    from benchmarks.build.registry import Registry

LIGHT = ("numpy==2.4.6", "pillow==13.0.0", "requests==2.34.2", "pyyaml==6.0.3", "tqdm==4.70.1")
# Another project, with the same heavy package.
OTHER = ("numpy==2.4.6", "rich==15.0.0")
BEFORE, AFTER = "six==1.16.0", "six==1.17.0"
FALLBACK = "tensorflow-cpu==2.21.0"
# A changed line is built in moments, so the median of some is taken.
LINES = 5


@dataclass(slots=True, kw_only=True)
class Measured:
    """One side's figures: seconds, bytes above the base image, the largest layer of each project."""

    cold: float = 0.0
    image: int = 0
    other_bytes: int = 0
    lock: float = 0.0
    bump: float = 0.0
    bump_bytes: int = 0
    bump_push: float = 0.0
    line: float = 0.0
    line_bytes: int = 0
    heaviest: list[str] = field(default_factory=list)

    @property
    def shared(self) -> bool:
        """Whether both projects have their largest layer in common."""
        return len(set(self.heaviest)) == 1


def push(name: str, to: Registry) -> tuple[float, int]:
    """Push an image; return the seconds, and the bytes that the registry had not got."""
    before = to.blobs()
    with timed() as taken:
        run("docker", "push", "--quiet", name, folder=to.store.parent)
    return taken.value, sum(size for digest, size in to.blobs().items() if digest not in before)


def measure(kind: type[Side], folder: Path, heavy: str | Path, module: str, to: Registry) -> Measured:
    """Build and push both projects of one side, and the changes of the second."""
    found, known = Measured(), set(to.blobs())
    name = f"{to.address}/{kind.__name__.lower()}"
    folder.mkdir()
    first = kind(folder / "first", heavy, module)
    first.require((*OTHER, BEFORE))
    first.build(f"{name}:first")  # downloads what the caches lack, and isn't measured
    push(f"{name}:first", to)
    found.heaviest.append(_heaviest(to.layers(f"{name}:first")))

    project = kind(folder / "project", heavy, module)
    project.require((*LIGHT, BEFORE))
    with timed() as taken:
        project.build(f"{name}:cold", "--no-cache")
    found.cold = taken.value
    found.other_bytes = push(f"{name}:cold", to)[1]
    layers = to.layers(f"{name}:cold")
    found.image = sum(size for digest, size in layers.items() if digest.partition(":")[2] not in known)
    found.heaviest.append(_heaviest(layers))

    with timed() as taken:
        project.require((*LIGHT, AFTER))
    found.lock = taken.value
    with timed() as taken:
        project.build(f"{name}:bumped")
    found.bump = taken.value
    found.bump_push, found.bump_bytes = push(f"{name}:bumped", to)

    seconds = []
    for number in range(2, 2 + LINES):
        project.write_code(number)
        with timed() as taken:
            project.build(f"{name}:line")
        seconds.append(taken.value)
    found.line, found.line_bytes = statistics.median(seconds), push(f"{name}:line", to)[1]
    return found


def _heaviest(layers: dict[str, int]) -> str:
    return max(layers, key=lambda digest: layers[digest])


def heavy_package(wheel: Path | None) -> tuple[str | Path, str]:
    """Return the heavy package and the module that it brings."""
    if wheel is None:
        told = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.find-links"],
            capture_output=True,
            text=True,
            check=False,
        )
        folders = [os.environ.get("PIP_FIND_LINKS", ""), *told.stdout.split()]
        wheels = (wheel for folder in folders if folder for wheel in Path(folder).glob("torch-*-cp311-*.whl"))
        wheel = next(wheels, None)
    return (wheel.resolve(), "torch") if wheel else (FALLBACK, "tensorflow")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheel", type=Path, help="a CPU torch wheel for CPython 3.11")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/build.md")
    arguments = parser.parse_args()
    heavy, module = heavy_package(arguments.wheel)
    begun, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, registry.running(Path(scratch)) as to:
        folder = Path(scratch)
        Cogs.prepare(folder)
        bases = {Ours: f"{to.address}/base:official", Cogs: f"{to.address}/base:pip"}
        run("docker", "pull", "--quiet", BASE, folder=folder)
        for source, name in ((BASE, bases[Ours]), ("bench-cog-python", bases[Cogs])):
            run("docker", "tag", source, name, folder=folder)
            push(name, to)
        ours = measure(Ours, folder / "ours", heavy, module, to)
        theirs = measure(Cogs, folder / "theirs", heavy, module, to)
        wheel = heavy.name if isinstance(heavy, Path) else heavy
        text = table.markdown(ours, theirs, wheel, load, time.perf_counter() - begun)
    print(text)
    if arguments.write:
        table.write(text)
    missed = [row.name for row in table.rows(ours, theirs) if not row.reached]
    for name in missed:
        print(f"goal missed: {name}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
