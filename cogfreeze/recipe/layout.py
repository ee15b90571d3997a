"""Where things lie: in the build context, in the stages that make a layer, and in the image."""

from __future__ import annotations

# In the build context.
CODE = "code"
WEIGHTS = "weights"
RUNTIME = "runtime"
LISTS = "lists"
COMMANDS = "commands"
LOCAL = "local"
LOCK = "cog.lock"
SCHEMA = "openapi.json"
DEB_ADDRESSES = f"{LISTS}/debs.txt"

# In the fetch stages and, at the same place, in the named contexts that replace them.
FETCHED = "/fetched"
DEBS, WHEELS, INPUTS, INTERPRETER = "debs", "wheels", "inputs", "interpreter"
SOURCES = "sources"

# Where a command sees what it works on: in memory, so that the mounts leave no trace.
SCRATCH = "/tmp"  # noqa: S108  # of a build's own container

# In a stage that makes a layer: everything below STAGED ends up at `/`.
STAGED = "/layer"

# In the image.
HOME = "/src"
OURS = "/opt/cog"
SDK = f"{OURS}/sdk"
SERVER = f"{OURS}/server"
REAPER = f"{OURS}/bin/dumb-init"
PORT = 5000
USER_ID = 1000
PYTHON_PREFIX = "/usr/local"


def requirements(group: str) -> str:
    """Return the path in the context of the list by which a group of wheels is fetched and installed."""
    return f"{LISTS}/{group}.txt"


def hashes(group: str) -> str:
    """Return the path in the context of the list by which a group's files are checked."""
    return f"{LISTS}/{group}.sha256"


def seen(name: str) -> str:
    """Return where a command sees what is mounted for it."""
    return f"{SCRATCH}/{name}"
