"""Published releases of the frameworks that need CUDA, from `torch.toml` and `frameworks.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

# Packages that are built for every CUDA, with one index for each. Nothing else comes from those indexes.
TORCH_FAMILY = frozenset({"torch", "torchvision", "torchaudio"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    """A torch release.

    Attributes:
        torchvision, torchaudio: the releases made for it.
        indexes: the tags of the indexes that carry it.
        default: the CUDA of the default index's wheels, if their metadata says so.
        cudnn: by index tag.
        python: the oldest and the newest Python that it has wheels for.
    """

    version: str
    torchvision: str
    torchaudio: str
    indexes: tuple[str, ...]
    default: str | None = None
    cudnn: dict[str, str] = field(default_factory=dict)
    python: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Releases of another framework, from `first` to `last`, that are built for one CUDA and cuDNN.

    Attributes:
        extras: the extras that, all together, add the libraries as wheels; empty if there are none.
    """

    name: str
    first: str
    last: str
    cuda: str
    cudnn: str
    extras: tuple[str, ...] = ()


@cache
def torch_releases() -> tuple[Torch, ...]:
    """Return the known torch releases, oldest first."""
    return tuple(Torch(**_tuples(row)) for row in _table("torch.toml")["torch"])


@cache
def releases(name: str) -> tuple[Releases, ...]:
    """Return the known releases of a framework by its package's name, oldest first; none for an unknown one."""
    rows = _table("frameworks.toml").get(name, ())
    return tuple(Releases(name=name, **_tuples(row)) for row in rows)


def _table(file: str) -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def tag_of(cuda: str) -> str:
    """Return the index tag of a CUDA version: `12.8` → `cu128`."""
    return "cu" + "".join(cuda.split(".")[:2])


def cuda_of(tag: str) -> str:
    """Return the CUDA version of an index tag: `cu128` → `12.8`."""
    return f"{tag[2:-1]}.{tag[-1]}"
