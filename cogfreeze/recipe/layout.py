"""Paths: in the build context, in the build stages, and in the image."""

from __future__ import annotations

# In the build context.
CODE = "code"
WEIGHTS = "weights"
RUNTIME = "runtime"
LISTS = "lists"
COMMANDS = "commands"
PROJECT_INPUTS = "project-inputs"
LOCAL = "local"
LOCK = "cog.lock"
SCHEMA = "openapi.json"

# In the fetch stages, and at the same path in the named contexts that replace them.
FETCHED = "/fetched"
DEBS, WHEELS, INPUTS, INTERPRETER = "debs", "wheels", "inputs", "interpreter"
SOURCES, BUILD_DEBS = "sources", "build-debs"

# A command's working files are mounted here. It is a tmpfs, so mount points leave no trace in a layer.
SCRATCH = "/tmp"  # noqa: S108  # of a build's own container

# In a stage that makes a layer, everything below STAGED ends up at `/` of the image.
STAGED = "/layer"

# In the image.
PROJECT = "/src"
OURS = "/opt/cog"
SDK = f"{OURS}/sdk"
SERVER = f"{OURS}/server"
REAPER = f"{OURS}/bin/dumb-init"
PORT = 5000
USER_ID = 1000
ROOT_HOME = "/root"
PYTHON_PREFIX = "/usr/local"


def requirements(group: str) -> str:
    """Return the context path of the requirements list of a group of wheels."""
    return f"{LISTS}/{group}.txt"


def hashes(group: str) -> str:
    """Return the context path of the hash list of a group's files."""
    return f"{LISTS}/{group}.sha256"


def mounted(name: str) -> str:
    """Return the path at which a command sees what is mounted for it."""
    return f"{SCRATCH}/{name}"
