"""Building an image from a lock.

The files of the lock are fetched on this machine, with its proxies, certificates and credentials, and handed
over as named build contexts in place of the recipe's fetch stages. The engine checks every hash again.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.engine import buildx, context, docker, layers, secret
from cogfreeze.engine import record as recorded
from cogfreeze.errors import NotReproducible
from cogfreeze.lock.model import ImageRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.engine.buildx import Options
    from cogfreeze.engine.docker import Docker
    from cogfreeze.recipe.model import Recipe
    from cogfreeze.report import Report

# Below the project's folder; everything in it can be made again.
FOLDER = ".cog/build"
# Beside it, for as long as one build takes.
VERIFYING, RECORDING = _SCRATCH = ("verify-", "record-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """What a build made.

    Attributes:
        names: the image's names; empty for other outputs.
        digest: of the platform's manifest; None where the engine's store does not keep manifests, or an output is
            no image (`type=local`).
        config: digest of its configuration; None for an output that is no image.
        layers: the diff IDs of its layers; empty for other outputs.
        engine: the releases that made it: another one may compress layers otherwise.
        frontend: the pinned Dockerfile frontend that was used; None for the engine's own.
        reproducible: False where a command had the network.
        record: how it stands to the image that the lock records, as `record.compare` says it; None without one.
    """

    names: tuple[str, ...]
    digest: str | None
    config: str | None
    layers: tuple[str, ...]
    engine: str
    frontend: str | None
    reproducible: bool
    record: str | None = None


def build(
    recipe: Recipe,
    files: Mapping[str, Path],
    project: Path,
    options: Options,
    report: Report,
    *,
    names: tuple[str, ...],
    outputs: tuple[str, ...] = (),
    expect: str | None = None,
    record: ImageRecord | None = None,
) -> BuiltImage:
    """Build a recipe's image. Whatever fails, or an interrupt, leaves every name as it was.

    Args:
        files: where each download of the recipe is on this machine, by sha256.
        project: the folder that holds the declaration.
        names: what the image is called in the engine's store.
        outputs: buildx's outputs, in place of an image in the engine's store.
        expect: the digest that the image must have.
        record: the image that the lock records; one that is made from the same files must be it.

    Raises:
        ToolMissing: no engine answers.
        UsageError: a secret is missing.
        IntegrityError: a file is not the one that was locked.
        NotReproducible: the digest is not the expected one.
        NotRecorded: the image is not the recorded one.
        BuildError: a step failed.
    """
    secret.check(recipe, options.secrets)
    engine = docker.find(options.builder)
    with workplace(project, report) as folder:
        lay_out(recipe, files, project, folder, report)
        secret.require_outside(options.secrets, project, folder / "context")
        if record and record.made_from != recorded.made_from(recipe, folder / "context"):
            record, standing = None, recorded.OTHER_FILES
        else:
            standing = None
        if outputs:
            made = buildx.run(engine, recipe, folder, options, report, names=(), outputs=outputs)
            return _held(recipe, _built(engine, recipe, made, ()), expect, record, standing)
        if expect is None and record is None:
            made = buildx.run(engine, recipe, folder, options, report, names=names, outputs=(buildx.STORE,))
            return _held(recipe, _built(engine, recipe, made, names), None, None, standing)
        # Named only once it is known to be the expected one.
        temporary = f"cog-expected:{secrets.token_hex(8)}"
        made = buildx.run(engine, recipe, folder, options, report, names=(temporary,), outputs=(buildx.STORE,))
        try:
            image = _held(recipe, _built(engine, recipe, made, (temporary,)), expect, record, standing)
            for name in names:
                engine.ask(["tag", temporary, name])
        finally:
            engine.ask(["rmi", temporary])
        return replace(image, names=names)


def record(
    recipe: Recipe, files: Mapping[str, Path], project: Path, options: Options, report: Report
) -> ImageRecord:
    """Build a recipe's image as an export that is thrown away, and return what later builds are held to.

    Raises:
        NotReproducible: a command may use the network.
        ToolMissing, UsageError, IntegrityError, BuildError: as `build`.
    """
    if not recipe.reproducible:
        raise NotReproducible(
            "a command may use the network, so the same files may give another image: there is nothing to record",
            hint="give the command its files by `inputs:` and take `network: true` away",
        )
    secret.check(recipe, options.secrets)
    engine = docker.find()
    with workplace(project, report) as folder:
        lay_out(recipe, files, project, folder, report)
        secret.require_outside(options.secrets, project, folder / "context")
        with tempfile.TemporaryDirectory(prefix=RECORDING, dir=folder.parent) as scratch:
            layout = Path(scratch) / "image"
            made = buildx.run(engine, recipe, folder, options, report, names=(), outputs=(buildx.layout(layout),))
            return ImageRecord(
                made_from=recorded.made_from(recipe, folder / "context"),
                digest=layers.manifest_digest(layout),
                layers=layers.diff_ids(layout),
                engine=engine.release,
                frontend=made.frontend,
            )


@contextmanager
def workplace(project: Path, report: Report) -> Iterator[Path]:
    """The folder for builds of this project, for one build at a time."""
    folder = project / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / ".gitignore").write_text("*\n")
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.note("another build of this project runs: waiting for its end")
            fcntl.flock(file, fcntl.LOCK_EX)
        # A build that was killed could not remove its own.
        for left in (path for kind in _SCRATCH for path in folder.parent.glob(f"{kind}*")):
            shutil.rmtree(left, ignore_errors=True)
        yield folder


def lay_out(
    recipe: Recipe, files: Mapping[str, Path], project: Path, folder: Path, report: Report, *, link: bool = True
) -> None:
    """Write the context and the named contexts of a build below `folder`.

    Args:
        link: let the project's large files and the context share their bytes.
    """
    context.write(recipe, folder / "context", project=project, report=report, link=link, fetched=True)
    for stage in {download.stage for download in recipe.downloads}:
        shutil.rmtree(folder / stage, ignore_errors=True)
    for download in recipe.downloads:
        target = folder / download.stage / download.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(files[download.source.sha256])
        except OSError:
            shutil.copy2(files[download.source.sha256], target)


def _built(engine: Docker, recipe: Recipe, made: buildx.Made, names: tuple[str, ...]) -> BuiltImage:
    return BuiltImage(
        names=names,
        # An export has its manifest, whatever the engine's store keeps.
        digest=made.digest if engine.keeps_manifests or not names else None,
        config=made.config,
        layers=tuple(engine.inspect(names[0])["RootFS"]["Layers"]) if names else (),
        engine=engine.release,
        frontend=made.frontend,
        reproducible=recipe.reproducible,
    )


def _held(
    recipe: Recipe, image: BuiltImage, expect: str | None, record: ImageRecord | None, standing: str | None
) -> BuiltImage:
    """Hold an image to what it must be."""
    if expect is not None and image.digest != expect:
        raise NotReproducible(
            f"the image's digest is {image.digest or 'unknown to this engine'}, expected {expect}",
            hint=f"it was built by {image.engine}; another release may compress layers otherwise",
        )
    if record:
        standing = recorded.compare(
            record,
            recipe,
            digest=image.digest,
            diff_ids=image.layers,
            engine=image.engine,
            frontend=image.frontend,
        )
    return replace(image, record=standing)
