"""Frames out, from any thread, whole and in order."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Dict, List, Optional, Tuple

from cogworker.frames import encode

if TYPE_CHECKING:
    from cogworker.interrupt import Interrupt

_SHORT = 64 * 1024  # bytes of a payload that is put behind its header, which is quicker than a list of the two
# Above what programs count on to be free (0 to 2) or use by number, below the usual limit of 1024.
_HIGH = 200


def claim(fd: int) -> int:
    """Move the inherited socket out of reach: to a high number, and closed in whatever the model starts."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # the limit of open files is that low
        os.set_inheritable(fd, False)
        moved = fd
    else:
        os.close(fd)
    os.set_blocking(moved, True)
    return moved


class Channel:
    """The worker's side of the socketpair, for sending.

    A process that the model forks inherits this; there it sends nothing, so the server never sees a frame of
    another process. `forked` says so to `logs`.
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
        """Send one frame; returns when it is written, or when another thread is about to write it.

        Where the server has gone, the process ends: there is nobody to work for.

        Raises:
            FrameTooLarge: and nothing was sent.
        """
        frame = (encode(header, payload), payload)
        if self.forked:
            if header["type"] in ("output", "done"):
                os._exit(0)  # a child of the model's own fork came back out of `predict`
            return
        self._interrupt.hold()
        try:
            self._waiting.append(frame)
            self._write_waiting()
        finally:
            self._interrupt.let_go()

    def _write_waiting(self) -> None:
        # A signal handler or a finaliser of the model's may print while this very thread is in here. In the midst
        # of a frame, its own waits for the writing below it on the stack, which takes it next; a moment before or
        # after, it is written at once, for the lock is this thread's already.
        while self._waiting and self._sender != threading.get_ident():
            with self._lock:
                self._sender = threading.get_ident()
                try:
                    while self._waiting:
                        self._write(self._waiting.popleft())
                except BaseException as error:
                    # The server has gone, or a signal handler of the model's raised an exception right here. The
                    # server must not take what comes next for the rest of this frame.
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
        """Return when every frame is written, whichever thread writes it."""
        with self._lock:
            pass

    def _after_fork(self) -> None:
        self.forked = True
        self._lock = threading.RLock()
        self._waiting.clear()
        self._sender = None
        os.close(self._fd)
