"""`python -u -m cogworker`: see `main`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # A file of the project may be called like one of Python's own that is needed here (`signal.py`, `queue.py`):
    # the project's folder comes onto the path after our imports, first, as in any script of the project.
    sys.path[:] = [folder for folder in sys.path if folder not in ("", os.getcwd())]
    from cogworker.main import main

    sys.path.insert(0, os.getcwd())
    sys.exit(main())
