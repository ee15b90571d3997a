"""Receives frames.

An idle main thread reads the socket itself, so a prediction needs no thread switch. While the main thread runs the
model's code, a second thread reads frames that have been waiting for PATIENCE seconds: a cancel, a health check,
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
# Larger buffers would be allocated from and returned to the system for every frame.
_PIECE = 64 * 1024

Frame = Tuple[Dict[str, Any], bytes]
Handle = Callable[[Dict[str, Any], bytes], None]


class Inbox:
    """The worker's side of the socketpair, for receiving.

    Args:
        fd: the socket, blocking.
        handle: called with each frame, in the thread that read it.
    """

    def __init__(self, fd: int, handle: Handle) -> None:
        self._fd = fd
        self._handle = handle
        self._decoder = Decoder()
        self._lock = threading.Lock()
        self._main_reads = False
        self._closed = False
        # A poll object serves one thread at a time: the first one waits, the second one checks under the lock.
        self._waiting, self._looking = select.poll(), select.poll()
        for poll in (self._waiting, self._looking):
            poll.register(fd, select.POLLIN)
        threading.Thread(target=self._watch, name="cog-inbox", daemon=True).start()

    def fileno(self) -> int:
        return self._fd

    def hand_over(self, handle: Handle, earlier: List[Frame]) -> None:
        """Switch to another handler, for the earlier frames and all later ones."""
        with self._lock:
            self._handle = handle
            for header, payload in earlier:
                handle(header, payload)

    def close(self) -> None:
        """Stop reading: the end of the server no longer matters."""
        with self._lock:
            self._closed = True

    def read_until(self, done: Callable[[], Any]) -> None:
        """Read and handle frames in the idle main thread until `done()` is true."""
        with self._lock:
            self._main_reads = True
        try:
            while not done():
                self._receive()
        finally:
            self._main_reads = False

    def read_ready(self) -> None:
        """Read and handle available frames without waiting."""
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
            if error.errno is None:  # not from the socket: a signal handler of the model raised TimeoutError
                raise
            data = b""
        if not data:
            os._exit(1)  # the server is gone
        try:
            self._decoder.feed(data)
            for header, payload in self._decoder:
                self._handle(header, payload)
        except FrameError as error:
            os.write(2, f"cogworker: {error}\n".encode())
            os._exit(1)
        except Exception:  # a bug here must not leave a worker that ignores its server
            sys.excepthook(*sys.exc_info())
            os._exit(1)
