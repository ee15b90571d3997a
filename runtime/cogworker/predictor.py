"""Finds, creates and sets up the user's class or function."""

from __future__ import annotations

import inspect
import io
import os
from typing import Any, Callable, Optional

from cog.errors import PredictorNotSet
from cog.loading import import_file
from cog.predictor import BaseRunner, is_default
from cog.types import Path, URLFile, URLPath

from cogworker.inputs import Inputs, evaluated, signature_of

_GUESSES = {"predict": ("Runner", "Predictor", "run", "predict"), "train": ("Trainer", "train")}
_METHODS = {"predict": ("run", "predict"), "train": ("train",)}


class Unservable(Exception):
    """The reference does not name a usable predictor."""


class Predictor:
    """A loaded predictor.

    Attributes:
        function: called for each prediction.
        inputs: its parameters.
        is_async: it runs on asyncio.
        concurrency: the value of `@concurrent(max=...)`, or 1.
        healthcheck: the model's `healthcheck` method, or None.
        setup: called once before the first prediction, or None.
    """

    def __init__(self, target: Any, role: str) -> None:
        instance = target() if isinstance(target, type) else None
        self.function: Callable[..., Any] = target if instance is None else _method(instance, role)
        self.setup: Optional[Callable[..., Any]] = _own_setup(instance)
        self.healthcheck: Optional[Callable[[], Any]] = getattr(instance, "healthcheck", None)
        self.inputs = Inputs(self.function)
        self.is_async = _is_async(self.function)
        self.concurrency: int = getattr(self.function, "__cog_concurrent__", 1)


def load(reference: str, role: str) -> Predictor:
    """Import `file.py:Name` from the working folder and create an instance, without setting it up.

    Args:
        role: `predict` or `train`.

    Raises:
        Unservable: there is no such class or function, or the class has no such method.
        BaseException: any exception of the model's code.
    """
    file, _, name = reference.partition(":")
    try:
        module = import_file(file)
    except PredictorNotSet as error:
        raise Unservable(str(error)) from None
    for candidate in (name,) if name else _GUESSES[role]:
        target = getattr(module, candidate, None)
        if callable(target):
            return Predictor(target, role)
    raise Unservable(f"{file} has no class or function {name or ' or '.join(_GUESSES[role])}")


def _own_setup(instance: Any) -> Optional[Callable[..., Any]]:
    """Return `setup`, or None if the class has none of its own."""
    if getattr(type(instance), "setup", None) is BaseRunner.setup:
        return None
    setup: Optional[Callable[..., Any]] = getattr(instance, "setup", None)
    return setup


def _method(instance: Any, role: str) -> Callable[..., Any]:
    methods = {name: getattr(instance, name, None) for name in _METHODS[role]}
    names = [name for name, each in methods.items() if callable(each) and not is_default(each)]
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
    """Call `setup`, with the weights if it takes them; return its result, a coroutine if it is asynchronous."""
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
    """The value of COG_WEIGHTS, as annotated: a string, an open file, or a (downloaded) Path."""
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
