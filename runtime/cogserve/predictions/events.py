"""A prediction's events as server-sent events: what was told so far, then what comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional, Tuple

import trio

from cogserve.http.web import Receive, Send, wait_disconnected
from cogserve.protocol import Problem, encode

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Event, Prediction

KEEP_ALIVE = 15.0
MAX_SUBSCRIBERS = 1024
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """All open event streams of a server."""

    def __init__(self) -> None:
        # By prediction rather than id: a slow reader of one that has ended is no reader of the next of its id.
        self._open: Dict[Prediction, int] = {}

    async def follow(self, prediction: Prediction, receive: Receive, send: Send) -> bool:
        """Send events until the prediction has ended or the client is gone.

        A reader that is too slow misses the oldest events, and is told how many. The prediction never
        waits for a reader.

        Returns:
            Whether this was the last reader, and the prediction has not ended.

        Raises:
            Problem: 429, there are too many readers.
        """
        readers = self._open.get(prediction, 0)
        if readers >= MAX_SUBSCRIBERS:
            raise Problem(429, {"error": f"More than {MAX_SUBSCRIBERS} clients follow this prediction"})
        self._open[prediction] = readers + 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                await _send_all(prediction, send)
                await send({"type": "http.response.body", "body": b""})
                nursery.cancel_scope.cancel()
        finally:
            self._open[prediction] -= 1
            if not self._open[prediction]:
                del self._open[prediction]
        return prediction not in self._open and not prediction.finished


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    await wait_disconnected(receive)
    scope.cancel()


async def _send_all(prediction: Prediction, send: Send) -> None:
    more = trio.Event()

    def wake(_event: Event) -> None:
        more.set()

    forget = prediction.listen(wake)
    at = 0  # how many events this reader has had or missed
    try:
        while True:
            more = trio.Event()
            body, at, last = _next(prediction, at)
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            if last:
                prediction.told = True
                return
            if more.is_set():
                continue
            with trio.move_on_after(KEEP_ALIVE) as scope:
                await more.wait()
            if scope.cancelled_caught:
                await send({"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True})
    finally:
        forget()


def _next(prediction: Prediction, at: int) -> Tuple[bytes, int, bool]:
    """Return what a reader that stands at `at` gets now, where it stands then, and whether that is all."""
    pieces = []
    start = prediction.history_start
    if at < start:
        pieces.append(
            _event("error", {"error": "This reader was too slow, and missed events", "skipped": start - at})
        )
        at = start
    last = False
    for index in range(at - start, len(prediction.history)):
        kind, data = prediction.history[index]
        if kind == "completed":
            data = prediction.snapshot()
            last = True
        pieces.append(_event(kind, data))
        at += 1
    return b"".join(pieces), at, last


def _event(kind: str, data: Optional[object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(data))
