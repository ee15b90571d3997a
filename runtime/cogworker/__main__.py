"""`python -u -m cogworker`: see `main`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # A project file may have the name of a standard module that is needed here (`signal.py`, `queue.py`). So the
    # project's folder is added to the path after our imports; it comes first, as for any script of the project.
    sys.path[:] = [folder for folder in sys.path if folder not in ("", os.getcwd())]
    from cogworker.main import main

    sys.path.insert(0, os.getcwd())
    sys.exit(main())
