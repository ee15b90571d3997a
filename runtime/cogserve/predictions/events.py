"""A prediction's events as server-sent events: first those that it has had, then each as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, List

import trio

from cogserve.http.web import Receive, Send, wait_disconnected
from cogserve.predictions.encoding import SHORT, Encoded, Piece
from cogserve.protocol import NO_ROOM, Problem, encode

if TYPE_CHECKING:
    import msgspec

    from cogserve.predictions.prediction import Event, Prediction

KEEP_ALIVE = 15.0
MAX_SUBSCRIBERS = 1024
MISSED = "This reader was too slow or came too late, and missed events"
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """All open event streams of a server."""

    def __init__(self) -> None:
        # By prediction rather than id: another one may get the same id later.
        self._open: Dict[Prediction, int] = {}

    async def follow(self, prediction: Prediction, receive: Receive, send: Send, *, late: bool = False) -> bool:
        """Send events until the prediction has ended or the client is gone.

        A reader that is too slow misses the oldest events, and is told how many. The prediction never
        waits for a reader.

        Args:
            late: whether it is not the reader that started the prediction; it gets as many of the past events
                as COG_STREAM_HISTORY_CAPACITY says.

        Returns:
            Whether this was the last reader, and the prediction has not ended.

        Raises:
            Problem: 429, there are too many readers; 503, there is no memory for what they hold.
        """
        readers = self._open.get(prediction, 0)
        if readers >= MAX_SUBSCRIBERS:
            raise Problem(429, {"error": f"More than {MAX_SUBSCRIBERS} clients follow this prediction"})
        if not prediction.has_room(SHORT):
            raise Problem(503, {"error": NO_ROOM}, retry_after=5)
        self._open[prediction] = readers + 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                with prediction.in_use():
                    await _send_all(prediction, send, late=late)
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


async def _send_all(prediction: Prediction, send: Send, *, late: bool) -> None:
    more = trio.Event()

    def wake(_event: Event) -> None:
        more.set()

    forget = prediction.listen(wake)
    at = _first(prediction) if late else 0  # how many events this reader has had or missed
    missed = at
    try:
        while True:
            more = trio.Event()
            if at < prediction.history_start:
                missed += prediction.history_start - at
                at = prediction.history_start
            if missed:
                await _write(send, _event("error", {"error": MISSED, "skipped": missed}))
                missed = 0
                continue
            index = at - prediction.history_start
            if index < len(prediction.history):
                at += await _write_some(prediction, index, send)
                if prediction.finished and at >= prediction.history_start + len(prediction.history):
                    prediction.delivered = True
                    return
                continue
            with trio.move_on_after(KEEP_ALIVE) as scope:
                await more.wait()
            if scope.cancelled_caught:
                await _write(send, b": keep-alive\n\n")
    finally:
        forget()


def _first(prediction: Prediction) -> int:
    """Return how many events a late reader does not get."""
    end = prediction.history_start + len(prediction.history)
    # The last event is the whole prediction, and for everyone.
    replayed = max(prediction.replay, 1) if prediction.finished else prediction.replay
    return max(prediction.history_start, end - replayed)


async def _write_some(prediction: Prediction, index: int, send: Send) -> int:
    """Write events from `index` on, small ones together, and return how many."""
    small: List[bytes] = []
    size = 0
    for position in range(index, len(prediction.history)):
        kind, data = prediction.history[position]
        chunk = data.get("chunk", b"")
        if kind == "completed" or len(chunk) >= SHORT:
            if small:
                break
            await _write_long(prediction, kind, data, send)
            return 1
        small.append(_event(kind, data))
        size += len(small[-1])
        if size >= SHORT:
            break
    await _write(send, b"".join(small))
    return len(small)


async def _write_long(prediction: Prediction, kind: str, data: Dict[str, Any], send: Send) -> None:
    """Write an event that holds an output, without a copy of it."""
    encoded = Encoded(prediction.snapshot()) if kind == "completed" else None
    copied = encoded.copied if encoded is not None else 0
    with prediction.in_use(copied):
        pieces = encoded.pieces() if encoded is not None else _chunk_pieces(data["chunk"], data["index"])
        await _write(send, b"event: %b\ndata: " % kind.encode())
        async for piece in pieces:
            await _write(send, piece)
        await _write(send, b"\n\n")


async def _chunk_pieces(chunk: msgspec.Raw, index: int) -> AsyncIterator[Piece]:
    yield b'{"chunk":'
    yield memoryview(chunk)
    yield b',"index":%d}' % index


async def _write(send: Send, piece: Piece) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


def _event(kind: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(data))
