"""A list of builds of CPython in uv's own form, whose files are the test's."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from cogfreeze.catalog.addresses import PYTHON_BUILDS

if TYPE_CHECKING:
    from pathlib import Path


def listed(path: Path, releases: dict[str, bytes], *, date: str = "20261110") -> str:
    """Write the list for `UV_PYTHON_DOWNLOADS_JSON_URL`, and return its path.

    Args:
        releases: uv's name for each build, `cpython-3.11.7-linux-x86_64-gnu`, and the bytes that it promises.
    """
    entries = {}
    for release, content in releases.items():
        major, minor, patch, more, system, arch, libc = re.fullmatch(
            r"cpython-(\d+)\.(\d+)\.(\d+)([a-z]\w+)?-(\w+)-(\w+)-(\w+)", release
        ).groups()
        file = (
            f"cpython-{major}.{minor}.{patch}{more or ''}%2B{date}-{arch}-unknown-linux-gnu-install_only_stripped"
        )
        entries[release] = {
            "name": "cpython", "arch": {"family": arch, "variant": None}, "os": system, "libc": libc,
            "major": int(major), "minor": int(minor), "patch": int(patch), "prerelease": more or "",
            "url": f"{PYTHON_BUILDS}/{date}/{file}.tar.gz", "sha256": hashlib.sha256(content).hexdigest(),
            "variant": None, "build": date,
        }  # fmt: skip
    path.write_text(json.dumps(entries))
    return str(path)
