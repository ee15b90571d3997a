"""A prediction as JSON, in pieces, so that no reader needs a copy of a large output.

An output in memory is written from where it is; one that was moved to a file is read from there piece by piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, Iterator, List, Union

import msgspec
import trio

from cogserve.http.web import answer, headers_of
from cogserve.predictions.prediction import Spilled
from cogserve.protocol import NO_ROOM, Problem, encode

if TYPE_CHECKING:
    from cogserve.http.web import Send
    from cogserve.predictions.prediction import Prediction

# Bytes of an output that is copied into its answer rather than written as a piece of its own.
SHORT = 64 * 1024
PIECE = 256 * 1024

Piece = Union[bytes, memoryview]


class Encoded:
    """One state of a prediction, as JSON.

    Args:
        snapshot: what `Prediction.snapshot` returned, perhaps with more keys.

    Attributes:
        length: its bytes.
        copied: those of them that are held only for this.
        before: the bytes up to a long output; everything if there is no long output.
    """

    def __init__(self, snapshot: Dict[str, Any]) -> None:
        output = snapshot.get("output")
        self._output: Any = None
        if _is_short(output):
            self.before, self._after = encode(snapshot), b""
            self.length = len(self.before)
        else:
            names = list(snapshot)  # `id` comes before the output, and `status` after it
            at = names.index("output")
            before = encode({name: snapshot[name] for name in names[:at]})
            after = encode({name: snapshot[name] for name in names[at + 1 :]})
            self.before, self._after = before[:-1] + b',"output":', b"," + after[1:]
            self._output = output
            # The list may grow while it is written.
            self._count = len(output) if isinstance(output, list) else 0
            self.length = len(self.before) + _length(output) + len(self._after)
        self.copied = len(self.before) + len(self._after)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Yield the bytes, in order. Can be called again.

        Raises:
            OSError: the file of the output cannot be read.
        """
        yield self.before
        if isinstance(self._output, Spilled):
            async with await trio.open_file(self._output.path, "rb") as file:
                while piece := await file.read(PIECE):
                    yield piece
        elif isinstance(self._output, list):
            for piece in _joined(self._output, self._count):
                yield piece
        elif self._output is not None:
            yield memoryview(self._output)
        if self._after:
            yield self._after


def _is_short(output: Any) -> bool:
    if isinstance(output, Spilled):
        return False
    if isinstance(output, msgspec.Raw):
        return len(output) < SHORT
    # Many small elements are one long output.
    return not isinstance(output, list) or (len(output) < SHORT and sum(map(len, output)) < SHORT)


def _length(output: Union[msgspec.Raw, Spilled, List[msgspec.Raw]]) -> int:
    if isinstance(output, Spilled):
        return output.size
    if isinstance(output, list):
        return sum(map(len, output)) + max(len(output) - 1, 0) + 2
    return len(output)


def _joined(chunks: List[msgspec.Raw], count: int) -> Iterator[Piece]:
    """Yield the JSON list of the first `count` chunks, in pieces of a moderate size."""
    small: List[Any] = [b"["]
    size = 0
    for index in range(count):
        chunk = chunks[index]
        if index:
            small.append(b",")
        if len(chunk) < SHORT:
            small.append(chunk)
            size += len(chunk) + 1
        if len(chunk) >= SHORT or size >= SHORT:
            yield b"".join(small)
            small, size = [], 0
        if len(chunk) >= SHORT:
            yield memoryview(chunk)
    yield b"".join((*small, b"]"))


async def answer_prediction(send: Send, prediction: Prediction, more: Dict[str, Any], status: int = 200) -> None:
    """Write the state of a prediction.

    Args:
        more: keys to add.

    Raises:
        Problem: 503, there is no memory for the answer.
    """
    encoded = Encoded({**prediction.snapshot(), **more})
    if encoded.length < SHORT:
        await answer(send, status, encoded.before)
        return
    if encoded.copied > SHORT and not prediction.has_room(encoded.copied):
        raise Problem(503, {"error": NO_ROOM}, retry_after=5)
    with prediction.in_use(encoded.copied):
        await send({"type": "http.response.start", "status": status, "headers": headers_of(encoded.length)})
        async for piece in encoded.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def write(output: Union[msgspec.Raw, List[msgspec.Raw]], path: str) -> Spilled:
    """Write an output to a new file, as JSON.

    Raises:
        OSError: it cannot be written.
    """
    size = 0
    with open(path, "xb") as file:
        for piece in _joined(output, len(output)) if isinstance(output, list) else [memoryview(output)]:
            size += file.write(piece)
    return Spilled(path, size)
