"""Building an image from a lock.

This machine downloads the lock's files, with its proxies, certificates and credentials, and passes them to the
engine as named build contexts that replace the recipe's fetch stages. The engine checks every hash again.
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

# Below the project's folder; safe to delete.
FOLDER = ".cog/build"
# Temporary folders beside it, removed after the build.
VERIFYING, RECORDING = _SCRATCH = ("verify-", "record-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """The result of a build.

    Attributes:
        names: the image's names; empty for other outputs.
        digest: of the platform's manifest; None if the engine's store keeps no manifests, or the output is not an
            image (`type=local`).
        config: digest of its configuration; None if the output is not an image.
        layers: the diff IDs of its layers; empty for other outputs.
        engine: the releases that built it. Another release may compress layers differently.
        frontend: the pinned Dockerfile frontend that was used; None for the engine's own.
        reproducible: False if a command had the network.
        record: how the image compares with the recorded one (see `record.compare`); None without a record.
        at_start: what is left out of the image and has to be created when a container starts.
    """

    names: tuple[str, ...]
    digest: str | None
    config: str | None
    layers: tuple[str, ...]
    engine: str
    frontend: str | None
    reproducible: bool
    record: str | None = None
    at_start: tuple[str, ...] = ()


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
    """Build a recipe's image. A failure or an interrupt leaves every image name unchanged.

    Args:
        files: the path of each download on this machine, by sha256.
        project: the folder of cog.yaml.
        names: the image's names in the engine's store.
        outputs: buildx outputs, instead of an image in the engine's store.
        expect: the digest that the image must have.
        record: the image that the lock records. An image made from the same files must equal it.

    Raises:
        ToolMissing: no engine is available.
        UsageError: a secret is missing.
        IntegrityError: a file doesn't have its locked hash.
        NotReproducible: the digest is not the expected one.
        NotRecorded: the image is not the recorded one.
        BuildError: a step failed.
    """
    secret.check(recipe, options.secrets)
    engine = docker.find(options.builder)
    with build_folder(project, report) as folder:
        write_contexts(recipe, files, project, folder, report)
        secret.refuse_in_image(options.secrets, project, folder / "context")
        if record and record.made_from != recorded.made_from(recipe, folder / "context"):
            record, status = None, recorded.OTHER_FILES
        else:
            status = None
        if outputs:
            made = buildx.run(engine, recipe, folder, options, report, names=(), outputs=outputs)
            return _checked(recipe, _built(engine, recipe, made, ()), expect, record, status)
        if expect is None and record is None:
            made = buildx.run(engine, recipe, folder, options, report, names=names, outputs=(buildx.STORE,))
            return _checked(recipe, _built(engine, recipe, made, names), None, None, status)
        # It gets its names only after the check.
        temporary = f"cog-expected:{secrets.token_hex(8)}"
        made = buildx.run(engine, recipe, folder, options, report, names=(temporary,), outputs=(buildx.STORE,))
        try:
            image = _checked(recipe, _built(engine, recipe, made, (temporary,)), expect, record, status)
            for name in names:
                engine.ask(["tag", temporary, name])
        finally:
            engine.ask(["rmi", temporary])
        return replace(image, names=names)


def record(
    recipe: Recipe, files: Mapping[str, Path], project: Path, options: Options, report: Report
) -> ImageRecord:
    """Build a recipe's image as a temporary export and return the record that later builds are compared with.

    Raises:
        NotReproducible: a command may use the network.
        ToolMissing, UsageError, IntegrityError, BuildError: as `build`.
    """
    if not recipe.reproducible:
        raise NotReproducible(
            "a command may use the network, so the same files may give another image: nothing to record",
            hint="lock the command's downloads with `inputs:` and remove `network: true`",
        )
    secret.check(recipe, options.secrets)
    engine = docker.find()
    with build_folder(project, report) as folder:
        write_contexts(recipe, files, project, folder, report)
        secret.refuse_in_image(options.secrets, project, folder / "context")
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
def build_folder(project: Path, report: Report) -> Iterator[Path]:
    """Lock and return the project's build folder: one build at a time."""
    folder = project / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / ".gitignore").write_text("*\n")
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.note("waiting for another build of this project to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        # A killed build leaves its temporary folders behind.
        for left in (path for kind in _SCRATCH for path in folder.parent.glob(f"{kind}*")):
            shutil.rmtree(left, ignore_errors=True)
        yield folder


def write_contexts(
    recipe: Recipe, files: Mapping[str, Path], project: Path, folder: Path, report: Report, *, link: bool = True
) -> None:
    """Write the build context and the named contexts below `folder`.

    Args:
        link: hard-link files instead of copying them where possible.
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
        # An export always has a manifest.
        digest=made.digest if engine.keeps_manifests or not names else None,
        config=made.config,
        layers=tuple(engine.inspect(names[0])["RootFS"]["Layers"]) if names else (),
        engine=engine.release,
        frontend=made.frontend,
        reproducible=recipe.reproducible,
        at_start=recipe.at_start,
    )


def _checked(
    recipe: Recipe, image: BuiltImage, expect: str | None, record: ImageRecord | None, status: str | None
) -> BuiltImage:
    """Compare an image with the expected digest and the record."""
    if expect is not None and image.digest != expect:
        raise NotReproducible(
            f"the image's digest is {image.digest or 'unknown to this engine'}, expected {expect}",
            hint=f"it was built by {image.engine}; another release may compress layers differently",
        )
    if record:
        status = recorded.compare(
            record,
            recipe,
            digest=image.digest,
            diff_ids=image.layers,
            engine=image.engine,
            frontend=image.frontend,
        )
    return replace(image, record=status)
