"""Frames in. Whoever has nothing better to do reads them.

An idle main thread reads the socket itself, so a prediction costs no switch of threads. While the main thread
runs the model's code, a second thread reads what has lain unread for PATIENCE seconds: a cancel, a health check,
the end of the connection. Both read under one lock, so frames keep their order.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

from cogworker.frames import Decoder, FrameError

PATIENCE = 0.02
# No more: a longer piece of memory is asked of the system, and given back, for every frame.
_PIECE = 64 * 1024

Frame = Tuple[Dict[str, Any], bytes]
Handle = Callable[[Dict[str, Any], bytes], None]


class Inbox:
    """The worker's side of the socketpair, for receiving.

    Args:
        fd: the socket, blocking.
        handle: gets each frame, in the thread that read it.
    """

    def __init__(self, fd: int, handle: Handle) -> None:
        self._fd = fd
        self._handle = handle
        self._decoder = Decoder()
        self._lock = threading.Lock()
        self._main_reads = False
        self._closed = False
        # Two, because a poll object serves one thread at a time: one to wait on, one to look, under the lock.
        self._waiting, self._looking = select.poll(), select.poll()
        for poll in (self._waiting, self._looking):
            poll.register(fd, select.POLLIN)
        threading.Thread(target=self._watch, name="cog-inbox", daemon=True).start()

    def fileno(self) -> int:
        return self._fd

    def hand_over(self, handle: Handle, earlier: List[Frame]) -> None:
        """Give the frames to another handler: those that came earlier, and all from now on."""
        with self._lock:
            self._handle = handle
            for header, payload in earlier:
                handle(header, payload)

    def close(self) -> None:
        """Read nothing more: what the server does now, its end included, is not this process's business."""
        with self._lock:
            self._closed = True

    def read_until(self, done: Callable[[], Any]) -> None:
        """Read and handle frames, as the idle main thread, until `done()` is true."""
        with self._lock:
            self._main_reads = True
        try:
            while not done():
                self._receive()
        finally:
            self._main_reads = False

    def read_ready(self) -> None:
        """Read and handle what is there, without waiting."""
        with self._lock:
            if self._looking.poll(0):
                self._receive()

    def _watch(self) -> None:
        while not self._closed:
            self._waiting.poll()
            time.sleep(PATIENCE)
            with self._lock:
                if self._closed:
                    return
                if not self._main_reads and self._looking.poll(0):
                    self._receive()

    def _receive(self) -> None:
        try:
            data = os.read(self._fd, _PIECE)
        except OSError as error:
            if error.errno is None:  # not the socket's: a signal handler of the model's raised TimeoutError
                raise
            data = b""
        if not data:
            os._exit(1)  # the server has gone, and with it all reason to go on
        try:
            self._decoder.feed(data)
            for header, payload in self._decoder:
                self._handle(header, payload)
        except FrameError as error:
            os.write(2, f"cogworker: {error}\n".encode())
            os._exit(1)
        except Exception:  # a bug here must not leave a worker that hears nothing
            sys.excepthook(*sys.exc_info())
            os._exit(1)
