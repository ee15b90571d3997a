"""Every public address that cogfreeze asks by itself, and no other file has one.

A lock knows these services by name; a mirror of each is named in the environment (`cogfreeze.settings`).
"""

from __future__ import annotations

# Dated archives: `<base>/<archive>/<YYYYMMDDTHHMMSSZ>/…`.
DEBIAN_SNAPSHOT = "https://snapshot.debian.org/archive"
UBUNTU_SNAPSHOT = "https://snapshot.ubuntu.com"

# One PyTorch index per CUDA tag: `<base>/cu128`, `<base>/cpu`.
TORCH_INDEX = "https://download.pytorch.org/whl"

# uv's builds of CPython: `<base>/<YYYYMMDD>/cpython-….tar.gz`. It is the address that uv itself asks.
PYTHON_BUILDS = "https://releases.astral.sh/github/python-build-standalone/releases/download"


def snapshot(archive: str) -> str:
    """Return the base URL of the public service that keeps dated copies of an archive.

    Args:
        archive: `debian`, `debian-security` or `ubuntu`.
    """
    return UBUNTU_SNAPSHOT if archive == "ubuntu" else DEBIAN_SNAPSHOT
