"""The page's HTML and its Content-Security-Policy, from the runtime that images carry."""

from __future__ import annotations

import json
import subprocess
import sys

from cogfreeze import bundled

# Isolated, so that no variable or file of this machine stands in for a module that it needs.
_READ = "import sys; sys.path.insert(0, {runtime!r}); from cogserve.page.__main__ import main; main()"


def read_page() -> tuple[bytes, str]:
    """Return the HTML and the policy, as an image of this version serves them."""
    command = [sys.executable, "-I", "-B", "-c", _READ.format(runtime=str(bundled.RUNTIME))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    found = json.loads(done.stdout)
    return found["html"].encode(), found["policy"]
