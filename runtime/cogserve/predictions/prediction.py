"""One prediction and its states. Every change of a prediction's state is made here.

    ACCEPTED ──► FETCHING ──► WAITING ──► RUNNING ──► STORING ──► SUCCEEDED
        └───────────────────────▲            ├──────────────────────▲
                                             └──► FAILED, CANCELED (from every state before)

Rules:
1. A prediction ends once, in SUCCEEDED, FAILED or CANCELED, and never leaves that state.
2. It runs at most once: RUNNING is entered from WAITING alone, and nothing leads back to WAITING.
3. Only what runs on a worker can succeed: through RUNNING, or STORING where outputs are files.
4. Outputs are told in their order, and all of them before the end.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, FrozenSet, List, Mapping, Optional, Tuple

import msgspec

MAX_LOGS = 8 * 1024 * 1024
MAX_HISTORY_BYTES = 8 * 1024 * 1024


class State(enum.Enum):
    """A prediction's state, and what clients are told: its `status`."""

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

    # There is one of each, so identity will do; by name, as enums do it, costs more than all that a step does.
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
    """A step that the rules do not have: always a defect of the server."""


# What a listener is told: start, output, log, metric, completed; and the event's data.
Event = Tuple[str, Dict[str, Any]]
Listener = Callable[[Event], None]


class Prediction:
    """What is known of one prediction. Times are of the monotonic clock, except where named otherwise."""

    __slots__ = (
        "_history_bytes",
        "_history_limit",
        "_history_start",
        "_listeners",
        "_log_size",
        "accepted_at",
        "cancel_reason",
        "chunks",
        "context",
        "created_at",
        "error",
        "expired",
        "finished_at",
        "folder",
        "given",
        "has_files",
        "history",
        "id",
        "input",
        "invalid",
        "logs",
        "metrics",
        "output",
        "output_size",
        "running_at",
        "state",
        "told",
        "trace",
    )

    def __init__(
        self,
        id: str,  # noqa: A002 - it is what clients call it
        input: bytes,  # noqa: A002
        *,
        context: Optional[Dict[str, str]] = None,
        trace: Optional[Dict[str, str]] = None,
        history: int = 1024,
    ) -> None:
        self.id = id
        self.given: Optional[msgspec.Raw] = msgspec.Raw(input)  # as it came
        self.input = input  # as the worker gets it: with local paths for URLs
        self.context = context
        self.trace = trace or {}
        self.state = State.ACCEPTED
        self.folder: Optional[str] = None
        self.has_files = False  # whether files were put into the folder
        self.output: Optional[msgspec.Raw] = None
        self.chunks: Optional[List[msgspec.Raw]] = None
        self.output_size = 0
        self.error: Optional[str] = None
        # Where the input turned out to be unusable while it was fetched: (field, message).
        self.invalid: Optional[Tuple[str, str]] = None
        self.cancel_reason: Optional[str] = None
        self.expired = False  # whether its deadline passed before it could start
        self.told = False  # whether anyone has got the end
        self.metrics: Dict[str, Any] = {}
        self.logs: Deque[str] = deque()
        self._log_size = 0
        self.created_at = time.time()  # wall clock
        self.accepted_at = time.monotonic()
        self.running_at: Optional[float] = None
        self.finished_at: Optional[float] = None
        self.history: Deque[Event] = deque()
        self._history_limit = history
        self._history_start = 0
        self._history_bytes = 0
        self._listeners: List[Listener] = []

    # What it is

    @property
    def finished(self) -> bool:
        return not TRANSITIONS[self.state]

    @property
    def turned_away(self) -> bool:
        """Whether it ended before it ran, with a request to try again or to ask for something else."""
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
        """How many events were told before the oldest that `history` still holds."""
        return self._history_start

    @property
    def size(self) -> int:
        """Bytes that it holds, roughly."""
        return self.output_size + self._log_size + self._history_bytes + 1000

    @property
    def log_text(self) -> str:
        return "".join(self.logs)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; return what ends that."""
        self._listeners.append(listener)

        def forget() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return forget

    # What happens to it

    def move(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"prediction {self.id}: {self.state.name} to {state.name}")
        self.state = state
        if state is State.RUNNING:
            self.running_at = time.monotonic()
            self._tell("start", {"id": self.id, "status": state.status})

    def add_log(self, text: str, source: str = "stdout") -> None:
        """Add to the logs; of very long ones the newest MAX_LOGS characters stay."""
        self.logs.append(text)
        self._log_size += len(text)
        while self._log_size > MAX_LOGS and len(self.logs) > 1:
            self._log_size -= len(self.logs.popleft())
        self._tell("log", {"source": source, "data": text})

    def add_chunk(self, chunk: msgspec.Raw) -> None:
        """Add one element of an output that comes in pieces."""
        if self.chunks is None:
            self.chunks = []
        self.chunks.append(chunk)
        self._tell("output", {"chunk": chunk, "index": len(self.chunks) - 1})

    def set_output(self, output: msgspec.Raw) -> None:
        """Set the output that came in one piece."""
        self.output = output
        self._tell("output", {"chunk": output, "index": 0})

    def record_metric(self, name: str, value: Any, mode: str) -> None:
        """Keep a metric of the model; a name with dots stands in nested objects."""
        *parents, last = name.split(".")
        place = self.metrics
        for parent in parents:
            inner = place.get(parent)
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        if value is None:
            place.pop(last, None)
        elif mode == "incr" and isinstance(place.get(last), (int, float)) and isinstance(value, (int, float)):
            place[last] += value
        elif mode == "append":
            before = place.get(last)
            place[last] = [*before, value] if isinstance(before, list) else [value]
        else:
            place[last] = value
        self._tell("metric", {"name": name, "value": value, "mode": mode})

    def finish(self, state: State, error: Optional[str] = None, seconds: Optional[float] = None) -> None:
        """End it. `seconds` is how long the model took, where it says so."""
        self.move(state)
        self.finished_at = time.monotonic()
        self.error = error
        if seconds is None and self.running_at is not None:
            seconds = self.finished_at - self.running_at
        if seconds is not None:
            self.metrics["predict_time"] = seconds
        self.given, self.input = None, b""
        self._tell("completed", {})
        self._listeners.clear()

    def _tell(self, kind: str, data: Dict[str, Any]) -> None:
        event = (kind, data)
        if self._history_limit:
            self._remember(event)
        for listener in tuple(self._listeners):
            listener(event)

    def _remember(self, event: Event) -> None:
        self.history.append(event)
        self._history_bytes += _size(event)
        while len(self.history) > self._history_limit or (
            self._history_bytes > MAX_HISTORY_BYTES and len(self.history) > 1
        ):
            self._history_bytes -= _size(self.history.popleft())
            self._history_start += 1

    # What is said of it

    def snapshot(self) -> Dict[str, Any]:
        """Return the object that clients get, in Cog's shape."""
        body: Dict[str, Any] = {"id": self.id}
        if self.error is not None:
            body["error"] = self.error
        if self.chunks is not None:
            body["output"] = self.chunks
        elif self.output is not None:
            body["output"] = self.output
        elif self.state is State.SUCCEEDED:
            body["output"] = None
        body["logs"] = self.log_text
        body["status"] = self.state.status
        body["metrics"] = self.metrics
        return body


def _size(event: Event) -> int:
    """Bytes of an event, roughly."""
    return 100 + len(event[1].get("data", "")) + len(event[1].get("chunk", b""))
