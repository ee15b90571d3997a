"""Keeps one worker alive: starts it, waits for its setup, replaces it when it ends.

If the first setup fails, that is final (SETUP_FAILED): the same code would fail again, and whoever deploys it must
see it. A worker that ends later is replaced: at once if it has completed a prediction, else with growing pauses.
After MAX_FAILURES failed setups in a row the status is DEFUNCT, and the supervisor gives up.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

import trio

from cogserve.health import Health, Setup, Status
from cogserve.worker.process import Exit, Worker

if TYPE_CHECKING:
    from cogserve.settings import Settings
    from cogserve.worker.spawn import Started

HEALTHCHECK_TIMEOUT = 5.0
# The worker reports a health check that hangs; this is for a worker that hangs itself.
HEALTHCHECK_MARGIN = 1.0
MAX_FAILURES = 6
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SHUTDOWN_GRACE = 2.0
READY_FILE = "/var/run/cog/ready"

log = logging.getLogger("cogserve.worker")


class Listener:
    """Gets the supervisor's events; the scheduler is one."""

    def attach(self, worker: Worker) -> None:
        """A worker is ready."""

    def detach(self, end: Exit) -> None:
        """The worker that was attached has ended."""

    def give_up(self, reason: str) -> None:
        """There will be no more workers."""

    def on_frame(self, header: Dict[str, Any], payload: bytes) -> None:
        """A frame about a prediction."""

    def on_text(self, source: str, text: str) -> None:
        """Text that an attached worker printed."""

    def on_setup_text(self, source: str, text: str) -> None:
        """Text that a worker printed before it was ready."""


class Supervisor:
    """Runs workers one after another.

    Args:
        settings: the server's.
        health: is kept up to date.
        listener: gets the events.
        start: starts a worker.
    """

    def __init__(
        self, settings: Settings, health: Health, listener: Listener, start: Callable[[], Started]
    ) -> None:
        self._settings = settings
        self._health = health
        self._listener = listener
        self._start = start
        self.worker: Optional[Worker] = None
        self.python: Optional[str] = None
        self._settled = trio.Event()  # setup has succeeded or failed
        self._setup_error: Optional[str] = None
        self._attached = False
        self._served = False
        self._stopping = False
        self._checked: Optional[trio.Event] = None
        self._check: Dict[str, Any] = {}

    async def run(self) -> None:
        """Keep a worker alive until `stop`, or until setups fail too often."""
        failures = crashes = 0
        while True:
            end, served = await self._run_one()
            if self._stopping:
                return
            log.error("the worker ended: %s", end.reason)
            if not self._health.was_ready:
                self._fail_setup(end.reason)
                return
            failures = failures + 1 if served is None else 0
            crashes = 0 if served else crashes + 1
            if failures >= MAX_FAILURES:
                self._health.status = Status.DEFUNCT
                self._listener.give_up(f"The model no longer starts: {end.reason}")
                return
            self._health.status = Status.STARTING
            self._health.restarts += 1
            if crashes > 1:
                await trio.sleep(min(FIRST_PAUSE * 2 ** (crashes - 2), LONGEST_PAUSE))

    async def stop(self) -> None:
        """End the worker: by a message, then by signals. Takes little more than SHUTDOWN_GRACE."""
        self._stopping = True
        worker = self.worker
        if worker is None:
            return
        worker.send({"type": "shutdown"})
        with trio.move_on_after(SHUTDOWN_GRACE / 2):
            await worker.ended.wait()
        worker.signal(signal.SIGTERM)
        with trio.move_on_after(SHUTDOWN_GRACE / 2):
            await worker.ended.wait()
        worker.kill()

    async def healthcheck(self) -> Optional[str]:
        """Run the model's own health check; return what is wrong, or None. Concurrent calls share one result."""
        worker = self.worker
        if worker is None or not self._attached:
            return None
        if self._checked is None:
            self._checked = trio.Event()
            worker.send({"type": "healthcheck"})
        checked = self._checked
        with trio.move_on_after(HEALTHCHECK_TIMEOUT + HEALTHCHECK_MARGIN) as scope:
            await checked.wait()
        if scope.cancelled_caught:
            self._checked = None
            return f"Healthcheck failed: user-defined healthcheck timed out after {HEALTHCHECK_TIMEOUT} seconds"
        if self._check.get("ok", True):
            return None
        return str(self._check.get("error") or "Healthcheck failed: user-defined healthcheck returned False")

    async def _run_one(self) -> "tuple[Exit, Optional[bool]]":
        """Run one worker to its end.

        Returns:
            How it ended, and whether it has completed a prediction; None if its setup did not succeed.
        """
        self._health.setup = Setup()
        self._settled = trio.Event()
        self._setup_error = None
        self._served = False
        try:
            started = self._start()
        except OSError as error:
            return Exit(-1, f"the model's process could not be started: {error}"), None
        try:
            self.worker = worker = Worker(started, self._on_frame, self._on_text)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._limit_setup, worker)
                end = await worker.run()
                nursery.cancel_scope.cancel()
        finally:
            was_ready = self._attached
            self._attached = False
            self.worker = None
            if self._checked is not None:
                self._check = {"ok": True}
                self._checked.set()
                self._checked = None
        if was_ready:
            self._listener.detach(end)
            return end, self._served
        return (end if self._setup_error is None else Exit(end.code, self._setup_error)), None

    async def _limit_setup(self, worker: Worker) -> None:
        limit = self._settings.setup_timeout
        with trio.move_on_after(math.inf if limit is None else limit) as scope:
            await self._settled.wait()
        if scope.cancelled_caught:
            worker.kill(f"setup did not end within {limit:g} seconds")
        elif self._setup_error is not None:
            await trio.sleep(SHUTDOWN_GRACE)  # it should end by itself
            worker.kill()

    def _fail_setup(self, reason: str) -> None:
        self._health.setup.add_log("" if reason in self._health.setup.logs else f"{reason}\n")
        self._health.setup.complete("failed")
        self._health.status = Status.SETUP_FAILED
        self._listener.give_up(f"Setup failed: {reason}")

    def _on_text(self, source: str, text: str) -> None:
        if self._attached:
            self._listener.on_text(source, text)
        else:
            self._health.setup.add_log(text)
            self._listener.on_setup_text(source, text)

    def _on_frame(self, header: Dict[str, Any], payload: bytes) -> None:
        kind = header["type"]
        if self._attached and kind not in ("health", "ready"):
            self._served = self._served or kind == "done"
            self._listener.on_frame(header, payload)
        elif kind == "log":
            self._on_text(str(header.get("source", "stdout")), payload.decode("utf-8", "replace"))
        elif kind == "ready":
            self._on_ready(header)
        elif kind == "setup_failed":
            self._setup_error = str(header.get("error", "setup failed"))
            self._settled.set()
        elif kind == "health":
            self._check = header
            if self._checked is not None:
                self._checked.set()
                self._checked = None

    def _on_ready(self, header: Dict[str, Any]) -> None:
        worker = self.worker
        if worker is None or self._attached:
            return
        worker.drain()  # what setup printed belongs to setup
        self.python = header.get("version")
        self._health.setup.complete("succeeded", header.get("setup_seconds"))
        self._health.status = Status.READY
        self._health.was_ready = True
        self._attached = True
        self._settled.set()
        log.info("the model is ready")
        if self._settings.kubernetes:
            _write_ready_file()
        self._listener.attach(worker)


def _write_ready_file() -> None:
    """Write the file that tells Kubernetes that the model is ready, as Cog does."""
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(READY_FILE), exist_ok=True)
        with open(READY_FILE, "w"):
            pass
