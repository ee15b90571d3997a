"""The runtime's files, which go into every image, and their digest in the lock."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("cog", "cogserve", "cogworker")


def runtime_files(folder: Path) -> tuple[Path, ...]:
    """Return the files below `folder` that go into an image, sorted, without .pyc files."""
    found = (
        path
        for package in PACKAGES
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )
    return tuple(sorted(found, key=lambda path: path.relative_to(folder).as_posix()))


def runtime_digest(folder: Path) -> str:
    """Return `sha256:…` over the files' names and contents; times and modes don't matter."""
    digest = hashlib.sha256()
    for path in runtime_files(folder):
        data = path.read_bytes()
        # The length separates the content from the next name.
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return f"sha256:{digest.hexdigest()}"
