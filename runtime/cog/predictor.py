"""The base class of a model, and the decorators of its method."""

from __future__ import annotations

import inspect
from typing import Any, Callable, TypeVar

from cog.scope import Scope, current_scope

Marked = TypeVar("Marked", bound=Callable[..., Any])


class BaseRunner:
    """A model: `setup` runs once, then `run` (or `predict`) for each prediction.

    A subclass defines `run` or `predict`, not both, synchronous or `async`. It may define `setup(self)` or
    `setup(self, weights)`, and `healthcheck(self)`, which returns False when the model is unhealthy.
    """

    @property
    def scope(self) -> Scope:
        """The running prediction; see `current_scope`."""
        return current_scope()

    def record_metric(self, key: str, value: Any, mode: str = "replace") -> None:
        """Record a metric of the running prediction; see `Metrics.record`. Does nothing outside a prediction."""
        current_scope().record_metric(key, value, mode)


BasePredictor = BaseRunner


def streaming(function: Marked) -> Marked:
    """Allow clients to request the output of `predict` as server-sent events."""
    function.__cog_streaming__ = True  # type: ignore[attr-defined]
    return function


def concurrent(*, max: int) -> Callable[[Marked], Marked]:  # noqa: A002  # Cog's keyword
    """Allow `max` predictions to run at once. More than one requires `async def`.

    Raises:
        TypeError: `max` is not an integer, or is more than 1 for a synchronous function.
        ValueError: `max` is less than 1.
    """
    if not isinstance(max, int) or isinstance(max, bool):
        raise TypeError(f"@concurrent requires an integer, not {max!r}")
    if max < 1:
        raise ValueError(f"@concurrent requires max to be at least 1, not {max}")

    def mark(function: Marked) -> Marked:
        plain = inspect.unwrap(function)
        if max > 1 and not (inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)):
            raise TypeError(
                f"@concurrent(max={max}) requires `async def`: other functions run one prediction at a time"
            )
        function.__cog_concurrent__ = max  # type: ignore[attr-defined]
        return function

    return mark
