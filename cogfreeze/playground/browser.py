"""Opening the page in the user's browser."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: the caller may become the server, and the browser may outlive both.
_OPEN = """
import sys, time, urllib.request, webbrowser
address, deadline = sys.argv[1], time.monotonic() + float(sys.argv[2])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
while time.monotonic() < deadline:
    try:
        opener.open(address, timeout=5)
        break
    except OSError:
        time.sleep(0.2)
else:
    sys.exit(1)
webbrowser.open(address)
"""


def open_when_ready(url: str, *, patience: float = 600.0) -> subprocess.Popen[bytes]:
    """Open a browser at `url` once something answers there; return the process that waits for it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _OPEN, url, str(patience)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
