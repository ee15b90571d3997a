"""NVIDIA's base images: which one has the libraries of a CUDA and a cuDNN.

Those that `base_images.lock` has come first, since they can be locked without a registry; `cuda_images.toml`
beside this file names the others.
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
# What a tag means that names no version of cuDNN.
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
    """Return the CUDA whose libraries an image has, `12.4`, as far as its name says so."""
    found = re.match(rf"{NAME}:(\d+\.\d+)", reference)
    return found[1] if found else None


def is_inferred(reference: str) -> bool:
    """Say whether an image's name was made from NVIDIA's scheme, and nobody has confirmed that it is there."""
    return any(reference == f"{NAME}:{each.tag}" and not each.by_digest for each in _images())


def choose(cuda: str, cudnn: str | None = None, *, instead: str | None = None) -> str:
    """Return NVIDIA's runtime image for a CUDA and a cuDNN, `name:tag`.

    It is one of that minor version, else of the next newer one of the same major version, whose libraries serve
    what was built for an older one.

    Args:
        cuda: `12.4`, `12.4.1` or `12`.
        cudnn: `8`, `9.10.2.21`; its major version counts. None for any.
        instead: what to do where there is none, besides choosing another.

    Raises:
        ResolveError: there is none; the hint lists those there are.
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
            f"no base image is known for CUDA {cuda}" + (f" with cuDNN {cudnn}" if cudnn else ""),
            where="build.cuda",
            hint=(f"{instead}; " if instead else "")
            + f"there is {_known()}; or name an image in `build.base_image`",
        )
    nearest = min(each.minor for each in fitting)
    same = (each for each in fitting if each.minor == nearest)
    return f"{NAME}:{max(same, key=lambda each: (each.by_digest, each.cuda, each.ubuntu)).tag}"


def _known() -> str:
    """`CUDA 11.8, 12.1 with cuDNN 8; CUDA 12.3, …`"""
    told = []
    for cudnn in sorted({each.cudnn for each in _images()}):
        minors = sorted({each.minor for each in _images() if each.cudnn == cudnn})
        told.append(f"CUDA {', '.join(f'{major}.{minor}' for major, minor in minors)} with cuDNN {cudnn}")
    return "; ".join(told)


@cache
def _images() -> tuple[_Image, ...]:
    by_digest = {tag for tag in catalogue().tags(NAME) if _TAG.fullmatch(tag)}
    rows = tomllib.loads((Path(__file__).parent / "cuda_images.toml").read_text(encoding="utf-8"))["image"]
    named = {f"{row['cuda']}-{row['cudnn']}-runtime-ubuntu{ubuntu}" for row in rows for ubuntu in row["ubuntu"]}
    found = []
    for tag in sorted(by_digest | named):
        match = _TAG.fullmatch(tag)
        if match is None:
            raise ValueError(f"cuda_images.toml: {tag} is no tag of NVIDIA's")
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
