"""NVIDIA's base images, by CUDA and cuDNN.

Images in `base_images.lock` are preferred, since they can be locked without a registry; `cuda_images.toml` names
the others.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.version import Version

from cogfreeze.catalog.base_images import catalogue
from cogfreeze.errors import ResolveError

NAME = "nvidia/cuda"
_TAG = re.compile(r"(\d+\.\d+\.\d+)-cudnn(\d*)-runtime-ubuntu(\d+\.\d+)")
# The cuDNN of a tag that names no version of it.
_UNNAMED = "9"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    tag: str
    cuda: Version
    cudnn: str
    ubuntu: Version
    by_digest: bool

    @property
    def minor(self) -> tuple[int, int]:
        return self.cuda.major, self.cuda.minor


def cuda_of(reference: str) -> str | None:
    """Return an image's CUDA version, `12.4`, if its name says it."""
    found = re.match(rf"{NAME}:(\d+\.\d+)", reference)
    return found[1] if found else None


def is_inferred(reference: str) -> bool:
    """Return whether an image's name was inferred from NVIDIA's scheme and is unconfirmed."""
    return any(reference == f"{NAME}:{each.tag}" and not each.by_digest for each in _images())


def choose(cuda: str, cudnn: str | None = None, *, instead: str | None = None) -> str:
    """Return NVIDIA's runtime image for a CUDA and a cuDNN, `name:tag`.

    It is of that minor version, else of the next newer one of the same major version, whose libraries are
    compatible.

    Args:
        cuda: `12.4`, `12.4.1` or `12`.
        cudnn: `8`, `9.10.2.21`; only its major version counts. None for any.
        instead: what to do if there is none, besides choosing another.

    Raises:
        ResolveError: there is none; the hint lists the available ones.
    """
    wanted = Version(cuda)
    fitting = [
        each
        for each in _images()
        if each.cuda.major == wanted.major
        and each.minor >= (wanted.major, wanted.minor)
        and (cudnn is None or each.cudnn == cudnn.split(".")[0])
        and (len(wanted.release) < 3 or each.cuda == wanted or each.minor > (wanted.major, wanted.minor))
    ]
    if not fitting:
        raise ResolveError(
            f"there is no known base image for CUDA {cuda}" + (f" with cuDNN {cudnn}" if cudnn else ""),
            where="build.cuda",
            hint=(f"{instead}; " if instead else "")
            + f"available: {_known()}; or name an image in `build.base_image`",
        )
    nearest = min(each.minor for each in fitting)
    same = (each for each in fitting if each.minor == nearest)
    return f"{NAME}:{max(same, key=lambda each: (each.by_digest, each.cuda, each.ubuntu)).tag}"


def _known() -> str:
    """`CUDA 11.8, 12.1 with cuDNN 8; CUDA 12.3, …`"""
    parts = []
    for cudnn in sorted({each.cudnn for each in _images()}):
        minors = sorted({each.minor for each in _images() if each.cudnn == cudnn})
        parts.append(f"CUDA {', '.join(f'{major}.{minor}' for major, minor in minors)} with cuDNN {cudnn}")
    return "; ".join(parts)


@cache
def _images() -> tuple[_Image, ...]:
    by_digest = {tag for tag in catalogue().tags(NAME) if _TAG.fullmatch(tag)}
    rows = tomllib.loads((Path(__file__).parent / "cuda_images.toml").read_text(encoding="utf-8"))["image"]
    named = {f"{row['cuda']}-{row['cudnn']}-runtime-ubuntu{ubuntu}" for row in rows for ubuntu in row["ubuntu"]}
    found = []
    for tag in sorted(by_digest | named):
        match = _TAG.fullmatch(tag)
        if match is None:
            raise ValueError(f"cuda_images.toml: {tag} is not a tag of NVIDIA's images")
        cuda, cudnn, ubuntu = match.groups()
        found.append(
            _Image(
                tag=tag,
                cuda=Version(cuda),
                cudnn=cudnn or _UNNAMED,
                ubuntu=Version(ubuntu),
                by_digest=tag in by_digest,
            )
        )
    return tuple(found)
