"""One prediction and its states. Every change of a prediction's state is made here.

    ACCEPTED ──► FETCHING ──► WAITING ──► RUNNING ──► STORING ──► SUCCEEDED
        └───────────────────────▲            ├──────────────────────▲
                                             └──► FAILED, CANCELED (from every state before)

Rules:
1. A prediction ends once, in SUCCEEDED, FAILED or CANCELED, and never leaves that state.
2. It runs at most once: RUNNING is entered only from WAITING, and nothing leads back to WAITING.
3. Only what runs on a worker can succeed: from RUNNING, or from STORING if outputs are files.
4. Outputs are reported in order, and all of them before the end.
5. A listener that raises an exception is logged; it changes nothing for the prediction or for other listeners.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import math
import sys
import time
from collections import deque
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

import msgspec

from cogserve.budget import Budget

MAX_LOGS = 8 * 1024 * 1024
MAX_HISTORY_BYTES = 8 * 1024 * 1024
MAX_METRICS_BYTES = 1024 * 1024
MAX_METRIC_DEPTH = 20
# Bytes that Python needs beyond the data: for a prediction, an event, and an element of the output.
PREDICTION_BYTES = 3000
EVENT_BYTES = 500
CHUNK_BYTES = 150
# Events that a reader may lag behind, however few are replayed to a late one.
MIN_HISTORY = 1024

_encode = msgspec.json.Encoder().encode

log = logging.getLogger("cogserve.predictions")


class State(enum.Enum):
    """A prediction's state, and the `status` that clients see."""

    ACCEPTED = ("accepted", "starting")
    FETCHING = ("fetching", "starting")
    WAITING = ("waiting", "starting")
    RUNNING = ("running", "processing")
    STORING = ("storing", "processing")
    SUCCEEDED = ("succeeded", "succeeded")
    FAILED = ("failed", "failed")
    CANCELED = ("canceled", "canceled")

    def __init__(self, _name: str, status: str) -> None:
        self.status = status

    # Each member exists once, so its identity will do. The hash that enums have is too slow for every step.
    __hash__ = object.__hash__


_ENDS = frozenset((State.FAILED, State.CANCELED))
TRANSITIONS: Mapping[State, FrozenSet[State]] = {
    State.ACCEPTED: _ENDS | {State.FETCHING, State.WAITING},
    State.FETCHING: _ENDS | {State.WAITING},
    State.WAITING: _ENDS | {State.RUNNING},
    State.RUNNING: _ENDS | {State.STORING, State.SUCCEEDED},
    State.STORING: _ENDS | {State.SUCCEEDED},
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
}


class IllegalTransition(Exception):
    """A step that the rules do not allow: always a bug of the server."""


class MetricRefused(Exception):
    """A metric that cannot be kept; the message says why."""


class Spilled(NamedTuple):
    """An output that was moved to a file, as JSON."""

    path: str
    size: int


# A listener gets the event's kind (start, output, log, metric, completed) and its data.
Event = Tuple[str, Dict[str, Any]]
Listener = Callable[[Event], None]


class Prediction:
    """All that is known of one prediction. Times are of the monotonic clock, unless they say otherwise."""

    __slots__ = (
        *("_budget", "_history_bytes", "_history_limit", "_history_start", "_input_size", "_listeners"),
        *(
            "_log_size",
            "_metrics_size",
            "_released",
            "_users",
            "accepted_at",
            "cancel_reason",
            "chunks",
            "context",
            "created_at",
        ),
        *("detached", "error", "finished_at", "folder", "given", "has_files", "history", "id", "input", "invalid"),
        *(
            "logs",
            "may_run_again",
            "metrics",
            "on_release",
            "output",
            "output_size",
            "replay",
            "running_at",
            "size",
            "spilled",
        ),
        *("state", "delivered", "trace", "expired"),
    )

    def __init__(
        self,
        id: str,  # noqa: A002 - it is what clients call it
        input: bytes,  # noqa: A002
        *,
        context: Optional[Dict[str, str]] = None,
        trace: Optional[Dict[str, str]] = None,
        history: Optional[int] = 1024,
        budget: Optional[Budget] = None,
    ) -> None:
        """Make a prediction that has just been accepted.

        Args:
            input: a JSON object.
            context: what the model's `current_scope().context` holds.
            trace: W3C trace headers for its webhooks.
            history: events that are replayed to a late reader; None if nobody can ask for events.
            budget: counts the bytes that it holds.
        """
        self.id = id
        self.given: Optional[msgspec.Raw] = msgspec.Raw(input)  # as the client sent it
        self.input = input  # as the worker gets it: with local paths in place of URLs
        self.context = context
        self.trace = trace or {}
        self.state = State.ACCEPTED
        self.folder: Optional[str] = None
        self.has_files = False  # whether files were put into the folder
        self.output: Optional[msgspec.Raw] = None
        self.chunks: Optional[List[msgspec.Raw]] = None
        self.spilled: Optional[Spilled] = None
        self.output_size = 0  # bytes of the output, as far as it has come
        self.error: Optional[str] = None
        # If the input turned out to be unusable while its files were fetched: (field, message).
        self.invalid: Optional[Tuple[str, str]] = None
        self.cancel_reason: Optional[str] = None
        self.expired = False  # whether its deadline passed before it could start
        self.may_run_again = False  # whether it ended for a reason that a second try may not meet
        self.delivered = False  # whether anyone has received the result
        self.detached = False  # whether it goes on if the client that started it leaves
        self.metrics: Dict[str, Any] = {}
        self._metrics_size = 0
        self.logs: Deque[str] = deque()
        self._log_size = 0
        self.created_at = time.time()  # wall clock
        self.accepted_at = time.monotonic()
        self.running_at: Optional[float] = None
        self.finished_at: Optional[float] = None
        self.history: Deque[Event] = deque()
        self.replay = history or 0
        self._history_limit = 0 if history is None else max(history, MIN_HISTORY)
        self._history_start = 0
        self._history_bytes = 0
        self._listeners: List[Listener] = []
        self.size = 0  # bytes that it holds, roughly
        self._budget = budget if budget is not None else Budget(sys.maxsize)
        self.on_release: Optional[Callable[[], None]] = None  # called when nobody uses it any more
        self._users = 1  # the registry, and answers that are being written
        self._released = False
        self._input_size = len(input) + _context_size(context)
        self._hold(PREDICTION_BYTES + self._input_size)

    # What it is

    @property
    def finished(self) -> bool:
        return not TRANSITIONS[self.state]

    @property
    def turned_away(self) -> bool:
        """Whether it ended before it ran, and the client was told to try again or to change its input."""
        return self.expired or self.invalid is not None

    @property
    def on_worker(self) -> bool:
        return self.state is State.RUNNING

    @property
    def seconds_waited(self) -> Optional[float]:
        """Seconds from its acceptance to its start; None if it has not started."""
        return None if self.running_at is None else self.running_at - self.accepted_at

    @property
    def seconds_run(self) -> Optional[float]:
        """Seconds from its start to its end; None if it has not started, or not ended."""
        if self.running_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.running_at

    @property
    def history_start(self) -> int:
        """How many events came before the oldest one in `history`."""
        return self._history_start

    @property
    def log_text(self) -> str:
        return "".join(self.logs)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; return a function that stops that."""
        self._listeners.append(listener)

        def forget() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return forget

    # What it holds

    def _hold(self, size: int) -> None:
        if not self._released:
            self.size += size
            self._budget.held += size

    def has_room(self, size: int) -> bool:
        """Whether the server may hold so many more bytes."""
        return self._budget.has_room(size)

    @contextlib.contextmanager
    def in_use(self, size: int = 0) -> Iterator[None]:
        """Count its bytes and `size` more while the block runs, even if the registry drops it meanwhile."""
        self._users += 1
        self._budget.held += size
        try:
            yield
        finally:
            self._budget.held -= size
            self.release()

    def release(self) -> None:
        """One user fewer: the registry has dropped it, or an answer is written."""
        self._users -= 1
        if self._users == 0:
            self._hold(-self.size)
            self._released = True
            if self.on_release is not None:
                self.on_release()

    def set_input(self, input: bytes) -> None:  # noqa: A002
        """Set what the worker gets in place of the client's own input."""
        self._hold(len(input))
        self._input_size += len(input)
        self.input = input

    def spill(self, file: Spilled) -> None:
        """Give up the output in memory: it has been written to a file."""
        self._hold(-self._output_bytes())
        self.output, self.chunks, self.spilled = None, None, file

    def drop_output(self) -> None:
        """Give up the output: there is no room for all of it."""
        self._hold(-self._output_bytes())
        self.output = self.chunks = None

    def _output_bytes(self) -> int:
        if self.chunks is not None:
            return sum(map(len, self.chunks)) + CHUNK_BYTES * len(self.chunks)
        return len(self.output) if self.output is not None else 0

    # What happens to it

    def move(self, state: State) -> None:
        """Go to another state.

        Raises:
            IllegalTransition: the rules do not allow it.
        """
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"prediction {self.id}: {self.state.name} to {state.name}")
        self.state = state
        if state is State.RUNNING:
            self.running_at = time.monotonic()
            self._tell("start", {"id": self.id, "status": state.status})

    def add_log(self, text: str, source: str = "stdout") -> None:
        """Add to the logs; only the newest MAX_LOGS characters are kept."""
        self.logs.append(text)
        before = self._log_size
        self._log_size += len(text)
        while self._log_size > MAX_LOGS and len(self.logs) > 1:
            self._log_size -= len(self.logs.popleft())
        self._hold(self._log_size - before)
        self._tell("log", {"source": source, "data": text})

    def add_chunk(self, chunk: msgspec.Raw) -> None:
        """Add one element of an output that comes in pieces."""
        if self.chunks is None:
            self.chunks = []
        self.chunks.append(chunk)
        self._hold(len(chunk) + CHUNK_BYTES)
        self._tell("output", {"chunk": chunk, "index": len(self.chunks) - 1})

    def set_output(self, output: msgspec.Raw) -> None:
        """Set an output that came in one piece."""
        self.output = output
        self._hold(len(output))
        self._tell("output", {"chunk": output, "index": 0})

    def record_metric(self, name: str, value: Any, mode: str) -> None:
        """Keep a metric of the model; a name with dots stands in nested objects.

        Raises:
            MetricRefused: it is too large, nested too deeply, or no value that JSON can carry.
        """
        size = _metric_size(value)
        *parents, last = name.split(".")
        place = self.metrics
        for parent in parents:
            inner = place.get(parent)
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        before = place.get(last)
        if mode != "append" and before is not None:
            size -= _metric_size(before)
        if self._metrics_size + size > MAX_METRICS_BYTES:
            raise MetricRefused(f"all metrics together have more than {MAX_METRICS_BYTES} bytes")
        if value is None:
            place.pop(last, None)
        elif mode == "incr" and isinstance(before, (int, float)) and isinstance(value, (int, float)):
            total = before + value
            _metric_size(total)
            place[last] = total
        elif mode == "append" and isinstance(before, _Appended):
            before.append(value)
        elif mode == "append":
            place[last] = _Appended([*before, value] if isinstance(before, list) else [value])
        else:
            place[last] = value
        self._metrics_size += size
        self._hold(size)
        self._tell("metric", {"name": name, "value": value, "mode": _MODES.get(mode, mode)})

    def finish(self, state: State, error: Optional[str] = None, seconds: Optional[float] = None) -> None:
        """End it; `tell_end` then tells its listeners.

        Args:
            state: SUCCEEDED, FAILED or CANCELED.
            error: why it failed.
            seconds: how long the model took, if the worker said so.
        """
        self.move(state)
        self.finished_at = time.monotonic()
        self.error = error
        if seconds is None and self.running_at is not None:
            seconds = self.finished_at - self.running_at
        if seconds is not None:
            self.metrics["predict_time"] = seconds
        self._hold(-self._input_size)
        self.given, self.input, self.context = None, b"", None

    def tell_end(self) -> None:
        """Tell the listeners that it has ended. They get nothing after that."""
        self._tell("completed", {})
        self._listeners.clear()

    def _tell(self, kind: str, data: Dict[str, Any]) -> None:
        event = (kind, data)
        if self._history_limit:
            self._remember(event)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener of prediction %s failed at its `%s` event", self.id, kind)

    def _remember(self, event: Event) -> None:
        self.history.append(event)
        before = self._history_bytes
        self._history_bytes += _event_size(event)
        while len(self.history) > self._history_limit or (
            self._history_bytes > MAX_HISTORY_BYTES and len(self.history) > 1
        ):
            self._history_bytes -= _event_size(self.history.popleft())
            self._history_start += 1
        self._hold(self._history_bytes - before)

    # What clients see of it

    def snapshot(self) -> Dict[str, Any]:
        """Return the object that clients get, in Cog's shape.

        Its `output` is None, JSON (Raw), a list of JSON, or a `Spilled` file.
        """
        body: Dict[str, Any] = {"id": self.id}
        if self.error is not None:
            body["error"] = self.error
        output: Union[msgspec.Raw, List[msgspec.Raw], Spilled, None] = self.output
        if self.spilled is not None:
            output = self.spilled
        elif self.chunks is not None:
            output = self.chunks
        if output is not None or self.state is State.SUCCEEDED:
            body["output"] = output
        body["logs"] = self.log_text
        body["status"] = self.state.status
        body["metrics"] = self.metrics
        return body


class _Appended(list):  # type: ignore[type-arg]
    """A list that `append` has made, and so nobody else holds."""


# The worker's names for the modes of a metric, where events call them otherwise.
_MODES = {"incr": "increment"}


def _context_size(context: Optional[Dict[str, str]]) -> int:
    return sum(len(name) + len(value) + EVENT_BYTES for name, value in context.items()) if context else 0


def _event_size(event: Event) -> int:
    """Bytes of an event, roughly."""
    return EVENT_BYTES + len(event[1].get("data", "")) + len(event[1].get("chunk", b""))


def _metric_size(value: Any) -> int:
    """Return the bytes of a metric's value as JSON.

    Raises:
        MetricRefused: it cannot be JSON for a client.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise MetricRefused("it is not a finite number")
    if _depth(value) > MAX_METRIC_DEPTH:
        raise MetricRefused(f"it is nested more than {MAX_METRIC_DEPTH} levels deep")
    try:
        return len(_encode(value))
    except (msgspec.MsgspecError, ValueError, OverflowError, TypeError, RecursionError) as error:
        raise MetricRefused(f"it is no JSON ({error})") from None


def _depth(value: Any) -> int:
    """Return how deeply lists and objects are nested; stops behind the limit."""
    level, inside = 0, [value]
    while inside and level <= MAX_METRIC_DEPTH + 1:
        inside = [
            part
            for one in inside
            if isinstance(one, (list, dict))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        level += 1
    return level - 1
