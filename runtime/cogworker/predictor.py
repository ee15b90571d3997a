"""The user's class or function: found by its reference, made, set up."""

from __future__ import annotations

import importlib.util
import inspect
import io
import os
import sys
from typing import Any, Callable, Optional

from cog.types import Path, URLFile, URLPath

from cogworker.inputs import Inputs, evaluated, signature_of

_GUESSES = {"predict": ("Runner", "Predictor", "run", "predict"), "train": ("Trainer", "train")}
_METHODS = {"predict": ("run", "predict"), "train": ("train",)}


class Unservable(Exception):
    """The reference leads to nothing that can serve."""


class Predictor:
    """What serves.

    Attributes:
        function: what is called for each prediction.
        inputs: its parameters.
        is_async: it runs on asyncio.
        concurrency: what `@concurrent(max=...)` says, or 1.
        healthcheck: the model's own, or None.
        setup: what is called once, or None.
    """

    def __init__(self, target: Any, role: str) -> None:
        instance = target() if isinstance(target, type) else None
        self.function: Callable[..., Any] = target if instance is None else _method(instance, role)
        self.setup: Optional[Callable[..., Any]] = getattr(instance, "setup", None)
        self.healthcheck: Optional[Callable[[], Any]] = getattr(instance, "healthcheck", None)
        self.inputs = Inputs(self.function)
        self.is_async = _is_async(self.function)
        self.concurrency: int = getattr(self.function, "__cog_concurrent__", 1)


def load(reference: str, role: str) -> Predictor:
    """Import `file.py:Name` from the working folder and make an instance, without setting it up.

    Args:
        role: `predict` or `train`.

    Raises:
        Unservable: there is no such class or function, or it lacks the method.
        BaseException: whatever the model's own code raises.
    """
    file, _, name = reference.partition(":")
    module = _imported(file)
    for candidate in (name,) if name else _GUESSES[role]:
        target = getattr(module, candidate, None)
        if callable(target):
            return Predictor(target, role)
    raise Unservable(f"{file} has no class or function {name or ' or '.join(_GUESSES[role])}")


def _imported(file: str) -> Any:
    path = os.path.abspath(file)
    # Under the name that an import statement of the project would give it, so that what the model pickles, and
    # modules that import this one, find the same.
    parts = os.path.splitext(file)[0].split("/")
    name = ".".join(parts) if all(part.isidentifier() for part in parts) else parts[-1]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Unservable(f"{file} is no Python file")
    if not os.path.isfile(path):
        raise Unservable(f"there is no file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _method(instance: Any, role: str) -> Callable[..., Any]:
    names = [name for name in _METHODS[role] if callable(getattr(instance, name, None))]
    if len(names) > 1:
        raise Unservable(f"{type(instance).__name__} must define either run() or predict(), not both")
    if not names:
        raise Unservable(f"{' or '.join(_METHODS[role])} method not found: {type(instance).__name__}")
    method: Callable[..., Any] = getattr(instance, names[0])
    return method


def _is_async(function: Callable[..., Any]) -> bool:
    plain = inspect.unwrap(function)
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (function, plain, getattr(plain, "__call__", None))  # noqa: B004
    )


def run_setup(setup: Callable[..., Any]) -> Any:
    """Call `setup`, with the weights if it takes them; returns what it does, a coroutine if it is asynchronous."""
    signature = signature_of(setup)
    if "weights" not in signature.parameters:
        return setup()
    parameter = signature.parameters["weights"]
    scope = getattr(inspect.unwrap(setup), "__globals__", {})
    annotation = parameter.annotation
    if annotation is not parameter.empty:
        annotation = evaluated(annotation, scope, "weights")
    return setup(weights=_weights(os.environ.get("COG_WEIGHTS"), annotation))


def _weights(source: Optional[str], annotation: Any) -> Any:
    """What COG_WEIGHTS names, as the annotation wants it: its text, an open file, or (fetched) a Path."""
    if not source:
        return None
    options = getattr(annotation, "__args__", None) or (annotation,)
    is_address = source.startswith(("http://", "https://"))
    if str in options:
        return source
    if any(isinstance(option, type) and issubclass(option, io.IOBase) for option in options):
        return URLFile(source) if is_address else open(source, "rb")
    if is_address:
        return URLPath(source=source, filename=os.path.basename(source.partition("?")[0])).convert()
    return Path(source)
