"""The SDK and the server for a model that runs on this machine, kept apart as in the image.

In a checkout they are side by side, and a model that could import the server could behave differently than in
the image.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import bundled

if TYPE_CHECKING:
    from cogfreeze.settings import Settings

_SIDES = {"cog": "sdk", "cogworker": "sdk", "cogserve": "server"}


def split_runtime(settings: Settings) -> Path:
    """Return the folder of the cache with `sdk/` and `server/`; make it if these contents are not there."""
    files = {
        path.relative_to(bundled.RUNTIME): path.read_bytes()
        for name in _SIDES
        for path in sorted((bundled.RUNTIME / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    digest = hashlib.sha256()
    for relative, data in files.items():
        digest.update(f"{relative} {len(data)}\n".encode() + data)
    home = settings.cache / "runtime" / digest.hexdigest()[:32]
    if not home.is_dir():
        _write(files, home)
    return home


def _write(files: dict[Path, bytes], home: Path) -> None:
    """Make the folder beside its place and then rename it, so that nobody sees an incomplete one."""
    home.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=home.parent))
    try:
        for relative, data in files.items():
            target = made / "new" / _SIDES[relative.parts[0]] / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (made / "new").rename(home)
    except OSError:
        # Another process was faster; its copy has the same contents.
        if not home.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
