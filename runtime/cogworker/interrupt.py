"""Cancellation of synchronous code: an exception raised in the main thread, wherever it is.

Rules:
1. Signal handlers run in the main thread alone, between two of its bytecodes. So what this keeps needs no lock.
2. The exception is raised only while a prediction is marked as running, and only if that one is being canceled.
3. It is never raised while a frame is being written (`held`): half a frame would end the connection. It comes
   right after.
4. While the model handles the first one (in its `except`, `finally` or `__exit__`), no second one is raised,
   however often the server asks; if that takes too long, the server ends the process. Code that has swallowed the
   first gets another one, but not within QUIET seconds.
5. A signal that comes a moment before a system call does not end that call, so it is sent until it has struck.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Optional

from cog.exceptions import CancelationException

SIGNAL = signal.SIGUSR1
QUIET = 0.5


class Interrupt:
    """Raises CancelationException in the main thread. Made there, once."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._running: Optional[str] = None
        self._wanted: Optional[str] = None
        self._held = 0
        self._due = False
        self._raised_at = -QUIET
        signal.signal(SIGNAL, lambda _number, _frame: self._strike())

    def begin(self, id: str) -> None:  # noqa: A002
        """Let the exception strike until `end`, if `id` is to be canceled; at once, if that was asked already."""
        self._raised_at = -QUIET
        self._running = id
        self._strike()

    def end(self) -> None:
        self._running = None

    def cancel(self, id: str) -> None:  # noqa: A002
        """Have the exception raised in what runs, or is about to run, as `id`. From any thread."""
        if self._wanted != id:
            self._wanted = id
            threading.Thread(target=self._insist, args=(id,), name="cog-cancel", daemon=True).start()

    def forget(self) -> None:
        """What was wanted has ended; so has what runs, though `end` was struck itself before it could say so."""
        self._wanted = self._running = None

    def _insist(self, id: str) -> None:  # noqa: A002
        while self._wanted == id:
            signal.pthread_kill(self._main, SIGNAL)
            time.sleep(QUIET / 10)

    def hold(self) -> None:
        """Keep the exception off until `let_go`. Calls nest."""
        if threading.get_ident() == self._main:
            self._held += 1

    def let_go(self) -> None:
        if threading.get_ident() == self._main:
            self._held -= 1
            if self._due and not self._held:
                self._due = False
                self._strike()

    def _strike(self) -> None:
        if self._running is None or self._running != self._wanted:
            return
        if self._held:
            self._due = True
        elif _is_handled():
            self._wanted = None
        elif time.monotonic() - self._raised_at >= QUIET:
            self._raised_at = time.monotonic()
            self._wanted = None
            raise CancelationException("the prediction was canceled")


def _is_handled() -> bool:
    """Return whether the interrupted code is handling a CancelationException, or an exception raised meanwhile."""
    error = sys.exc_info()[1]
    for _ in range(100):
        if error is None or isinstance(error, CancelationException):
            break
        error = error.__context__
    return error is not None
