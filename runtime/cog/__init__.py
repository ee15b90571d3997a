"""The SDK that a model's code imports: `from cog import BasePredictor, Input, Path`.

It uses only the standard library, and little of it, so that it cannot conflict with the model's packages or slow
down its start. Where to look:

    predictor     BasePredictor, @streaming and @concurrent
    input         Input(...)
    types         Path, File, Secret and the iterators
    model         BaseModel, for outputs with several fields
    scope         the running prediction: its metrics and context
    schema/       the OpenAPI document of a predictor, read from its source without importing it
    server/http   the command that an image starts
"""

from __future__ import annotations

from cog.exceptions import CancelationException
from cog.input import FieldInfo, Input
from cog.model import BaseModel
from cog.predictor import BasePredictor, BaseRunner, concurrent, streaming
from cog.predictor import Predictor as Predictor  # not in __all__: models call their own class so
from cog.scope import ExperimentalFeatureWarning, current_scope, emit_metric
from cog.types import (
    AsyncConcatenateIterator,
    ConcatenateIterator,
    File,
    Opaque,
    Path,
    Secret,
    URLFile,
    URLPath,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncConcatenateIterator",
    "BaseModel",
    "BasePredictor",
    "BaseRunner",
    "CancelationException",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "FieldInfo",
    "File",
    "Input",
    "Opaque",
    "Path",
    "Secret",
    "URLFile",
    "URLPath",
    "__version__",
    "concurrent",
    "current_scope",
    "emit_metric",
    "streaming",
]
