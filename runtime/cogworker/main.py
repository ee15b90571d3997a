"""The life of the process: load the model, set it up, serve, exit.

    python -u -m cogworker --fd N --predict FILE.py:NAME [--train]

The working folder is the project's. The process exits with status 1 after `setup_failed`, with 0 after `shutdown`
when all work is done, and at once if the server goes away.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Protocol, Tuple

from cogworker import threads
from cogworker.channel import Channel, claim
from cogworker.inbox import Frame, Inbox
from cogworker.interrupt import Interrupt
from cogworker.logs import Logs
from cogworker.parent import die_with_parent, end_group_with_server
from cogworker.prediction import describe, log_traceback
from cogworker.sequential import Sequential


class Service(Protocol):
    """One of the two ways to serve."""

    def handle(self, header: Dict[str, Any], payload: bytes) -> None:
        """Handle one frame, in the thread that read it."""

    def serve(self, inbox: Inbox) -> None:
        """Serve until the server sends `shutdown` and all earlier predictions are done."""


def _words(words: List[str]) -> Tuple[int, str, str]:
    """Return the socket's file descriptor, the reference and the role. Only the server starts this process."""
    given = dict(zip(words, [*words[1:], ""]))
    return int(given["--fd"]), given["--predict"], "train" if "--train" in given else "predict"


def _limit(declared: int) -> int:
    """How many predictions may run at once: as the environment says, else as the model says."""
    text = os.environ.get("COG_MAX_CONCURRENCY", "").strip()
    return int(text) if text else max(declared, 1)


class Worker:
    """The worker process."""

    def __init__(self, fd: int) -> None:
        started = time.perf_counter()
        self._seconds: Callable[[], float] = lambda: time.perf_counter() - started
        self._interrupt = Interrupt()
        self._channel = Channel(fd, self._interrupt)
        self._logs = Logs(self._channel, self._interrupt)
        self._early: List[Frame] = []
        self._inbox = Inbox(fd, self._hear_early)

    def run(self, reference: str, role: str) -> int:
        """Load, set up and serve the model; return the exit status."""
        self._logs.install()
        threads.install()
        die_with_parent()
        try:
            service = self._prepared(reference, role)
        except BaseException as error:
            self._report_failure(error)
            return 1
        self._logs.flush_of(None)
        version = ".".join(map(str, sys.version_info[:3]))
        self._channel.send({"type": "ready", "version": version, "setup_seconds": self._seconds()})
        self._inbox.hand_over(service.handle, self._early)
        service.serve(self._inbox)
        self._inbox.close()
        self._logs.flush_of(None)
        self._channel.flush()
        return 0

    def _hear_early(self, header: Dict[str, Any], payload: bytes) -> None:
        """Handle a frame that arrives during setup."""
        if header["type"] == "shutdown":
            os._exit(0)
        if header["type"] == "healthcheck":
            self._channel.send({"type": "health", "ok": True})
        else:
            self._early.append((header, payload))

    def _prepared(self, reference: str, role: str) -> Service:
        """Load the model and set it up."""
        from cogworker.predictor import load, run_setup

        predictor = load(reference, role)
        result = run_setup(predictor.setup) if predictor.setup is not None and not predictor.is_async else None
        if not predictor.is_async and not inspect.isawaitable(result):
            return Sequential(predictor, self._channel, self._logs, self._interrupt)
        import asyncio

        from cogworker.concurrent import Concurrent

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        if predictor.is_async and predictor.setup is not None:
            result = run_setup(predictor.setup)
        if inspect.isawaitable(result):
            loop.run_until_complete(result)
        if not predictor.is_async:
            return Sequential(predictor, self._channel, self._logs, self._interrupt)
        return Concurrent(predictor, self._channel, self._logs, loop, _limit(predictor.concurrency))

    def _report_failure(self, error: BaseException) -> None:
        log_traceback(error)
        self._logs.flush_of(None)
        text, name = describe(error), type(error).__name__
        full = text if isinstance(error, SystemExit) or text.startswith(name) else f"{name}: {text}"
        self._channel.send({"type": "setup_failed", "error": full[: 64 * 1024]})
        self._channel.flush()


def main(words: Optional[List[str]] = None) -> int:
    """Run the worker process."""
    import signal

    fd, reference, role = _words(sys.argv[1:] if words is None else words)
    # Ctrl-C in a terminal reaches the whole process group; the server decides when the worker exits.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    fd = claim(fd)
    end_group_with_server(fd)
    return Worker(fd).run(reference, role)
