"""What Cog's users bring along to `cog build`: honoured where it means something here, else explained."""

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
    "COGLET_WHEEL": "the server of an image is the one that cog.lock pins",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--use-cog-base-image",
        nargs="?",
        const="true",
        choices=("true", "false"),
        help="accepted for Cog's sake: the base is the one that cog.lock pins",
    )
    parser.add_argument(
        "--use-cuda-base-image",
        nargs="?",
        const="true",
        default="auto",
        choices=("true", "false", "auto"),
        help="require that the lock's base is a CUDA image, or that it is none",
    )


def explain(arguments: argparse.Namespace, report: Report) -> None:
    """Say what has no effect here, and why."""
    if arguments.use_cog_base_image == "true":
        report.warn(
            "`--use-cog-base-image` has no effect: the base image is the one that cog.lock pins",
            hint="its layers are shared between projects all the same",
        )
    for name, why in _VARIABLES.items():
        if os.environ.get(name):
            report.warn(f"`{name}` has no effect: {why}")
    if os.environ.get("DOCKER_BUILDKIT") == "0":
        report.warn("`DOCKER_BUILDKIT=0` has no effect: images are built by BuildKit")


def require_base(arguments: argparse.Namespace, part: PlatformLock) -> None:
    """Hold the lock's base image to `--use-cuda-base-image`; a build never chooses another.

    Raises:
        LockStale: it is none of that kind.
    """
    wanted = arguments.use_cuda_base_image
    is_cuda = part.base.reference.startswith(_CUDA_IMAGE)
    if wanted != "auto" and (wanted == "true") != is_cuda:
        kind = "no CUDA image" if wanted == "true" else "a CUDA image"
        raise LockStale(
            [f"its base image `{part.base.reference}` is {kind}"],
            hint=f"run `cog lock --use-cuda-base-image {wanted}` and commit the result",
        )
