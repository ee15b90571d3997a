"""Sends frames, whole and in order, from any thread."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Dict, List, Optional, Tuple

from cogworker.frames import encode

if TYPE_CHECKING:
    from cogworker.interrupt import Interrupt

_SHORT = 64 * 1024  # payloads up to this many bytes are joined with their header, which is faster than writev
# Above the numbers that programs use directly, below the usual limit of 1024.
_HIGH = 200


def claim(fd: int) -> int:
    """Move the inherited socket to a high number, and close it in processes that the model starts."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # the limit of open files is lower
        os.set_inheritable(fd, False)
        moved = fd
    else:
        os.close(fd)
    os.set_blocking(moved, True)
    return moved


class Channel:
    """The worker's side of the socketpair, for sending.

    A process forked by the model inherits this object. There it sends nothing, so the server never receives a
    frame from another process. `logs` reads `forked` to know.
    """

    def __init__(self, fd: int, interrupt: Interrupt) -> None:
        self._fd = fd
        self._interrupt = interrupt
        self._lock = threading.RLock()
        self._sender: Optional[int] = None
        self._waiting: Deque[Tuple[bytes, bytes]] = deque()
        self.forked = False
        os.register_at_fork(after_in_child=self._after_fork)

    def send(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        """Send one frame. Returns when it is written, or when another thread is about to write it.

        If the server is gone, the process exits.

        Raises:
            FrameTooLarge: nothing was sent.
        """
        frame = (encode(header, payload), payload)
        if self.forked:
            if header["type"] in ("output", "done"):
                os._exit(0)  # a process forked by the model returned from `predict`
            return
        self._interrupt.hold()
        try:
            self._waiting.append(frame)
            self._write_waiting()
        finally:
            self._interrupt.let_go()

    def _write_waiting(self) -> None:
        # A signal handler or finalizer of the model may print while this thread is in here. If a frame is half
        # written, the new one waits in the queue, and the interrupted write below on the stack sends it next.
        # Otherwise it is written at once: the lock is reentrant.
        while self._waiting and self._sender != threading.get_ident():
            with self._lock:
                self._sender = threading.get_ident()
                try:
                    while self._waiting:
                        self._write(self._waiting.popleft())
                except BaseException as error:
                    # The server is gone, or a signal handler of the model raised an exception here. The server
                    # must not read the next frame as the rest of this one.
                    if not isinstance(error, ConnectionError):
                        os.write(2, f"cogworker: a frame could not be written: {error!r}\n".encode())
                    os._exit(1)
                self._sender = None

    def _write(self, frame: Tuple[bytes, bytes]) -> None:
        if len(frame[1]) < _SHORT:
            data = frame[0] + frame[1]
            written = os.write(self._fd, data)
            if written == len(data):
                return
            frame = (data[written:], b"")
        rest: List[memoryview] = [memoryview(part) for part in frame if part]
        while rest:
            written = os.writev(self._fd, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if written:
                rest[0] = rest[0][written:]

    def flush(self) -> None:
        """Return when all frames are written, by whichever thread."""
        with self._lock:
            pass

    def _after_fork(self) -> None:
        self.forked = True
        self._lock = threading.RLock()
        self._waiting.clear()
        self._sender = None
        os.close(self._fd)
