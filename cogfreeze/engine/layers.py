"""Reads the layers of an OCI layout folder, and names what made each of them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from cogfreeze.recipe.model import Copy, Run, Setting

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from cogfreeze.recipe.model import Recipe

_ATTRIBUTE = "SCHILY.xattr."
_LARGEST_READ = 32 * 1024 * 1024


def manifest_digest(layout: Path) -> str:
    """Return the digest of the one manifest of an OCI layout folder."""
    index: dict[str, Any] = json.loads((layout / "index.json").read_text())
    digest: str = index["manifests"][0]["digest"]
    return digest


def diff_ids(layout: Path) -> tuple[str, ...]:
    """Return the digests of the uncompressed layers, lowest first."""
    return tuple(config(layout)["rootfs"]["diff_ids"])


def contents(layout: Path, digest: str, *, paths: Collection[str]) -> dict[str, bytes]:
    """Return the content of files of a layer, unless they are very large."""
    found = {}
    with tarfile.open(_path(layout, digest), mode="r|*") as layer:
        for entry in layer:
            if entry.name in paths and entry.isreg() and entry.size <= _LARGEST_READ:
                file = layer.extractfile(entry)
                found[entry.name] = file.read() if file else b""
    return found


def dpkg_files(layout: Path, digest: str) -> dict[str, str]:
    """Return dpkg's own files of a layer: the packages' scripts and lists of files, by name."""
    found = {}
    with tarfile.open(_path(layout, digest), mode="r|*") as layer:
        for entry in layer:
            folder, _, name = entry.name.rpartition("/")
            if folder == "var/lib/dpkg/info" and entry.isreg():
                file = layer.extractfile(entry)
                found[name] = file.read().decode("utf-8", "replace") if file else ""
    return found


def _blob(layout: Path, digest: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_path(layout, digest).read_bytes())
    return content


def config(layout: Path) -> dict[str, Any]:
    """Return the image's configuration."""
    return _blob(layout, _blob(layout, manifest_digest(layout))["config"]["digest"])


def _path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def blobs(layout: Path) -> list[str]:
    """Return the digests of the compressed layers, lowest first."""
    return [layer["digest"] for layer in _blob(layout, manifest_digest(layout))["layers"]]


def names(recipe: Recipe, count: int) -> list[str]:
    """Return a name for each layer, by what made it. The base image's layers come first."""
    own = [
        name
        for stage in _chain(recipe)
        for step in stage.steps
        if (name := _layer_name(step, stage.name)) is not None
    ]
    return ["the base image"] * (count - len(own)) + own


def _chain(recipe: Recipe) -> list[Any]:
    """Return the stages that the image is based on, lowest first."""
    stages = {stage.name: stage for stage in recipe.stages}
    chain = [recipe.stages[-1]]
    while chain[0].base in stages:
        chain.insert(0, stages[chain[0].base])
    return chain


def _layer_name(step: Copy | Run | Setting, stage: str) -> str | None:
    if isinstance(step, Copy):
        return f"layer `{step.source_stage}`"
    if isinstance(step, Run):
        return f"command `{step.comment}`" if step.comment else f"layer `{stage}`"
    return "the working directory" if step.instruction == "WORKDIR" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a layer. `content` is its SHA-256."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    time: float
    link: str
    content: str
    attributes: tuple[tuple[str, str], ...]


def entries(layout: Path, digest: str) -> dict[str, Entry]:
    """Return the files of a layer, by path below the root."""
    with tarfile.open(_path(layout, digest), mode="r|*") as layer:
        return {entry.name: _entry(layer, entry) for entry in layer}


def _entry(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> Entry:
    file = layer.extractfile(entry) if entry.isreg() else None
    return Entry(
        kind=entry.type,
        mode=entry.mode,
        owner=(entry.uid, entry.gid),
        time=entry.mtime,
        link=entry.linkname,
        content=_sha256(file) if file else "",
        attributes=tuple(sorted(pair for pair in entry.pax_headers.items() if pair[0].startswith(_ATTRIBUTE))),
    )


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
