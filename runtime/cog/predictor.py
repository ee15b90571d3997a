"""The base class of a model, and the decorators of its method."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Optional, TypeVar, Union, overload

from cog.input import NOT_GIVEN, FieldInfo
from cog.scope import Scope, current_scope

Marked = TypeVar("Marked", bound=Callable[..., Any])


class BaseRunner:
    """A model: `setup` runs once, then `run` (or `predict`) for each prediction.

    A subclass defines `run` or `predict`, not both, synchronous or `async`; calling the other one calls it too. It
    may define `setup(self)` or `setup(self, weights)`, and `healthcheck(self)`, which returns False when the model
    is unhealthy.
    """

    # Any arguments, so that a type checker lets a subclass declare its own.
    setup: Callable[..., Any]
    run: Callable[..., Any]
    predict: Callable[..., Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("run", "predict", "train"):
            if name in cls.__dict__:
                _keep_fields(inspect.unwrap(cls.__dict__[name]))

    @property
    def scope(self) -> Scope:
        """The running prediction; see `current_scope`."""
        return current_scope()

    def record_metric(self, key: str, value: Any, mode: str = "replace") -> None:
        """Record a metric of the running prediction; see `Metrics.record`. Does nothing outside a prediction."""
        current_scope().record_metric(key, value, mode)


def _setup(self: BaseRunner, weights: Any = None) -> None:
    """Prepare the model. The default does nothing."""


def _other(name: str, other: str) -> Callable[..., Any]:
    """Return the default of one of the two methods, which calls the other one."""

    def method(self: BaseRunner, *values: Any, **named: Any) -> Any:
        defined = getattr(type(self), other)
        if is_default(defined):
            raise NotImplementedError(f"{type(self).__name__} defines neither run() nor predict()")
        return defined(self, *values, **named)

    method.__name__ = name
    method.__qualname__ = f"BaseRunner.{name}"
    method.__cog_default__ = True  # type: ignore[attr-defined]
    return method


def _keep_fields(function: Any) -> None:
    """Replace each `Input(default=…)` by its default, so that a direct call of the method gets the value.

    The worker finds the `Input(…)` in `__cog_fields__`.
    """
    if not inspect.isfunction(function):
        return
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    given = {**dict(zip(names[len(names) - len(defaults) :], defaults)), **(function.__kwdefaults__ or {})}
    fields = {name: field for name, field in given.items() if isinstance(field, FieldInfo)}
    values = {name: field.default for name, field in fields.items() if field.default is not NOT_GIVEN}
    if not values:
        return
    function.__cog_fields__ = fields  # type: ignore[attr-defined]
    used = {**given, **values}
    function.__defaults__ = tuple(used[name] for name in names[len(names) - len(defaults) :]) or None
    function.__kwdefaults__ = {name: used[name] for name in function.__kwdefaults__ or ()} or None


def is_default(method: Any) -> bool:
    """Return whether a method is `BaseRunner`'s own, which no subclass has replaced."""
    return getattr(method, "__cog_default__", False) is True


BaseRunner.setup = _setup
BaseRunner.run = _other("run", "predict")
BaseRunner.predict = _other("predict", "run")
BasePredictor = BaseRunner
Predictor = BaseRunner  # its name in 2021


@overload
def streaming(function: Marked) -> Marked: ...


@overload
def streaming() -> Callable[[Marked], Marked]: ...


def streaming(function: Optional[Marked] = None) -> Union[Marked, Callable[[Marked], Marked]]:
    """Allow clients to request the output of `predict` as server-sent events: `@streaming` or `@streaming()`."""

    def mark(each: Marked) -> Marked:
        each.__cog_streaming__ = True  # type: ignore[attr-defined]
        return each

    return mark if function is None else mark(function)


@overload
def concurrent(function: Marked) -> Marked: ...


@overload
def concurrent(*, max: int = 1) -> Callable[[Marked], Marked]: ...


def concurrent(
    function: Optional[Marked] = None,
    *,
    max: int = 1,  # noqa: A002  # Cog's keyword
) -> Union[Marked, Callable[[Marked], Marked]]:
    """Allow `max` predictions to run at once: `@concurrent(max=4)`. More than one requires `async def`.

    Raises:
        TypeError: `max` is not an integer, or is more than 1 for a synchronous function.
        ValueError: `max` is less than 1.
    """
    if not isinstance(max, int) or isinstance(max, bool):
        raise TypeError(f"@concurrent requires an integer, not {max!r}")
    if max < 1:
        raise ValueError(f"@concurrent requires max to be at least 1, not {max}")

    def mark(each: Marked) -> Marked:
        plain = inspect.unwrap(each)
        if max > 1 and not (inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)):
            raise TypeError(
                f"@concurrent(max={max}) requires `async def`: other functions run one prediction at a time"
            )
        each.__cog_concurrent__ = max  # type: ignore[attr-defined]
        return each

    return mark if function is None else mark(function)


def load_predictor_from_ref(reference: str) -> Any:
    """Import `predict.py:Predictor` from the working folder, and return an instance, or the function.

    `setup` is not called.

    Raises:
        PredictorNotSet: there is no such file, class or function.
    """
    from cog.errors import PredictorNotSet
    from cog.loading import import_file

    file, _, name = reference.partition(":")
    module = import_file(file)
    for each in [name] if name else ["Runner", "Predictor", "run", "predict"]:
        target = getattr(module, each, None)
        if callable(target):
            return target() if isinstance(target, type) else target
    raise PredictorNotSet(f"{file} has no class or function {name or 'Predictor'}")


def get_predict(predictor: Any) -> Callable[..., Any]:
    """Return the method of an instance that predicts, or the function itself.

    Raises:
        PredictorNotSet: it has neither `run` nor `predict`.
    """
    from cog.errors import PredictorNotSet

    for name in ("run", "predict"):
        method = getattr(predictor, name, None)
        if callable(method) and not is_default(method):
            found: Callable[..., Any] = method
            return found
    if not callable(predictor):
        raise PredictorNotSet(f"{type(predictor).__name__} has neither run() nor predict()")
    return predictor
