"""The running prediction as the model's code sees it: its metrics and the request's context."""

from __future__ import annotations

import math
import re
import sys
import threading
from contextvars import ContextVar
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

MODES = ("replace", "incr", "append")
_SEGMENT = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")

# Called with the name, value (None: delete) and mode of each valid metric.
Tell = Callable[[str, Any, str], None]


class ExperimentalFeatureWarning(FutureWarning):
    """Kept for code written for older releases; never raised here."""


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a metric's name must be a string, not {name!r}")
    segments = name.split(".")
    if len(name) > 128 or len(segments) > 4 or not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError(
            f"{name!r} is not a valid metric name: use up to 128 characters and 4 segments separated by dots; "
            "each segment starts with a letter, contains letters, digits and single underscores, and does not end "
            "with an underscore"
        )
    if name == "predict_time" or segments[0] == "cog":
        raise ValueError(f"the metric {name!r} is reserved: `predict_time` and `cog.*` belong to the server")


def _kind(value: Any) -> str:
    """The kind of a metric's value. A metric may change its value, but not its kind."""
    for kind, types in (("bool", bool), ("number", (int, float)), ("str", str), ("list", list), ("dict", dict)):
        if isinstance(value, types):
            return kind
    raise TypeError(f"a metric must be a bool, number, str, list or dict, not {type(value).__name__}")


class _Appended(List[Any]):
    """What `append` has made."""


class Metrics:
    """A prediction's metrics, by name."""

    def __init__(self, tell: Optional[Tell]) -> None:
        self._tell = tell
        self._values: Dict[str, Any] = {}

    def record(self, name: str, value: Any, mode: str = "replace") -> None:
        """Set a metric, add to it or append to it.

        Args:
            name: dots make nested objects in the response, as in `timing.load`.
            value: a bool, number, str, list or dict; None deletes the metric.
            mode: `replace`; `incr` adds a number; `append` adds an element to a list.

        Raises:
            ValueError: the name is invalid or reserved, or the value is nan or infinite.
            TypeError: the mode is unknown, or the value is of another kind than the metric.
        """
        if self._tell is None:
            return
        _check_name(name)
        if mode not in MODES:
            raise TypeError(f"a metric's mode must be one of {', '.join(MODES)}, not {mode!r}")
        if value is None:
            self._values.pop(name, None)
            self._tell(name, None, "replace")
            return
        self._values[name] = self._merged(name, value, mode)
        self._tell(name, value, mode)

    def _merged(self, name: str, value: Any, mode: str) -> Any:
        kind = _kind(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"the metric {name!r} is {value!r}, which JSON cannot represent")
        if mode == "incr" and kind != "number":
            raise TypeError(
                f"the metric {name!r} can only be incremented by a number, not by {type(value).__name__}"
            )
        old = self._values.get(name)
        due = "list" if mode == "append" else kind
        if old is not None and _kind(old) != due:
            raise TypeError(
                f"the metric {name!r} is a {_kind(old)}; `{mode}` cannot change it to a {due}. Delete it first"
            )
        if mode == "append":
            if not isinstance(old, _Appended):  # a list of the model's own stays as it is
                old = _Appended(old or ())
            old.append(value)
            return old
        return value if mode == "replace" or old is None else old + value

    def delete(self, name: str) -> None:
        self.record(name, None)

    def __setitem__(self, name: str, value: Any) -> None:
        self.record(name, value)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __delitem__(self, name: str) -> None:
        self.record(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Scope:
    """One prediction while it runs.

    Attributes:
        id: the prediction's id, or None outside a prediction.
        metrics: the recorded metrics; see `Metrics`.
        context: the request's `context`, strings by name.
    """

    def __init__(
        self,
        id: Optional[str] = None,  # noqa: A002
        context: Optional[Mapping[str, str]] = None,
        tell: Optional[Tell] = None,
        folder: Optional[str] = None,
    ) -> None:
        self.id = id
        self._folder = folder
        self._ended = False
        self.context: Dict[str, str] = dict(context or {})
        self.metrics = Metrics(tell)

    def record_metric(self, key: str, value: Any, mode: str = "replace") -> None:
        self.metrics.record(key, value, mode)


_current: ContextVar[Optional[Scope]] = ContextVar("cog_scope", default=None)
_OUTSIDE = Scope()


def enter(scope: Scope) -> None:
    """Make `scope` the current one of this task or thread. The worker calls it when a prediction starts."""
    _current.set(scope)


def leave(scope: Scope) -> None:
    """End `scope`: tasks and threads that it started and that still run are outside of any prediction now."""
    scope._ended = True
    scope.id, scope.context, scope.metrics._tell = None, {}, None
    if _current.get() is scope:
        _current.set(None)


def adopt(thread: threading.Thread, scope: Optional[Scope]) -> None:
    """Make a thread, wherever it has no scope of its own, belong to a prediction; None: to none."""
    thread._cog_scope = scope  # type: ignore[attr-defined]


def step_outside() -> None:
    """Let this thread or task belong to no prediction."""
    _current.set(_OUTSIDE)


def current_scope() -> Scope:
    """The running prediction; outside of one, a scope that records nothing.

    A thread belongs to the prediction in which it was started, and a task to the one in which it was created. When
    that has ended, they are outside.
    """
    scope = _current.get()
    if scope is None:
        scope = getattr(threading.current_thread(), "_cog_scope", None)
    return _OUTSIDE if scope is None or scope._ended else scope


_said: List[bool] = []


def emit_metric(name: str, value: Any) -> None:
    """Deprecated alias of `current_scope().record_metric`; prints a warning once."""
    if not _said:
        _said.append(True)
        print("emit_metric() is deprecated: use current_scope().record_metric(name, value)", file=sys.stderr)
    current_scope().record_metric(name, value)
