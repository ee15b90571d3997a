"""The measuring: two projects, built and pushed by both sides in turn, so that a busy moment meets both."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.build import cog_shape
from benchmarks.build.sides import BASE, Cogs, Ours, Side, run, timed

if TYPE_CHECKING:
    from benchmarks.build.registry import Registry

LIGHT = ("numpy==2.4.6", "pillow==13.0.0", "requests==2.34.2", "pyyaml==6.0.3", "tqdm==4.70.1")
# Another project, with the same heavy package.
OTHER = ("numpy==2.4.6", "rich==15.0.0")
BEFORE, AFTER = "six==1.16.0", "six==1.17.0"
FALLBACK = "tensorflow-cpu==2.21.0"
# The least of some runs is what a build costs; what is above it is others' work on the machine.
COLD, LINES = 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The heavy package: a wheel's path or a requirement, and the module that it brings."""

    source: str | Path
    module: str

    @property
    def shown(self) -> str:
        return self.source.name if isinstance(self.source, Path) else self.source


@dataclass(slots=True, kw_only=True)
class Measured:
    """One side's figures: seconds, bytes, and the digest of the largest layer where both projects have it."""

    cold: float = float("inf")
    image: int = 0
    second: int = 0
    lock: float = 0.0
    bump: float = 0.0
    bump_bytes: int = 0
    bump_push: float = 0.0
    line: float = float("inf")
    line_bytes: int = 0
    shared: str | None = None


class Run:
    """One side, its two projects and what was measured so far."""

    def __init__(self, kind: type[Side], base: str, package: Package, folder: Path, to: Registry) -> None:
        self.to, self.found = to, Measured()
        self.image = f"{to.address}/{kind.__name__.lower()}"
        folder.mkdir()
        self.first = kind(folder / "first", package.source, package.module)
        self.project = kind(folder / "project", package.source, package.module)
        run("docker", "tag", base, f"{self.image}:base", folder=folder)
        self.push("base")
        self.below = to.layers(f"{self.image}:base")

    def push(self, tag: str) -> tuple[float, int]:
        """Push an image; return the seconds, and the bytes that the registry had not got."""
        before = self.to.blobs()
        with timed() as taken:
            run("docker", "push", "--quiet", f"{self.image}:{tag}", folder=self.to.store.parent)
        return taken.value, sum(size for digest, size in self.to.blobs().items() if digest not in before)

    def warm_up(self) -> None:
        """Build the first project: it downloads what the caches lack, and isn't measured."""
        self.first.require((*OTHER, BEFORE))
        self.first.build(f"{self.image}:first")
        self.push("first")
        self.project.require((*LIGHT, BEFORE))

    def build_cold(self) -> None:
        with timed() as taken:
            self.project.build(f"{self.image}:cold", "--no-cache")
        self.found.cold = min(self.found.cold, taken.value)

    def push_second(self) -> None:
        self.found.second = self.push("cold")[1]
        first, second = (self.to.layers(f"{self.image}:{tag}") for tag in ("first", "cold"))
        self.found.image = sum(size for digest, size in second.items() if digest not in self.below)
        largest = max(first, key=lambda digest: first[digest])
        self.found.shared = largest if largest in second else None

    def bump(self) -> None:
        with timed() as taken:
            self.project.require((*LIGHT, AFTER))
        self.found.lock = taken.value
        with timed() as taken:
            self.project.build(f"{self.image}:bumped")
        self.found.bump = taken.value
        self.found.bump_push, self.found.bump_bytes = self.push("bumped")

    def change_line(self, number: int) -> None:
        self.project.write_code(number)
        with timed() as taken:
            self.project.build(f"{self.image}:line")
        self.found.line = min(self.found.line, taken.value)

    def push_line(self) -> None:
        self.found.line_bytes = self.push("line")[1]


def measure(package: Package, folder: Path, to: Registry) -> tuple[Measured, Measured]:
    """Measure ours and Cog's, step by step in turn."""
    Cogs.prepare(folder)
    run("docker", "pull", "--quiet", BASE, folder=folder)
    sides = (
        Run(Ours, BASE, package, folder / "ours", to),
        Run(Cogs, cog_shape.PYTHON, package, folder / "theirs", to),
    )
    for side in sides:
        side.warm_up()
    for _ in range(COLD):
        for side in sides:
            side.build_cold()
    for side in sides:
        side.push_second()
    for side in sides:
        side.bump()
    for number in range(2, 2 + LINES):
        for side in sides:
            side.change_line(number)
    for side in sides:
        side.push_line()
    return sides[0].found, sides[1].found


def heavy_package(wheel: Path | None) -> Package:
    """Return this wheel, else a torch of the folder that pip is configured with, else what any index has."""
    if wheel is None:
        told = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.find-links"],
            capture_output=True,
            text=True,
            check=False,
        )
        folders = [os.environ.get("PIP_FIND_LINKS", ""), *told.stdout.split()]
        found = (wheel for folder in folders if folder for wheel in Path(folder).glob("torch-*-cp311-*.whl"))
        wheel = next(found, None)
    return (
        Package(source=wheel.resolve(), module="torch") if wheel else Package(source=FALLBACK, module="tensorflow")
    )
