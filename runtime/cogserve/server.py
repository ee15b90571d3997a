"""A server from its start to its exit: the nursery tree, signals, and the way out.

    root nursery
     ├─ tasks        of predictions and webhooks; outlive every request
     ├─ supervisor   the worker process
     ├─ edge         HTTP
     └─ signals

On SIGTERM, SIGINT or POST /shutdown: readiness falls; after `pre_stop` no new prediction is taken; what
was accepted has `drain` seconds to end, then it is cancelled; answers and webhooks get a moment; the
worker is ended; the process exits. A thread sees to it that it does, whatever hangs.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from functools import partial
from typing import TYPE_CHECKING, Callable, List, Optional

import trio

from cogserve.app import App
from cogserve.files.client import Client
from cogserve.files.folders import Folders
from cogserve.files.guard import Guard, Resolver, resolve
from cogserve.files.store import Store
from cogserve.health import Health
from cogserve.http import edge
from cogserve.page import page
from cogserve.predictions.handlers import Handlers
from cogserve.predictions.scheduler import Scheduler
from cogserve.schema import documents
from cogserve.schema.inputs import InputSchema, load
from cogserve.webhooks import Webhooks
from cogserve.worker.supervisor import Supervisor

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction
    from cogserve.settings import Settings
    from cogserve.worker.spawn import Started

# After the drain: to write answers and webhooks, and to end the worker.
LAST_WORDS = 1.0
# After all has ended: for those who come to ask for what they are owed.
LAST_QUESTIONS = 5.0
# Until the process is ended by force: the longest way out, and this.
WATCHDOG_MARGIN = 5.0

log = logging.getLogger("cogserve")


class Server:
    """One server, from start to exit.

    Args:
        settings: all of them.
        openapi: the predictor's OpenAPI document, or None.
        start: starts a worker.
        resolver: how names become addresses; tests give their own.
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
        self._hurry = trio.Event()  # do not wait for what runs
        self._close = trio.Event()  # take no more connections
        self.health = Health()

    def stop(self) -> None:
        """Begin the way out; called again: hurry."""
        if self._stop.is_set():
            self._hurry.set()
        self.health.draining = True
        self._stop.set()

    async def run(self, *, task_status: "trio.TaskStatus[List[str]]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until stopped. Reports the URLs when connections are taken."""
        settings = self._settings
        folder = _make_folder()
        try:
            async with trio.open_nursery() as root:
                supervisor, scheduler, webhooks, app = self._assemble(root, folder)
                root.start_soon(supervisor.run)
                root.start_soon(self._listen_to_signals)
                root.start_soon(_sweep, scheduler)
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
            shutil.rmtree(folder, ignore_errors=True)

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
        slots = max(settings.max_concurrency, schema.concurrency if schema is not None else 1)
        scheduler = Scheduler(settings, slots, self.health, root, client, store, Folders(folder, root))
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
        )
        return supervisor, scheduler, webhooks, app

    async def _drain(self, scheduler: Scheduler, webhooks: Webhooks) -> None:
        settings = self._settings
        log.info(
            "shutting down: %d predictions have up to %g seconds", len(scheduler.registry.live), settings.drain
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
                await _wait_told(owed)
                nursery.cancel_scope.cancel()
        if scheduler.registry.live:
            log.warning("%d predictions did not end in time and are cancelled", len(scheduler.registry.live))
            await scheduler.abandon(LAST_WORDS)
        with trio.move_on_after(LAST_WORDS):
            await webhooks.wait_idle()

    async def _listen_to_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                if number == signal.SIGTERM and self._settings.await_explicit_shutdown:
                    log.info("SIGTERM is ignored: --await-explicit-shutdown was given")
                else:
                    self.stop()


async def _then(
    serve: "partial[object]", served: trio.Event, *, task_status: "trio.TaskStatus[List[str]]"
) -> None:
    try:
        await serve(task_status=task_status)  # type: ignore[misc]
    finally:
        served.set()


async def _wait_told(predictions: List[Prediction]) -> None:
    """Give clients that ask from time to time the chance to get what ended just now."""
    with trio.move_on_after(LAST_QUESTIONS):
        while not all(prediction.told for prediction in predictions):  # noqa: ASYNC110 - short, and once
            await trio.sleep(0.05)


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _sweep(scheduler: Scheduler) -> None:
    while True:
        await trio.sleep(10)
        scheduler.registry.sweep()


def _watch(settings: Settings) -> None:
    """Start the thread that ends the process by force when the way out takes too long."""
    limit = settings.pre_stop + settings.drain + 4 * LAST_WORDS + WATCHDOG_MARGIN

    def end() -> None:
        os.write(2, b"error: the shutdown took too long, and the process is ended by force\n")
        os._exit(1)

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()


def _make_folder() -> str:
    """Return a new folder without links in its path, so that what lies below can be told from what does not."""
    return os.path.realpath(tempfile.mkdtemp(prefix="cog-"))
