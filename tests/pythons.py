"""Pythons to test on: the SDK, the worker and the server run on each from 3.8 on.

From 3.8 to 3.12 whichever this machine has; 3.13 and 3.14 always: where it has none, Debian's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import debian

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _found() -> dict[str, str]:
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {OWN: sys.executable}
    for version in (f"3.{minor}" for minor in range(8, 15)):
        places = [str(path) for path in sorted(versions.glob(f"{version}.*/bin/python"))]
        named = shutil.which(f"python{version}")
        if named is not None and "shims" not in named:
            places.append(named)
        if places:
            found.setdefault(version, places[0])
    return found


_FOUND = _found()
PYTHONS = sorted({*_FOUND, *debian.VERSIONS}, key=lambda version: int(version.partition(".")[2]))


def interpreter(version: str, folder: Path) -> str:
    """Return the path of a Python; Debian's are kept in `folder`."""
    found = _FOUND.get(version) or _debians(version, folder)
    return found or pytest.skip(f"this machine has no Python {version}, and cannot fetch Debian's")


@cache
def _debians(version: str, folder: Path) -> str | None:
    try:
        with (folder / f"{version}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be fetching it
            return str(debian.python(version, folder))
    except (OSError, subprocess.CalledProcessError, LookupError) as error:
        print(f"Debian's Python {version} cannot be had: {error}")
        return None
