"""Whether a lock gives one image: built twice from nothing, under different circumstances, and compared."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.engine import build, buildx, docker, layers, secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogfreeze.engine.buildx import Options
    from cogfreeze.engine.docker import Docker
    from cogfreeze.engine.layers import Difference
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What two builds gave.

    Attributes:
        digests: of the platform's manifest, one a build.
        layers: the diff IDs of the first build's layers.
        differences: the files that differ; empty where only compression or metadata do.
        engine: the releases that built.
    """

    digests: tuple[str, str]
    layers: tuple[str, ...]
    differences: tuple[Difference, ...]
    engine: str

    @property
    def equal(self) -> bool:
        """Whether the two are one image, bit for bit."""
        return self.digests[0] == self.digests[1]


def verify(
    recipe: Recipe,
    files: Mapping[str, Path],
    project: Path,
    options: Options,
    report: Report,
    *,
    prune: bool = False,
) -> Verdict:
    """Build twice without any cache and compare.

    The second build has its context at another path, under another umask, with other file times, and its
    commands see another host name.

    Args:
        prune: empty the engine's build cache before each build; it is all projects' cache.

    Raises:
        ToolMissing, UsageError, IntegrityError, BuildError
    """
    secret.check(recipe, options.secrets)
    engine = docker.find()
    with build.workplace(project) as place:
        scratch = Path(tempfile.mkdtemp(prefix="verify-", dir=place.parent))
        try:
            first, second = scratch / "first", scratch / "the-second-somewhere-else"
            build.lay_out(recipe, files, project, first, report, link=False)
            build.lay_out(recipe, files, project, second, report, link=False)
            _disguise(second / "context")
            made = []
            for number, (folder, host) in enumerate(((first, None), (second, "elsewhere")), start=1):
                if prune:
                    _prune(engine, report)
                varied = replace(options, no_cache=True, hostname=host)
                with report.step(f"building from nothing, {number} of 2"):
                    made.append(_exported(engine, recipe, folder, varied, report))
            digests = (layers.manifest_digest(made[0]), layers.manifest_digest(made[1]))
            return Verdict(
                digests=digests,
                layers=layers.diff_ids(made[0]),
                differences=() if digests[0] == digests[1] else layers.differences(recipe, *made),
                engine=engine.release,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _exported(engine: Docker, recipe: Recipe, folder: Path, options: Options, report: Report) -> Path:
    layout = folder / "image"
    output = f"type=oci,tar=false,dest={layout}"
    buildx.run(engine, recipe, folder, options, report, names=(), outputs=(output,))
    return layout


def _disguise(context: Path) -> None:
    """Make a context look as if somebody else had checked it out, at another time."""
    now = time.time()
    for path in context.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path, (now, now))


def _prune(engine: Docker, report: Report) -> None:
    with report.step("emptying the build cache"):
        engine.ask(["builder", "prune", "--all", "--force"], seconds=None)
