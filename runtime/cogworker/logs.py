"""Sends Python's stdout and stderr as `log` frames of the prediction that printed.

File descriptors 1 and 2 remain pipes that the server reads: C code and child processes print there.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Dict, Optional

from cog.scope import current_scope

if TYPE_CHECKING:
    from cogworker.channel import Channel
    from cogworker.interrupt import Interrupt

_LARGEST = 64 * 1024  # bytes buffered while waiting for the end of a line; characters of one frame


class LogBuffer(io.BufferedIOBase):
    """The binary side of `sys.stdout` or `sys.stderr`. Sends whole lines, and the rest on `flush`."""

    def __init__(self, channel: Channel, interrupt: Interrupt, source: str, fd: int) -> None:
        self.name = f"<{source}>"
        self._channel = channel
        self._interrupt = interrupt
        self._source = source
        self._fd = fd
        self._unsent: Dict[Optional[str], bytearray] = {}
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._after_fork)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The pipe's, so that `subprocess.run(..., stdout=sys.stdout)` works."""
        return self._fd

    def isatty(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        written = bytes(data)
        if self._channel.forked:
            os.write(self._fd, written)
            return len(written)
        id, line = current_scope().id, b""  # noqa: A001
        self._interrupt.hold()
        try:
            with self._lock:
                unsent = self._unsent.setdefault(id, bytearray())
                unsent += written
                if b"\n" in written or len(unsent) > _LARGEST:
                    line = bytes(self._unsent.pop(id, b""))
            self._send(id, line)
        finally:
            self._interrupt.let_go()
        return len(written)

    def flush(self) -> None:
        self.flush_of(current_scope().id)

    def flush_of(self, id: Optional[str]) -> None:  # noqa: A002
        """Send the buffered output of one prediction (None: of code outside any prediction)."""
        if id not in self._unsent:
            return
        self._interrupt.hold()
        try:
            with self._lock:
                data = bytes(self._unsent.pop(id, b""))
            self._send(id, data)
        finally:
            self._interrupt.let_go()

    def _send(self, id: Optional[str], data: bytes) -> None:  # noqa: A002
        # Never under the lock: a finalizer may print while this thread holds the channel's lock.
        text = data.decode("utf-8", "replace")
        for start in range(0, len(text), _LARGEST):
            part = text[start : start + _LARGEST].encode("utf-8")
            self._channel.send({"type": "log", "id": id, "source": self._source}, part)

    def _after_fork(self) -> None:
        self._unsent.clear()
        self._lock = threading.RLock()


class Logs:
    """`sys.stdout` and `sys.stderr` of this process, once installed."""

    def __init__(self, channel: Channel, interrupt: Interrupt) -> None:
        self._buffers = [LogBuffer(channel, interrupt, "stdout", 1), LogBuffer(channel, interrupt, "stderr", 2)]

    def install(self) -> None:
        for name, buffer in zip(("stdout", "stderr"), self._buffers):
            stream = io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", write_through=True)
            setattr(sys, name, stream)

    def flush_of(self, id: Optional[str]) -> None:  # noqa: A002
        for buffer in self._buffers:
            buffer.flush_of(id)
