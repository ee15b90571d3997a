"""Where the files lie that the distribution carries beside its code.

In a wheel they are below `cogfreeze/data/`; in a checkout (or an editable install) at its top.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent

RUNTIME = _ROOT / "runtime"
LOCKFILES = _ROOT / "lockfiles"
BASE_IMAGES = _ROOT / "base_images.lock"
