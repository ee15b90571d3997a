"""Whether a lock gives one image: builds it several times from scratch and compares, bit for bit."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.engine import build, buildx, docker, layers, secret
from cogfreeze.engine.differences import differences, settings
from cogfreeze.errors import BuildError
from cogfreeze.recipe import layout
from cogfreeze.recipe.stages import SYSTEM
from cogfreeze.report import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.engine.buildx import Options
    from cogfreeze.engine.differences import Difference
    from cogfreeze.engine.docker import Docker
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report


# With `varied`, what the last build's commands see as the host name, and the umask of its context.
_HOST = "elsewhere"
_UMASK = 0o077
# The size of /dev/shm, which differs from build to build: the engine shares a step that two builds have in common
# and that runs at the moment, in spite of `--no-cache`, and no command depends on a few pages more or less.
_SHM_SIZE, _PAGE = 64 * 1024 * 1024, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of several builds.

    Attributes:
        digests: of the platform's manifest, one per build.
        layers: the diff IDs of the layers, one tuple per build.
        differences: the files that differ.
        settings: the parts of the images' configuration that differ, as key paths.
        engine: the releases that built.
        varied: whether the last build had other conditions.
        system_only: whether only the step with the system packages was built; the digests are not an image's then.
    """

    digests: tuple[str, ...]
    layers: tuple[tuple[str, ...], ...]
    differences: tuple[Difference, ...]
    settings: tuple[str, ...]
    engine: str
    varied: bool
    system_only: bool = False

    @property
    def equal(self) -> bool:
        """Whether all builds gave the same image, bit for bit."""
        return len(set(self.digests)) == 1

    @property
    def only_compression(self) -> bool:
        """Whether the builds differ only in how their layers are compressed."""
        return not self.equal and len(set(self.layers)) == 1 and not self.settings


def verify(
    recipe: Recipe,
    files: Mapping[str, Path],
    project: Path,
    options: Options,
    report: Report,
    *,
    times: int = 2,
    varied: bool = False,
    prune: bool = False,
    system_only: bool = False,
) -> Verdict:
    """Build several times without a cache and compare.

    Args:
        times: how often to build, at least twice.
        varied: the last build has its context at another path, with another umask, other modes and file times; its
            commands see another host name, and the engine's build cache is emptied first.
        prune: empty the engine's build cache, which all projects share, before each build.
        system_only: build only the step with the system packages, where most differences arise.

    Raises:
        ToolMissing, UsageError, IntegrityError
        BuildError: a step failed, or the engine reused a step of another build.
    """
    if system_only:
        recipe = _system_step(recipe)
    secret.check(recipe, options.secrets)
    engine = docker.find()
    if options.progress == "tty":  # buildx's own display doesn't tell when a step began
        options = replace(options, progress="auto")
    with build.build_folder(project, report) as place:
        scratch = Path(tempfile.mkdtemp(prefix=build.VERIFYING, dir=place.parent))
        try:
            made = []
            for number in range(1, times + 1):
                other = varied and number == times
                folder = scratch / ("somewhere/else/altogether" if other else str(number))
                with _umask(_UMASK if other else None):
                    said = report if number == 1 else Silent()
                    build.write_contexts(recipe, files, project, folder, said, link=False)
                secret.refuse_in_image(options.secrets, project, folder / "context")
                if other:
                    _disguise(folder / "context")
                if prune or other:
                    _prune(engine, report)
                asked = replace(
                    options,
                    no_cache=True,
                    hostname=_HOST if other else None,
                    shm_size=_SHM_SIZE + _PAGE * (1 + secrets.randbelow(4096)),
                )
                with report.step(f"building from scratch, {number} of {times}"):
                    made.append(_exported(engine, recipe, folder, asked, report, compressed=not system_only))
            digests = tuple(map(layers.manifest_digest, made))
            same = len(set(digests)) == 1
            return Verdict(
                digests=digests,
                layers=tuple(map(layers.diff_ids, made)),
                differences=() if same else differences(recipe, made),
                settings=() if same else _settings(made),
                engine=engine.release,
                varied=varied,
                system_only=system_only,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _system_step(recipe: Recipe) -> Recipe:
    """Return the recipe of the stage with the system packages alone."""
    return replace(
        recipe,
        stages=tuple(stage for stage in recipe.stages if stage.name in (layout.DEBS, SYSTEM)),
        downloads=tuple(each for each in recipe.downloads if each.stage == layout.DEBS),
    )


def _settings(made: list[Path]) -> tuple[str, ...]:
    return tuple(sorted({key for other in made[1:] for key in settings(made[0], other)}))


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


def _exported(
    engine: Docker, recipe: Recipe, folder: Path, options: Options, report: Report, *, compressed: bool
) -> Path:
    """Build to an OCI layout folder, and make sure that every step ran in this build."""
    target = folder / "image"
    output = buildx.layout(target) + ("" if compressed else ",compression=uncompressed")
    made = buildx.run(engine, recipe, folder, options, report, names=(), outputs=(output,))
    if made.reused:
        raise BuildError(
            f"no verdict: the engine took a step from another build: {', '.join(made.reused)}",
            hint="run `cog verify` again when no other build is running",
        )
    return target


def _disguise(context: Path) -> None:
    """Make a context look like another person's checkout, at another time."""
    now = time.time()
    for path in context.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path, (now, now))


def _prune(engine: Docker, report: Report) -> None:
    with report.step("emptying the build cache"):
        # `docker builder prune` would empty the cache of the builder that `docker buildx use` chose.
        engine.ask(["buildx", "prune", f"--builder={engine.builder}", "--all", "--force"], seconds=None)
