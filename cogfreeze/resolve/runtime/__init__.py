"""What the prediction server brings: its interpreter, its own packages, and the SDK's wheel."""

from cogfreeze.resolve.runtime.interpreter import (
    interpreter_artifacts,
    interpreter_fits,
    python_of_base,
    require_python,
    resolve_interpreter,
)
from cogfreeze.resolve.runtime.sdk import fetch_sdk, locked_sdk
from cogfreeze.resolve.runtime.server import runtime_lockfile, runtime_wheels

__all__ = [
    "fetch_sdk",
    "interpreter_artifacts",
    "interpreter_fits",
    "locked_sdk",
    "python_of_base",
    "require_python",
    "resolve_interpreter",
    "runtime_lockfile",
    "runtime_wheels",
]
