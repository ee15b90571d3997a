"""The class that a model's own derives from, and the marks for its method."""

from __future__ import annotations

import inspect
from typing import Any, Callable, TypeVar

from cog.scope import Scope, current_scope

Marked = TypeVar("Marked", bound=Callable[..., Any])


class BaseRunner:
    """A model: `setup` once, then `run` (or `predict`) for each prediction.

    A subclass defines `run` or `predict`, not both, synchronous or `async`. It may define
    `setup(self)` or `setup(self, weights)`, and `healthcheck(self)`, which says False where the model is ill.
    """

    @property
    def scope(self) -> Scope:
        """The running prediction; see `current_scope`."""
        return current_scope()

    def record_metric(self, key: str, value: Any, mode: str = "replace") -> None:
        """Give the running prediction a metric; see `Metrics.record`. Does nothing outside of one."""
        current_scope().record_metric(key, value, mode)


BasePredictor = BaseRunner


def streaming(function: Marked) -> Marked:
    """Mark `predict` as one whose output may be asked for as server-sent events."""
    function.__cog_streaming__ = True  # type: ignore[attr-defined]
    return function


def concurrent(*, max: int) -> Callable[[Marked], Marked]:  # noqa: A002  # the keyword that Cog gave it
    """Mark `predict` as one that may run `max` times at once. More than one takes `async def`.

    Raises:
        TypeError: `max` is no whole number, or over 1 for a synchronous function.
        ValueError: `max` is under 1.
    """
    if not isinstance(max, int) or isinstance(max, bool):
        raise TypeError(f"@concurrent takes a whole number, not {max!r}")
    if max < 1:
        raise ValueError(f"@concurrent takes a number from 1 on, not {max}")

    def mark(function: Marked) -> Marked:
        plain = inspect.unwrap(function)
        if max > 1 and not (inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)):
            raise TypeError(f"@concurrent(max={max}) takes an `async def`: a synchronous one runs once at a time")
        function.__cog_concurrent__ = max  # type: ignore[attr-defined]
        return function

    return mark
