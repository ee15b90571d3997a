"""The Pythons that this machine has: the SDK and the worker run on each from 3.8 on."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def _found() -> list[str]:
    names = [f"3.{minor}" for minor in range(8, 15)]
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [path for name in names for path in sorted(versions.glob(f"{name}.*/bin/python"))]
    named = [path for name in names if (path := shutil.which(f"python{name}")) and "shims" not in path]
    others = {Path(path).resolve(): str(path) for path in [*places, *named]}
    return [sys.executable, *(path for real, path in others.items() if real != Path(sys.executable).resolve())]


PYTHONS = _found()
