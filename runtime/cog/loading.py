"""Imports a file of the project by its name."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

from cog.errors import PredictorNotSet


def import_file(file: str) -> Any:
    """Import a Python file below the working folder, and return the module.

    Raises:
        PredictorNotSet: it does not exist, or is not a Python file.
        BaseException: any exception of the file's own code.
    """
    path = os.path.abspath(file)
    # Use the name that an import statement in the project would use, so that pickles and other modules find the
    # same module.
    parts = os.path.splitext(file)[0].split("/")
    name = ".".join(parts) if all(part.isidentifier() for part in parts) else parts[-1]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PredictorNotSet(f"{file} is not a Python file")
    if not os.path.isfile(path):
        raise PredictorNotSet(f"file not found: {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
