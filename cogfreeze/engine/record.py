"""The image that a lock records: what it was made from, and whether a build gave it again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.engine import layers
from cogfreeze.errors import NotRecorded
from cogfreeze.recipe.dockerfile import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cogfreeze.lock.model import ImageRecord
    from cogfreeze.recipe.model import Recipe

# How a build stands to the record.
EQUAL, EQUAL_LAYERS, OTHER_FILES, UNDECIDED = "equal", "equal-layers", "other-files", "undecided"
_DOCKERFILE = "Dockerfile"


def made_from(recipe: Recipe, context: Path) -> str:
    """Return a digest over all that a build takes: its steps, and every file of its context as the image gets it.

    What is downloaded is in there by its hash. Which frontend reads the steps doesn't count: the record has it
    beside. Times, owners and modes don't count either, but for whether a file can be run.
    """
    digest = hashlib.sha256()
    for part in _parts(recipe, context):
        # The length keeps two parts from passing for two others.
        digest.update(f"{len(part)}\0".encode() + part)
    return f"sha256:{digest.hexdigest()}"


def _parts(recipe: Recipe, context: Path) -> Iterator[bytes]:
    yield recipe.platform.encode()
    yield render(replace(recipe, frontend=None)).encode()
    for path in sorted(context.rglob("*")):
        name = path.relative_to(context).as_posix()
        if name == _DOCKERFILE:
            continue
        yield name.encode(errors="surrogateescape")
        if path.is_symlink():
            yield b"link " + str(path.readlink()).encode(errors="surrogateescape")
        elif path.is_dir():
            yield b"folder"
        else:
            kind = b"program " if path.stat().st_mode & 0o111 else b"file "
            with path.open("rb") as file:
                yield kind + hashlib.file_digest(file, "sha256").digest()


def compare(
    record: ImageRecord,
    recipe: Recipe,
    *,
    digest: str | None,
    diff_ids: tuple[str, ...],
    engine: str,
    frontend: str | None,
) -> str:
    """Say how an image that was made from the same files stands to the record.

    Args:
        digest: None where the engine's store keeps none.
        diff_ids: empty where they aren't known.

    Returns:
        `EQUAL`; `EQUAL_LAYERS` where another engine, or one that keeps no digest, gave the same files;
        `UNDECIDED` where another engine gave another digest, and of its layers nothing is known.

    Raises:
        NotRecorded: it is another image.
    """
    if digest == record.digest:
        return EQUAL
    same_engine = (engine, frontend) == (record.engine, record.frontend)
    if diff_ids == record.layers and (digest is None or not same_engine):
        return EQUAL_LAYERS
    if not diff_ids and (digest is None or not same_engine):
        return UNDECIDED
    by = f"by {engine}" if same_engine else f"by {engine}, the record's by {record.engine}"
    raise NotRecorded(
        f"the image is {digest or 'another one'}, and the lock records {record.digest} for the same files, built"
        f" {by}; what differs: {_differing(record, recipe, diff_ids)}",
        hint="`cog verify` names the files and why they differ; if the change is meant: `cog lock --record`",
    )


def _differing(record: ImageRecord, recipe: Recipe, diff_ids: tuple[str, ...]) -> str:
    if not diff_ids:
        return "an export does not tell"
    if len(diff_ids) != len(record.layers):
        return f"it has {len(diff_ids)} layers, and had {len(record.layers)}"
    named = zip(layers.names(recipe, len(diff_ids)), record.layers, diff_ids, strict=True)
    differing = [name for name, was, now in named if was != now]
    return ", ".join(differing) or "no layer, so the configuration or the compression"
