"""The image recorded in a lock: a digest of its inputs, and the comparison with a new build."""

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

# Results of the comparison with the record.
EQUAL, EQUAL_LAYERS, OTHER_FILES, UNDECIDED = "equal", "equal-layers", "other-files", "undecided"
_DOCKERFILE = "Dockerfile"


def made_from(recipe: Recipe, context: Path) -> str:
    """Return a digest of a build's inputs: its steps and every file of its context.

    Downloads are included by their hash. The frontend is not, because the record names it separately. Of a
    file's metadata, only the executable bit matters.
    """
    digest = hashlib.sha256()
    for part in _parts(recipe, context):
        # The length separates one part from the next.
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
    """Compare an image with the record of the same inputs.

    Args:
        digest: None if the engine's store keeps no manifests.
        diff_ids: empty if unknown.

    Returns:
        `EQUAL`; `EQUAL_LAYERS` if another engine, or one without digests, built the same layers; `UNDECIDED` if
        another engine built another digest and its layers are unknown.

    Raises:
        NotRecorded: the image differs.
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
        f"the image is {digest or 'another one'}, but the lock records {record.digest} for the same files, built"
        f" {by}; different: {_differing(record, recipe, diff_ids)}",
        hint="`cog verify` lists the files that differ and why; if you meant the change: `cog lock --record`",
    )


def _differing(record: ImageRecord, recipe: Recipe, diff_ids: tuple[str, ...]) -> str:
    if not diff_ids:
        return "unknown for an export"
    if len(diff_ids) != len(record.layers):
        return f"it has {len(diff_ids)} layers, not {len(record.layers)}"
    named = zip(layers.names(recipe, len(diff_ids)), record.layers, diff_ids, strict=True)
    differing = [name for name, was, now in named if was != now]
    return ", ".join(differing) or "no layer, so the configuration or compression"
