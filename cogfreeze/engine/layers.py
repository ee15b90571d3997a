"""Where two builds of one recipe differ: layer by layer, file by file, with the known cause and its cure."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from cogfreeze.recipe.model import Copy, Run, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cogfreeze.recipe.model import Recipe

_COMMAND = "set it to a fixed value in the command that makes the file, or remove the file there"
# Path below the root → what is known to make such files differ, and the cure (`docs/reproducible.md`).
_CAUSES = tuple(
    (re.compile(pattern), cause, cure)
    for pattern, cause, cure in (
        (r"\.pyc$", "compiled Python that holds a time", "compile with `--invalidation-mode unchecked-hash`"),
        (
            r"\.dist-info/(RECORD|direct_url\.json|uv_cache\.json|INSTALLER)$",
            "an installer's own record",
            "install what is locked by `python_packages`, not by a command",
        ),
        (r"^var/log/|\.log$", "a log", "remove it in the command that writes it"),
        (r"^var/lib/apt/lists/|^var/cache/apt/", "apt's lists or cache", "lock the package: `system_packages`"),
        (r"^etc/(machine-id|hostid)$|^var/lib/dbus/machine-id$", "an identity drawn at random", "remove it"),
        (r"^etc/(shadow|passwd|group)-?$", "users made in another order, or on another day", "fix their numbers"),
        (r"^etc/ss(h|l)/.*(key|pem)|\.(key|jks|p12)$|/cacerts$", "a key or key store made by the build", _COMMAND),
        (r"^var/cache/(fontconfig|man|ldconfig|debconf)/", "a cache that holds times", "remove it"),
        (r"^(root|home/[^/]+)/\.(cache|wget-hsts|npm|local)", "a tool's cache", "remove it in the same command"),
        (r"^(tmp|run|var/tmp)/", "a temporary file", "remove it in the command that makes it"),
        (r"\.(zip|jar|whl|gz|tgz|xz|zst)$", "an archive that holds times", "make it with `SOURCE_DATE_EPOCH`"),
        (r"\.(so(\.\d+)*|o|a)$", "compiled code that holds a time, a path or a random seed", _COMMAND),
    )
)
_ATTRIBUTE = "SCHILY.xattr."
_UNKNOWN = ("a value that the command takes from the clock, the host or chance", _COMMAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that two builds made differently.

    Attributes:
        layer: the stage or command that made it.
        path: absolute, in the image.
        what: what of it differs: `content`, `time`, `mode`, `owner`, `kind`, …, or in which build alone it is.
        cause, cure: what is known of such files.
    """

    layer: str
    path: str
    what: str
    cause: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path} ({self.layer}): {self.what}; {self.cause}; {self.cure}"


def manifest_digest(layout: Path) -> str:
    """Return the digest of the one manifest of an OCI layout folder."""
    index: dict[str, Any] = json.loads((layout / "index.json").read_text())
    digest: str = index["manifests"][0]["digest"]
    return digest


def diff_ids(layout: Path) -> tuple[str, ...]:
    """Return the digests of the uncompressed layers, lowest first."""
    return tuple(_config(layout)["rootfs"]["diff_ids"])


def differences(recipe: Recipe, first: Path, second: Path) -> tuple[Difference, ...]:
    """Return what differs between the layers of two OCI layout folders; empty where all layers are equal."""
    layers = [_layers(layout) for layout in (first, second)]
    ids = [diff_ids(layout) for layout in (first, second)]
    stages = names(recipe, len(layers[0]))
    found: list[Difference] = []
    for name, one, other, one_id, other_id in zip(stages, *layers, *ids, strict=True):
        # By what they hold: how they are compressed makes no file differ.
        if one_id != other_id:
            named = list(_between(name, _entries(first, one), _entries(second, other)))
            found += named or [_unseen(name)]
    return tuple(found)


def settings(first: Path, second: Path) -> tuple[str, ...]:
    """Return the key paths of what differs between the configurations of two layout folders, layers apart."""
    one, other = (_config(layout) for layout in (first, second))
    return tuple(sorted(set(_keys({**one, "rootfs": None}, {**other, "rootfs": None}))))


def _keys(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _keys(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _keys(*pair, f"{path}[{index}]")
    elif one != other:
        yield path


def _blob(layout: Path, digest: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_path(layout, digest).read_bytes())
    return content


def _config(layout: Path) -> dict[str, Any]:
    return _blob(layout, _blob(layout, manifest_digest(layout))["config"]["digest"])


def _path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _layers(layout: Path) -> list[str]:
    return [layer["digest"] for layer in _blob(layout, manifest_digest(layout))["layers"]]


def names(recipe: Recipe, count: int) -> list[str]:
    """Name each layer for what made it; those of the base image come first."""
    own = [
        name
        for stage in _chain(recipe)
        for step in stage.steps
        if (name := _layer_name(step, stage.name)) is not None
    ]
    return ["the base image"] * (count - len(own)) + own


def _chain(recipe: Recipe) -> list[Any]:
    """The stages that the image is stacked from, lowest first."""
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
class _Entry:
    kind: bytes
    mode: int
    owner: tuple[int, int]
    time: float
    link: str
    content: str
    attributes: tuple[tuple[str, str], ...]


def _entries(layout: Path, digest: str) -> dict[str, _Entry]:
    with tarfile.open(_path(layout, digest), mode="r|*") as layer:
        return {entry.name: _entry(layer, entry) for entry in layer}


def _entry(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> _Entry:
    file = layer.extractfile(entry) if entry.isreg() else None
    return _Entry(
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


def _unseen(layer: str) -> Difference:
    """What no entry of the layer's archive shows by itself."""
    return Difference(
        layer=layer,
        path="/",
        what="the order of its files",
        cause="a file system that lists a folder in another order",
        cure=_COMMAND,
    )


def _between(layer: str, one: dict[str, _Entry], other: dict[str, _Entry]) -> Iterator[Difference]:
    for path in sorted(one.keys() | other.keys()):
        what = _what(one.get(path), other.get(path))
        if what:
            cause, cure = next(
                ((cause, cure) for pattern, cause, cure in _CAUSES if pattern.search(path)), _UNKNOWN
            )
            yield Difference(layer=layer, path=f"/{path}", what=what, cause=cause, cure=cure)


def _what(one: _Entry | None, other: _Entry | None) -> str:
    if one is None or other is None:
        return f"only in the {'second' if one is None else 'first'} build"
    if one.kind != other.kind:
        return "kind"
    differs = {
        "content": (one.content, one.link) != (other.content, other.link),
        "time": one.time != other.time,
        "mode": one.mode != other.mode,
        "owner": one.owner != other.owner,
        "extended attributes": one.attributes != other.attributes,
    }
    return " and ".join(name for name, is_so in differs.items() if is_so)
