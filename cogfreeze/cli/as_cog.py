"""Options and variables of Cog's `build`: honoured where they mean something here, otherwise explained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cogfreeze.errors import LockStale

if TYPE_CHECKING:
    import argparse

    from cogfreeze.lock.model import PlatformLock
    from cogfreeze.report import Report

_CUDA_IMAGE = "nvidia/cuda"
_VARIABLES = {
    "COGLET_WHEEL": "the image's server is the locked one",
}


def explain(arguments: argparse.Namespace, report: Report) -> None:
    """Say what has no effect here, and why."""
    if arguments.use_cog_base_image == "true":
        report.warn(
            "`--use-cog-base-image` has no effect: the base image is the locked one",
            hint="projects with the same base image share its layers anyway",
        )
    for name, why in _VARIABLES.items():
        if os.environ.get(name):
            report.warn(f"`{name}` has no effect: {why}")
    if os.environ.get("DOCKER_BUILDKIT") == "0":
        report.warn("`DOCKER_BUILDKIT=0` has no effect: images are built by BuildKit")


def require_base(arguments: argparse.Namespace, part: PlatformLock) -> None:
    """Hold the lock's base image to `--use-cuda-base-image`; a build never changes it.

    Raises:
        LockStale: it is not of that kind.
    """
    wanted = arguments.use_cuda_base_image
    is_cuda = part.base.reference.startswith(_CUDA_IMAGE)
    if wanted != "auto" and (wanted == "true") != is_cuda:
        kind = "not a CUDA image" if wanted == "true" else "a CUDA image"
        raise LockStale(
            [f"its base image `{part.base.reference}` is {kind}"],
            hint=f"run `cog lock --use-cuda-base-image {wanted}` and commit the result",
        )
