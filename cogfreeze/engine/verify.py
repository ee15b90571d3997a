"""Whether a lock gives one image: built twice from nothing, and compared."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.engine import build, buildx, docker, layers, secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.engine.buildx import Options
    from cogfreeze.engine.docker import Docker
    from cogfreeze.engine.layers import Difference
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report


# What the second build's commands see as their host's name, and the umask that its context is written under.
_HOST = "elsewhere"
_UMASK = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What two builds gave.

    Attributes:
        digests: of the platform's manifest, one a build.
        layers: the diff IDs of the layers, of each build.
        differences: the files that differ.
        settings: the parts of the images' configuration that differ, as key paths.
        engine: the releases that built.
        varied: whether the circumstances differed.
    """

    digests: tuple[str, str]
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    differences: tuple[Difference, ...]
    settings: tuple[str, ...]
    engine: str
    varied: bool

    @property
    def equal(self) -> bool:
        """Whether the two are one image, bit for bit."""
        return self.digests[0] == self.digests[1]

    @property
    def only_compression(self) -> bool:
        """Whether the two differ in nothing but how their layers are compressed."""
        return not self.equal and self.layers[0] == self.layers[1] and not self.settings


def verify(
    recipe: Recipe,
    files: Mapping[str, Path],
    project: Path,
    options: Options,
    report: Report,
    *,
    varied: bool = False,
    prune: bool = False,
) -> Verdict:
    """Build twice without any cache and compare.

    Args:
        varied: the second build has its context at another path, written under another umask, with other modes
            and file times; its commands see another host name, and the engine's build cache is emptied first.
        prune: empty the engine's build cache before each build; it is all projects' cache.

    Raises:
        ToolMissing, UsageError, IntegrityError, BuildError
    """
    secret.check(recipe, options.secrets)
    engine = docker.find()
    with build.build_folder(project, report) as place:
        scratch = Path(tempfile.mkdtemp(prefix=build.VERIFYING, dir=place.parent))
        places = (scratch / "first", scratch / ("somewhere/else/altogether" if varied else "second"))
        try:
            made = []
            for number, folder in enumerate(places, start=1):
                other = varied and number == 2
                with _umask(_UMASK if other else None):
                    build.write_contexts(recipe, files, project, folder, report, link=False)
                secret.refuse_in_image(options.secrets, project, folder / "context")
                if other:
                    _disguise(folder / "context")
                if prune or other:
                    _prune(engine, report)
                asked = replace(options, no_cache=True, hostname=_HOST if other else None)
                with report.step(f"building from scratch, {number} of 2"):
                    made.append(_exported(engine, recipe, folder, asked, report))
            digests = (layers.manifest_digest(made[0]), layers.manifest_digest(made[1]))
            same = digests[0] == digests[1]
            return Verdict(
                digests=digests,
                layers=(layers.diff_ids(made[0]), layers.diff_ids(made[1])),
                differences=() if same else layers.differences(recipe, *made),
                settings=() if same else layers.settings(*made),
                engine=engine.release,
                varied=varied,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _umask(mask: int | None) -> Iterator[None]:
    if mask is None:
        yield
        return
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _exported(engine: Docker, recipe: Recipe, folder: Path, options: Options, report: Report) -> Path:
    layout = folder / "image"
    buildx.run(engine, recipe, folder, options, report, names=(), outputs=(buildx.layout(layout),))
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
        # `docker builder prune` would empty the cache of whichever builder was chosen by `docker buildx use`.
        engine.ask(["buildx", "prune", f"--builder={engine.builder}", "--all", "--force"], seconds=None)
