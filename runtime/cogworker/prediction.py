"""One prediction in this process, from its `predict` frame to its `done` frame."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from cog.exceptions import CancelationException
from cog.scope import Scope

from cogworker.frames import MAX_PAYLOAD, FrameTooLarge
from cogworker.inputs import Inputs, InvalidInput
from cogworker.outputs import FilesOut, UnusableOutput, encode
from cogworker.temporary import clear

if TYPE_CHECKING:
    from cogworker.channel import Channel
    from cogworker.logs import Logs

_LONGEST_ERROR = 64 * 1024  # characters; the size of a frame's header is limited
_OWN = (
    InvalidInput,
    UnusableOutput,
    FrameTooLarge,
)  # their message says everything; a traceback would add nothing


class Prediction:
    """One prediction. Whatever happens, `finish` sends exactly one `done` frame, and nothing after it.

    Attributes:
        id: the request's id.
        canceled: the server has canceled it; any exception it raises from now on counts as canceled.
        begun: whether its asyncio task has started.
        scope: the prediction as the model's code sees it.
        folder: the prediction's own; also the temporary folder of the model's code.
    """

    def __init__(self, channel: Channel, logs: Logs, header: Dict[str, Any], payload: bytes) -> None:
        self.id: str = header["id"]
        self.folder: str = header["folder"]
        self.scope = Scope(self.id, header.get("context"), self._tell_metric, self.folder)
        self.canceled = False
        self.begun = False
        self._payload = payload
        self._channel = channel
        self._logs = logs
        self._chunks: Optional[int] = None
        self._finished = False
        self._has_files = False
        self._done: Dict[str, Any] = {"status": "canceled"}
        self._output = b""
        self._started = time.perf_counter()

    def start(self) -> None:
        """Record the start time."""
        self._started = time.perf_counter()

    def arguments(self, inputs: Inputs) -> Dict[str, Any]:
        """Return the predictor's arguments.

        Raises:
            InvalidInput: the request's input is invalid.
        """
        try:
            given = json.loads(self._payload.decode() if self._payload else "{}")
        except ValueError as error:
            raise InvalidInput(f"the input is not JSON: {error}") from None
        finally:
            self._payload = b""
        return inputs.bind(given)

    def begin_stream(self) -> None:
        """Mark the output as a stream of chunks, possibly of none."""
        self._chunks = 0

    def give(self, chunk: Any) -> None:
        """Send one chunk of the output."""
        index = self._chunks or 0
        payload, files = self._encoded(chunk)
        self._channel.send({"type": "output", "id": self.id, "index": index, "files": files}, payload)
        self._chunks = index + 1

    def succeed(self, result: Any) -> None:
        """Record success, with the whole output if it was not streamed."""
        payload, files = (b"", []) if self._chunks is not None else self._encoded(result)
        self._done, self._output = {"status": "succeeded", "files": files}, payload

    def _encoded(self, value: Any) -> Tuple[bytes, FilesOut]:
        payload, files = encode(value, self.folder)
        self._has_files = self._has_files or bool(files)
        if len(payload) > MAX_PAYLOAD:
            raise UnusableOutput(
                f"the output is {len(payload)} bytes of JSON, more than the limit of {MAX_PAYLOAD}; "
                "return it as a file"
            )
        return payload, files

    def fail(self, error: BaseException) -> None:
        """Record failure or cancellation, and log the traceback. Call this in the `except` block."""
        self._output = b""
        if self.canceled or isinstance(error, CancelationException):
            self._done = {"status": "canceled"}
            return
        if not isinstance(error, _OWN):
            log_traceback(error)
        self._done = {"status": "failed", "error": describe(error)[:_LONGEST_ERROR]}

    def finish(self) -> None:
        """Send the `done` frame, once."""
        if self._finished:
            return
        self._finished = True
        seconds = time.perf_counter() - self._started
        if self._done["status"] == "succeeded" and not self._has_files:
            clear(self.folder)  # then the server expects it to be empty
        self._logs.flush_of(self.id)
        header = {"type": "done", "id": self.id, "seconds": seconds, "files": [], **self._done}
        try:
            self._channel.send(header, self._output)
        except FrameTooLarge:
            error = "the output has too many files"
            self._channel.send({**header, "status": "failed", "error": error, "files": []})

    def _tell_metric(self, name: str, value: Any, mode: str) -> None:
        data = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
        self._channel.send({"type": "metric", "id": self.id, "name": name, "mode": mode}, data)


def describe(error: BaseException) -> str:
    """An error as text for the client: its message, or its type if the message says nothing alone."""
    if isinstance(error, SystemExit):
        return f"the model called sys.exit({'' if error.code is None else repr(error.code)})"
    try:
        message = str(error)
        if isinstance(error, KeyError):  # its message is only the key
            return f"{type(error).__name__}: {message}"
        return message or type(error).__name__
    except BaseException:
        return type(error).__name__


def log_traceback(error: BaseException) -> None:
    """Print a traceback like Python does, starting at the model's own code."""
    import os
    import traceback

    ours, trace = os.path.dirname(os.path.abspath(__file__)) + os.sep, error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((ours, "<frozen importlib")):
        trace = trace.tb_next
    try:
        traceback.print_exception(type(error), error, trace, file=sys.stderr)
    except BaseException:  # the exception's __str__ raises
        print(f"{type(error).__name__} (its message cannot be shown)", file=sys.stderr)
