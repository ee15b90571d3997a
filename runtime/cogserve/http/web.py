"""Requests and answers in ASGI's terms: reading a body within limits, and writing an answer."""

from __future__ import annotations

import time
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Optional, Tuple

import trio

from cogserve.http.limits import MANY_PIECES, SMALL_PIECE
from cogserve.protocol import Problem, encode, encode_prediction

Scope = Dict[str, Any]
Receive = Callable[[], Awaitable[Dict[str, Any]]]
Send = Callable[[Dict[str, Any]], Awaitable[None]]
Header = Tuple[bytes, bytes]

BODY_RATE = 8 * 1024  # bytes a second

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; charset=utf-8")
CLOSE = (b"connection", b"close")


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Bodies:
    """Reads request bodies: each within its limit, and all together within the server's.

    Args:
        max_body: bytes of one body.
        timeout: seconds that a body may take, beyond those that BODY_RATE gives it.
        max_inflight: bytes of all bodies that are being read or whose predictions live.
        held: how many bytes living predictions hold.
    """

    def __init__(self, max_body: int, timeout: float, max_inflight: int, held: Callable[[], int]) -> None:
        self._max_body = max_body
        self._timeout = timeout
        self._max_inflight = max(max_inflight, max_body)
        self._held = held
        self._reading = 0

    async def read(self, receive: Receive, declared: Optional[bytes], *, complete: bool = False) -> bytes:
        """Return a request's whole body.

        Args:
            declared: the request's Content-Length, if it has one.
            complete: whether it has come already.

        Raises:
            Problem: 413, 408 or 503; the connection must then be closed.
            Disconnected: the client went away.
        """
        expected = int(declared) if declared is not None and declared.isdigit() else 0
        self._allow(expected)
        if complete:
            body: bytes = (await receive())["body"]
            self._allow(len(body))
            return body
        pieces: List[bytes] = []
        size = count = 0
        start = trio.current_time()
        with trio.CancelScope(deadline=start + self._timeout) as scope:
            try:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    piece = message.get("body", b"")
                    if piece:
                        pieces.append(piece)
                        size += len(piece)
                        self._reading += len(piece)
                        count += 1
                        if size > expected:
                            self._allow(size)
                        if count > MANY_PIECES and size < count * SMALL_PIECE:
                            raise Problem(413, {"error": "The body comes in too many small pieces"}, close=True)
                        scope.deadline = start + self._timeout + size / BODY_RATE
                    if not message.get("more_body", False):
                        break
            finally:
                self._reading -= size
        if scope.cancelled_caught:
            raise Problem(408, {"error": "The body came too slowly"}, close=True)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _allow(self, size: int) -> None:
        if size > self._max_body:
            message = f"The body has more than the limit of {self._max_body} bytes"
            raise Problem(413, {"error": message}, close=True)
        if self._reading + self._held() + size > self._max_inflight:
            message = "The server holds as many bytes of requests as it may"
            raise Problem(503, {"error": message, "status": "failed"}, retry_after=5, close=True)


def headers_of(length: int, headers: Iterable[Header] = (JSON,)) -> List[Header]:
    """Return the headers of an answer with a body of this length."""
    return [*headers, (b"content-length", b"%d" % length)]


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
    """Write a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers_of(len(body), headers)})
    await send({"type": "http.response.body", "body": body})


async def answer_prediction(send: Send, snapshot: Dict[str, Any]) -> None:
    """Write what is to be said of a prediction."""
    pieces = encode_prediction(snapshot)
    await send({"type": "http.response.start", "status": 200, "headers": headers_of(sum(map(len, pieces)))})
    for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces):
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


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
