"""Requests and answers in ASGI's terms: reading a body within limits, and writing an answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Iterable, List, Optional, Tuple

import trio

from cogserve.http.limits import MANY_PIECES, SMALL_PIECE, next_deadline
from cogserve.protocol import NO_ROOM, Problem, encode

if TYPE_CHECKING:
    from cogserve.budget import Budget

Scope = Dict[str, Any]
Receive = Callable[[], Awaitable[Dict[str, Any]]]
Send = Callable[[Dict[str, Any]], Awaitable[None]]
Header = Tuple[bytes, bytes]

# A body that has been silent for so many seconds makes room for others, if there is no other room.
STALLED = 1.0

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; charset=utf-8")
CLOSE = (b"connection", b"close")


class Disconnected(Exception):
    """The client left before its request was complete."""


class _Reading:
    """A body that is being read."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.size = 0
        self.latest = trio.current_time()  # when the latest piece came
        self.problem = Problem(408, {"error": "The body came too slowly"}, close=True)


class Bodies:
    """Reads request bodies: each within its limit, and all together within the server's.

    Args:
        max_body: bytes of one body.
        timeout: seconds that a body may lag behind MIN_RATE.
        max_inflight: bytes of all bodies that are being read, and of the inputs of unfinished predictions.
        inputs: returns how many bytes those inputs have.
        budget: counts all bytes that the server holds.
    """

    def __init__(
        self, max_body: int, timeout: float, max_inflight: int, inputs: Callable[[], int], budget: Budget
    ) -> None:
        self._max_body = max_body
        self._timeout = timeout
        self._max_inflight = max(max_inflight, max_body)
        self._inputs = inputs
        self._budget = budget
        self._readings: Dict[_Reading, None] = {}

    async def read(self, receive: Receive, declared: Optional[bytes], *, complete: bool = False) -> bytes:
        """Return a request's whole body.

        Args:
            declared: the request's Content-Length, if it has one.
            complete: whether all of the body has arrived.

        Raises:
            Problem: 413, 408 or 503; the connection must then be closed.
            Disconnected: the client left.
        """
        expected = int(declared) if declared is not None and declared.isdigit() else 0
        self._allow(expected, None)
        if complete:
            body: bytes = (await receive())["body"]
            self._allow(len(body), None)
            return body
        reading = _Reading()
        self._readings[reading] = None
        try:
            with reading.scope:
                return await self._read_pieces(receive, reading, expected)
            raise reading.problem
        finally:
            del self._readings[reading]
            self._budget.held -= reading.size

    async def _read_pieces(self, receive: Receive, reading: _Reading, expected: int) -> bytes:
        pieces: List[bytes] = []
        count = 0
        deadline = reading.scope.deadline = next_deadline(None, 0, self._timeout)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            if piece:
                pieces.append(piece)
                count += 1
                reading.size += len(piece)
                self._budget.held += len(piece)
                reading.latest = trio.current_time()
                if reading.size > expected:
                    self._allow(0, reading)
                if count > MANY_PIECES and reading.size < count * SMALL_PIECE:
                    raise Problem(413, {"error": "The body comes in too many small pieces"}, close=True)
                deadline = reading.scope.deadline = next_deadline(deadline, len(piece), self._timeout)
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _allow(self, size: int, reading: Optional[_Reading]) -> None:
        """Let a body have so many bytes more than it has.

        Raises:
            Problem: 413 or 503.
        """
        if size + (reading.size if reading is not None else 0) > self._max_body:
            message = f"The body has more than the limit of {self._max_body} bytes (COG_MAX_BODY)"
            raise Problem(413, {"error": message}, close=True)
        while True:
            reads = sum(one.size for one in self._readings)
            inflight = reads + self._inputs() + size
            if inflight <= self._max_inflight and self._budget.has_room(size):
                return
            if not self._drop_slowest(reading):
                break
        message = "The server holds as many bytes of requests as COG_MAX_INFLIGHT allows"
        if inflight <= self._max_inflight:
            message = NO_ROOM
        raise Problem(503, {"error": message, "status": "failed"}, retry_after=5, close=True)

    def _drop_slowest(self, asking: Optional[_Reading]) -> bool:
        """Give up the body that has been silent for longest; return whether there is one."""
        stalled = [one for one in self._readings if one is not asking and one.size]
        slowest = min(stalled, key=lambda one: one.latest, default=None)
        if slowest is None or slowest.latest > trio.current_time() - STALLED:
            return False
        message = "The body stalled, and the server needed its memory for others"
        slowest.problem = Problem(408, {"error": message}, close=True)
        self._budget.held -= slowest.size
        slowest.size = 0
        slowest.scope.cancel()
        return True


def headers_of(length: int, headers: Iterable[Header] = (JSON,)) -> List[Header]:
    """Return the headers of an answer with a body of this length."""
    return [*headers, (b"content-length", b"%d" % length)]


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
    """Write a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers_of(len(body), headers)})
    await send({"type": "http.response.body", "body": body})


async def answer_problem(send: Send, problem: Problem) -> None:
    headers = [JSON]
    if problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % problem.retry_after))
    if problem.allow:
        headers.append((b"allow", problem.allow.encode()))
    if problem.close:
        headers.append(CLOSE)
    await answer(send, problem.status, encode(problem.body), headers)


async def wait_disconnected(receive: Receive) -> None:
    """Return when the client has gone away."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return


def rfc3339(seconds: float) -> str:
    """Return a wall clock time as clients get it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1e6):06}+00:00"
