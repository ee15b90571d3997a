"""Checks of this machine's GPU against what a lock needs: its driver, and the kernels of the locked torch."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from packaging.version import Version

from cogfreeze.catalog.drivers import driver_floor
from cogfreeze.doctor.check import WARNING, Check, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock

# torch's index tag → the oldest and newest compute capability that its wheels have kernels for.
_KERNELS = {
    "cu118": (5.0, 9.0),
    "cu121": (5.0, 9.0),
    "cu124": (5.0, 9.0),
    "cu126": (5.0, 9.0),
    "cu128": (7.0, 12.0),
    "cu129": (7.0, 12.0),
    "cu130": (7.5, 12.1),
}
_SECONDS = 20


def gpu_checks(lock: Lock | None, *, wanted: bool) -> Iterator[Check]:
    """Yield the checks of the GPU; none if neither the machine has one nor the project wants one.

    Args:
        wanted: whether the project has `gpu: true`.
    """
    found = _query()
    if found is None:
        if wanted:
            cure = "build the image here, and run it on a machine with a GPU"
            yield Check(name="GPU", status=WARNING, message="this machine has no NVIDIA driver", cure=cure)
        return
    name, driver, capability = found
    yield ok("GPU", f"{name}, driver {driver}, compute capability {capability}")
    if lock is not None and wanted:
        yield from _against(lock, driver, float(capability))


def _query() -> tuple[str, str, str] | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    words = [program, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        run = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = [part.strip() for part in run.stdout.partition("\n")[0].split(",")]
    valid = len(parts) == 3 and re.fullmatch(r"\d+\.\d+", parts[2]) and re.fullmatch(r"\d+(?:\.\d+)+", parts[1])
    return (parts[0], parts[1], parts[2]) if run.returncode == 0 and valid else None


def _against(lock: Lock, driver: str, capability: float) -> Iterator[Check]:
    tag = _torch_tag(lock)
    cuda = _cuda(lock, tag)
    if cuda is not None and (oldest := driver_floor(str(cuda))):
        if Version(driver) < Version(oldest):
            message = f"driver {driver} is too old for CUDA {cuda}, which needs {oldest} or newer"
            cure = f"install a newer driver, or set `build.cuda` to a version before {cuda}"
            yield Check(name="driver", status="failed", message=message, cure=cure)
        else:
            yield ok("driver", f"driver {driver} runs CUDA {cuda}")
    if tag in _KERNELS:
        least, most = _KERNELS[tag]
        if not least <= capability <= most:
            message = (
                f"the locked torch ({tag}) has kernels for compute capability {least} to {most}, not {capability}"
            )
            cure = "set `build.cuda` to the CUDA of a torch that supports this GPU, and run `cog lock`"
            yield Check(name="torch", status="failed", message=message, cure=cure)
        else:
            yield ok("torch", f"the locked torch ({tag}) supports this GPU")


def _torch_tag(lock: Lock) -> str:
    """Return the index tag of the locked torch, `cu128`; empty if there is none."""
    for platform in lock.platforms:
        for wheel in platform.python.wheels:
            if wheel.name == "torch":
                found = re.search(r"cu\d+", f"{wheel.version} {wheel.index}")
                return found[0] if found else ""
    return ""


def _cuda(lock: Lock, tag: str) -> int | None:
    """Return the major version of the lock's CUDA: torch's, else the base image's or the locked libraries'."""
    if tag:
        return int(tag[2:4])
    for platform in lock.platforms:
        if found := re.search(r"nvidia/cuda:(\d+)", platform.base.reference):
            return int(found[1])
        for wheel in platform.python.wheels:
            if found := re.fullmatch(r"nvidia-cuda-runtime-cu(\d+)", wheel.name):
                return int(found[1])
            if wheel.name == "nvidia-cuda-runtime":
                return int(wheel.version.partition(".")[0])
    return None
