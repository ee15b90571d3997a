"""The oldest NVIDIA driver that runs a CUDA release on Linux, as NVIDIA's release notes give it."""

from __future__ import annotations

# Every minor release runs with its major's oldest driver ("minor version compatibility").
_FLOORS = {11: "450.80.02", 12: "525.60.13", 13: "580"}


def driver_floor(cuda: str) -> str | None:
    """Return the oldest driver for a CUDA version (`12.8`), or None for a major release that isn't known."""
    major = cuda.partition(".")[0]
    return _FLOORS.get(int(major)) if major.isdigit() else None
