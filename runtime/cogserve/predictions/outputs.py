"""Collects a prediction's output: checks it, stores its files, and keeps it in order.

Output without files is added at once. From the first chunk with files on, a task of that prediction adds
everything in order, because storing files takes time, and what comes next must wait for them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable, Dict, Union

import msgspec
import trio

from cogserve.files.store import OutputUnusable, Store, place
from cogserve.protocol import NO_ROOM, encode

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction

Header = Dict[str, Any]
# As the worker sent it; Raw where it was decoded and put together again.
Payload = Union[bytes, msgspec.Raw]

_as_raw = msgspec.json.Decoder(msgspec.Raw)


class Outputs:
    """The output of all predictions that run.

    Args:
        store: uploads files, or turns them into data URIs.
        limit: bytes of one output, including its files as data URIs.
        spawn: runs a task for a prediction.
        complete: called with the `done` frame of a prediction whose files are stored.
        fail: called with the error in a prediction's output.
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
        """Handle an `output` frame."""
        try:
            self._count(prediction, len(payload))
            if not self.defer(prediction, header, payload):
                prediction.add_chunk(_raw(payload))
        except OutputUnusable as error:
            self._fail(prediction, str(error))

    def whole(self, prediction: Prediction, payload: Payload) -> None:
        """Set an output that came in one piece; empty if it came in chunks.

        Raises:
            OutputUnusable: it is not JSON, or too large.
        """
        self._count(prediction, len(payload))
        if payload:
            prediction.set_output(_raw(payload))
        elif prediction.chunks is None:
            prediction.chunks = []  # a stream without elements

    def defer(self, prediction: Prediction, header: Header, payload: bytes) -> bool:
        """Let a frame wait for the files before it, or for its own; return whether it has to."""
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
            prediction.drop_output()
            raise self._too_large()
        if not prediction.has_room(size):
            prediction.drop_output()
            raise OutputUnusable(f"The output is too large: {NO_ROOM[0].lower()}{NO_ROOM[1:]}")

    def _too_large(self) -> OutputUnusable:
        return OutputUnusable(
            f"The output is too large: over the limit of {self._limit} bytes (`server.max_output` in cog.yaml)"
        )


def _raw(payload: Payload) -> msgspec.Raw:
    if isinstance(payload, msgspec.Raw):
        return payload
    try:
        return _as_raw.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise OutputUnusable(f"The output is not valid JSON: {error}") from None
