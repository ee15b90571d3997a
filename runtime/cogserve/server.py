"""A server from its start to its exit: the nursery tree, signals, and shutdown.

    root nursery
     ├─ tasks        predictions and webhooks; they outlive every request
     ├─ supervisor   the worker process
     ├─ edge         HTTP
     └─ signals

On SIGTERM, SIGINT or POST /shutdown: `/readyz` says 503; after `pre_stop` seconds no new predictions are
accepted; those that were accepted have `drain` seconds to end, then they are cancelled; answers and webhooks get a
moment; the worker is ended; the process exits. A watchdog thread ends the process if any of this hangs.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Callable, List, Optional

import trio

from cogserve.app import App
from cogserve.budget import Budget
from cogserve.files.client import Client
from cogserve.files.folders import Folders, Root, remove_abandoned
from cogserve.files.guard import Guard, Resolver, resolve
from cogserve.files.store import Store
from cogserve.health import Health
from cogserve.http import edge
from cogserve.http.web import Bodies
from cogserve.page import page
from cogserve.predictions.handlers import Handlers
from cogserve.predictions.scheduler import Scheduler
from cogserve.protocols import Protocols
from cogserve.schema import documents
from cogserve.schema.inputs import InputSchema, load
from cogserve.webhooks import Webhooks
from cogserve.worker.supervisor import Supervisor

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction
    from cogserve.settings import Settings
    from cogserve.worker.spawn import Started

# Seconds after the drain for answers and webhooks, and for the worker to end.
LAST_WORDS = 1.0
# Seconds after the last prediction has ended, for clients that poll for their results.
LAST_QUESTIONS = 5.0
# Seconds beyond the longest shutdown, after which the process is killed.
WATCHDOG_MARGIN = 5.0
PAUSE_INTERVAL = 0.1

log = logging.getLogger("cogserve")


class Server:
    """One server, from start to exit.

    Args:
        settings: all of them.
        openapi: the predictor's OpenAPI document, or None.
        start: starts a worker.
        resolver: resolves host names; tests have their own.
    """

    def __init__(
        self,
        settings: Settings,
        openapi: Optional[bytes],
        start: Callable[[], Started],
        resolver: Resolver = resolve,
    ) -> None:
        self._settings = settings
        self._openapi = openapi
        self._start = start
        self._resolver = resolver
        self._stop = trio.Event()  # begin to drain
        self._hurry = trio.Event()  # do not wait for running predictions
        self._close = trio.Event()  # accept no more connections
        self.health = Health()

    def stop(self) -> None:
        """Begin to shut down; a second call skips the wait."""
        if self._stop.is_set():
            self._hurry.set()
        self.health.draining = True
        self._stop.set()

    async def run(self, *, task_status: "trio.TaskStatus[List[str]]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until stopped. Reports the URLs when it accepts connections."""
        settings = self._settings
        folder = Root()
        try:
            async with trio.open_nursery() as root:
                supervisor, scheduler, webhooks, app = self._assemble(root, folder.path)
                root.start_soon(trio.to_thread.run_sync, remove_abandoned)
                root.start_soon(supervisor.run)
                root.start_soon(self._listen_to_signals)
                root.start_soon(_sweep, scheduler)
                root.start_soon(_measure_pauses, scheduler)
                serve = partial(
                    edge.serve,
                    app,
                    settings.host,
                    settings.port,
                    keep_alive=settings.keep_alive,
                    write_timeout=settings.write_timeout,
                    graceful=LAST_WORDS,
                    parser=settings.parser,
                    stop=self._close.wait,
                )
                served = trio.Event()
                urls = await root.start(_then, serve, served)
                log.info("listening on %s", ", ".join(urls))
                task_status.started(urls)
                await self._stop.wait()
                await self._drain(scheduler, webhooks)
                self._close.set()
                await served.wait()
                await supervisor.stop()
                root.cancel_scope.cancel()
        finally:
            folder.remove()

    def _assemble(self, root: trio.Nursery, folder: str) -> "tuple[Supervisor, Scheduler, Webhooks, App]":
        settings = self._settings
        guard = Guard(settings.allow_private, self._resolver)
        client = Client(guard, settings.user_agent)
        store = Store(client, settings.upload_url, settings.max_output)
        schema = None
        training = False
        if self._openapi is not None:
            document = load(self._openapi)
            schema = InputSchema(document, settings.input_schema)
            schemas = document.get("components", {}).get("schemas", {})
            training = settings.mode == "train" and "TrainingInput" in schemas
        slots = settings.max_concurrency or (1 if schema is None else schema.concurrency)
        budget = Budget(settings.memory)
        scheduler = Scheduler(settings, slots, self.health, root, client, store, Folders(folder, root), budget)
        supervisor = Supervisor(settings, self.health, scheduler, self._start)
        webhooks = Webhooks(settings, client, root)
        handlers = Handlers(settings, scheduler, webhooks.follow, guard, schema)
        lock = documents.lock(settings)
        app = App(
            self.health,
            supervisor,
            scheduler,
            handlers,
            self._openapi,
            lock,
            self.stop,
            training=training,
            page=page() if settings.playground else None,
            allowed_hosts=settings.allowed_hosts,
        )
        if settings.protocols:
            bodies = Bodies(
                settings.max_body,
                settings.body_timeout,
                settings.max_inflight,
                lambda: scheduler.input_bytes,
                budget,
            )
            app = Protocols(app, settings.protocols, self._openapi, settings.model_name, bodies)
        return supervisor, scheduler, webhooks, app

    async def _drain(self, scheduler: Scheduler, webhooks: Webhooks) -> None:
        settings = self._settings
        log.info(
            "shutting down: waiting up to %g s for %d predictions", settings.drain, len(scheduler.registry.live)
        )
        _watch(settings)
        with trio.move_on_after(settings.pre_stop):
            await self._hurry.wait()
        scheduler.closed = True
        owed = list(scheduler.registry.live.values())
        with trio.move_on_after(settings.drain):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when, self._hurry, nursery.cancel_scope)
                await scheduler.wait_idle()
                await webhooks.wait_idle()
                await _wait_delivered(owed)
                nursery.cancel_scope.cancel()
        if scheduler.registry.live:
            log.warning("cancelling %d predictions that did not end in time", len(scheduler.registry.live))
            await scheduler.abandon(LAST_WORDS)
        with trio.move_on_after(LAST_WORDS):
            await webhooks.wait_idle()

    async def _listen_to_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                if number == signal.SIGTERM and self._settings.await_explicit_shutdown:
                    log.info("ignoring SIGTERM, because of --await-explicit-shutdown")
                else:
                    self.stop()


async def _then(
    serve: "partial[object]", served: trio.Event, *, task_status: "trio.TaskStatus[List[str]]"
) -> None:
    try:
        await serve(task_status=task_status)  # type: ignore[misc]
    finally:
        served.set()


async def _wait_delivered(predictions: List[Prediction]) -> None:
    """Give clients that poll the chance to get what has just ended."""
    with trio.move_on_after(LAST_QUESTIONS):
        while not all(prediction.delivered for prediction in predictions):  # noqa: ASYNC110 - short, and once
            await trio.sleep(0.05)


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _sweep(scheduler: Scheduler) -> None:
    while True:
        await trio.sleep(10)
        scheduler.registry.sweep()


async def _measure_pauses(scheduler: Scheduler) -> None:
    """Measure how long other tasks had to wait, because one of them did not yield."""
    while True:
        due = trio.current_time() + PAUSE_INTERVAL
        await trio.sleep_until(due)
        pause = trio.current_time() - due
        if pause > scheduler.metrics.longest_pause:
            scheduler.metrics.longest_pause = pause


def _watch(settings: Settings) -> None:
    """Start the thread that kills the process if the shutdown takes too long."""
    limit = settings.pre_stop + settings.drain + 4 * LAST_WORDS + WATCHDOG_MARGIN

    def end() -> None:
        os.write(2, b"error: the shutdown took too long; exiting now\n")
        os._exit(1)

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
