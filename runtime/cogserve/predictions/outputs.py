"""Puts a prediction's output together: checks it, stores its files, and keeps its order.

What has no files is taken at once. From the first chunk with files on, a task of the prediction's own takes
everything in its order, because storing takes time and what comes next must wait for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable, Dict, Union

import msgspec
import trio

from cogserve.files.store import OutputUnusable, Store, place
from cogserve.protocol import encode

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction

Header = Dict[str, Any]
# As the worker sent it; Raw where it was decoded and put together again.
Payload = Union[bytes, msgspec.Raw]

_as_raw = msgspec.json.Decoder(msgspec.Raw)


class Outputs:
    """The output of all predictions that run.

    Args:
        store: gives out files.
        limit: bytes that an output may have, its files included.
        spawn: runs a task for a prediction.
        complete: takes the `done` frame of a prediction whose files are stored.
        fail: takes what is wrong with a prediction's output.
    """

    def __init__(
        self,
        store: Store,
        limit: int,
        *,
        spawn: Callable[..., None],
        complete: Callable[[Prediction, Header, Payload], None],
        fail: Callable[[Prediction, str], None],
    ) -> None:
        self._store = store
        self._limit = limit
        self._spawn = spawn
        self._complete = complete
        self._fail = fail
        self._storing: Dict[Prediction, trio.MemorySendChannel[Any]] = {}

    def chunk(self, prediction: Prediction, header: Header, payload: bytes) -> None:
        """Take an `output` frame."""
        try:
            self._count(prediction, len(payload))
            if not self.defer(prediction, header, payload):
                prediction.add_chunk(_raw(payload))
        except OutputUnusable as error:
            self._fail(prediction, str(error))

    def whole(self, prediction: Prediction, payload: Payload) -> None:
        """Take the output that came in one piece; none, where chunks carried it.

        Raises:
            OutputUnusable: it is no JSON, or too much.
        """
        self._count(prediction, len(payload))
        if payload:
            prediction.set_output(_raw(payload))
        elif prediction.chunks is None:
            prediction.chunks = []  # a stream of nothing

    def defer(self, prediction: Prediction, header: Header, payload: bytes) -> bool:
        """Have a frame wait for the files before it, or for its own; return whether it has to."""
        channel = self._storing.get(prediction)
        if channel is None:
            if not header.get("files"):
                return False
            channel, items = trio.open_memory_channel[Any](math.inf)
            self._storing[prediction] = channel
            prediction.has_files = True
            self._spawn(prediction, self._run, prediction, items)
        channel.send_nowait((header, payload))
        return True

    async def _run(self, prediction: Prediction, items: "trio.MemoryReceiveChannel[Any]") -> None:
        try:
            async for header, payload in items:
                output = await self._stored(prediction, header.get("files") or (), payload)
                if prediction.finished:
                    return
                if header["type"] != "output":
                    self._complete(prediction, header, output)
                    return
                self._count(prediction, len(output) - len(payload))
                prediction.add_chunk(_raw(output))
        except OutputUnusable as error:
            self._fail(prediction, str(error))
        finally:
            self._storing.pop(prediction, None)

    async def _stored(self, prediction: Prediction, files: Any, payload: Payload) -> Payload:
        if not files or not payload:
            return payload
        output = msgspec.json.decode(payload)
        size = 0
        for file in files:
            url = await self._store.put(prediction.folder or "", str(file["path"]))
            size += len(url)
            if prediction.output_size + size > self._limit:
                raise self._too_large()
            output = place(output, file["at"], url)
        return output if isinstance(output, msgspec.Raw) else msgspec.Raw(encode(output))

    def _count(self, prediction: Prediction, size: int) -> None:
        prediction.output_size += size
        if prediction.output_size > self._limit:
            raise self._too_large()

    def _too_large(self) -> OutputUnusable:
        return OutputUnusable(f"The output is too large: more than the limit of {self._limit} bytes")


def _raw(payload: Payload) -> msgspec.Raw:
    if isinstance(payload, msgspec.Raw):
        return payload
    try:
        return _as_raw.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise OutputUnusable(f"The output is no valid JSON: {error}") from None
