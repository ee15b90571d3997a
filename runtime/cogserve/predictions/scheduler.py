"""Takes every prediction through its states: in, files fetched, a slot, the worker, files stored, the end.

A prediction needs a task of its own only while files are fetched or stored, or while it is being
cancelled; otherwise frames and requests move it on as they come.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Optional

import msgspec
import trio
from cogworker import frames

from cogserve.files import fetch
from cogserve.files.store import OutputUnusable, Store
from cogserve.logs import MODEL
from cogserve.metrics import Metrics
from cogserve.predictions.admission import Admission, Full
from cogserve.predictions.cancellation import cancel_on_worker, ended_within
from cogserve.predictions.outputs import Outputs, Payload
from cogserve.predictions.prediction import Prediction, State
from cogserve.predictions.registry import Registry
from cogserve.protocol import Problem, encode, failed
from cogserve.worker.supervisor import Listener

if TYPE_CHECKING:
    from cogserve.files.client import Client
    from cogserve.files.folders import Folders
    from cogserve.health import Health
    from cogserve.settings import Settings
    from cogserve.worker.process import Exit, Worker

NOT_READY = "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
SETUP_FAILED = "Setup has failed, and this server takes no predictions. GET /health-check says why."
DEFUNCT = "The model has crashed and does not start any more. GET /health-check says why."
AT_CAPACITY = "At capacity - all prediction slots busy"
DRAINING = "The server is shutting down and takes no more predictions"

Task = Callable[..., Awaitable[None]]

log = logging.getLogger("cogserve.predictions")
printed = logging.getLogger(MODEL)


class Scheduler(Listener):
    """Runs predictions on the attached worker.

    Args:
        settings: the server's.
        slots: how many predictions the worker runs at once.
        health: says whether predictions are taken.
        nursery: for what a prediction needs tasks for; outlives every request.
        client: fetches input files.
        store: gives out output files.
        folders: where predictions have their files.
    """

    def __init__(
        self,
        settings: Settings,
        slots: int,
        health: Health,
        nursery: trio.Nursery,
        client: Client,
        store: Store,
        folders: Folders,
    ) -> None:
        self.admission = Admission(slots, settings.queue)
        self.registry = Registry(settings.results_ttl)
        self.metrics = Metrics()
        self.closed = False
        self.input_bytes = 0  # of all predictions that live
        self.worker: Optional[Worker] = None
        self._settings = settings
        self._health = health
        self._nursery = nursery
        self._client = client
        self._folders = folders
        self._outputs = Outputs(
            store, settings.max_output, spawn=self._spawn, complete=self._complete, fail=self._fail
        )
        self._idle = trio.Event()
        # The tasks of predictions whose files are being fetched or stored.
        self._tasks: Dict[Prediction, trio.CancelScope] = {}
        # Of predictions that are being cancelled: set when the worker is done with them.
        self._freed: Dict[Prediction, trio.Event] = {}

    # Requests

    def refusal(self) -> Optional[Problem]:
        """Return why no prediction is taken now, whatever it is; None if they are."""
        health = self._health
        if self.closed:
            return Problem(503, failed(DRAINING), retry_after=1, close=True)
        if health.was_ready and health.alive:
            return None
        if not health.alive:  # to try again is of no use
            return Problem(503, failed(DEFUNCT if health.was_ready else SETUP_FAILED))
        return Problem(503, failed(NOT_READY), retry_after=5)

    def submit(self, prediction: Prediction, values: Optional[Dict[str, Any]] = None, files: Any = ()) -> None:
        """Take a prediction in.

        Args:
            prediction: a new one.
            values: its input, decoded; needed where it has files.
            files: names of the inputs that are files.

        Raises:
            Problem: it is not taken: 409 or 503.
        """
        try:
            self.admission.enter(prediction)
        except Full as full:
            self.metrics.refused += 1
            if self._settings.queue == 0:
                raise Problem(409, failed(AT_CAPACITY)) from None
            message = f"The queue is full: {self.admission.waiting} predictions wait"
            raise Problem(503, failed(message), retry_after=full.retry_after) from None
        self.registry.add(prediction)
        self.input_bytes += len(prediction.input)
        if self._settings.deadline is not None:
            self._nursery.start_soon(self._limit, prediction, self._settings.deadline)
        if files and values is not None and fetch.present(values, files):
            prediction.move(State.FETCHING)
            self._spawn(prediction, self._fetch, prediction, values, files)
        else:
            self._wait(prediction)

    def cancel(self, prediction: Prediction, reason: str = "") -> None:
        """Cancel a prediction, however far it is. One that runs ends when the worker says so or is dead.

        Args:
            reason: where given, the prediction fails with it rather than being canceled.
        """
        if prediction.finished:
            return
        if prediction.cancel_reason is None:
            prediction.cancel_reason = reason
        elif prediction.state is State.RUNNING:
            return  # it is on its way
        if prediction.state is State.RUNNING and self.worker is not None:
            freed = self._freed[prediction] = trio.Event()
            settings = self._settings
            graces = (settings.cancel_grace, settings.kill_grace)
            self._nursery.start_soon(cancel_on_worker, self.worker, prediction.id, freed, *graces)
            return
        task = self._tasks.get(prediction)
        if task is not None:
            task.cancel()
        self._end_cancelled(prediction)

    async def wait_idle(self) -> None:
        """Return when no prediction lives."""
        while self.registry.live:
            self._idle = trio.Event()
            await self._idle.wait()

    async def abandon(self, seconds: float) -> None:
        """Cancel everything; whatever runs after `seconds` still ends with its worker."""
        for prediction in list(self.registry.live.values()):
            self.cancel(prediction, "The server was shut down before the prediction ended")
        with trio.move_on_after(seconds):
            await self.wait_idle()
        if self.worker is not None and self.registry.live:
            self.worker.kill("the server was shut down")
            await self.wait_idle()

    # What the supervisor tells

    def attach(self, worker: Worker) -> None:
        self.worker = worker
        self.admission.open = True
        self._start_waiting()

    def detach(self, end: Exit) -> None:
        self.admission.open = False
        self.worker = None
        for prediction in list(self.admission.running.values()):
            if prediction.cancel_reason is not None:
                self._release(prediction)
                self._end_cancelled(prediction)
            else:
                failure = {"type": "done", "status": "failed", "error": f"The prediction failed: {end.reason}"}
                self._on_done(prediction, failure, b"")

    def give_up(self, reason: str) -> None:
        for prediction in list(self.registry.live.values()):
            self.cancel(prediction, reason)

    def on_text(self, source: str, text: str) -> None:
        running = self.admission.running
        # With several at once only the worker knows whose text it is, and says so in frames.
        self._add_log(next(iter(running.values())) if len(running) == 1 else None, source, text)

    def on_setup_text(self, source: str, text: str) -> None:
        self._add_log(None, source, text)

    def on_frame(self, header: Dict[str, Any], payload: bytes) -> None:
        kind = header["type"]
        prediction = self.admission.running.get(header.get("id") or "")
        if kind == "log":
            self._add_log(prediction, str(header.get("source", "stdout")), payload.decode("utf-8", "replace"))
        elif prediction is None:
            log.debug("a %s frame for a prediction that does not run", kind)
        elif kind == "output":
            self._drain()
            self._outputs.chunk(prediction, header, payload)
        elif kind == "metric":
            prediction.record_metric(str(header["name"]), msgspec.json.decode(payload), str(header.get("mode")))
        elif kind == "done":
            self._drain()
            self._on_done(prediction, header, payload)

    # Steps

    def _wait(self, prediction: Prediction) -> None:
        prediction.move(State.WAITING)
        self.admission.wait(prediction)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while True:
            prediction = self.admission.take()
            if prediction is None:
                return
            self._start(prediction)

    def _start(self, prediction: Prediction) -> None:
        header: Dict[str, Any] = {"type": "predict", "id": prediction.id, "context": prediction.context or {}}
        try:
            if prediction.folder is None:
                prediction.folder = self._folders.take()
            header["folder"] = prediction.folder
            if self.worker is not None:
                self.worker.send(header, prediction.input)
        except (frames.FrameTooLarge, OSError) as error:
            self.admission.release(prediction)
            self._end(prediction, State.FAILED, f"The prediction could not be started: {error}")
            return
        prediction.move(State.RUNNING)

    def _spawn(self, prediction: Prediction, task: Task, *arguments: Any) -> None:
        self._tasks[prediction] = scope = trio.CancelScope()
        self._nursery.start_soon(self._run_task, prediction, scope, task, *arguments)

    async def _run_task(
        self,
        prediction: Prediction,
        scope: trio.CancelScope,
        task: Callable[..., Awaitable[None]],
        *arguments: Any,
    ) -> None:
        """Run a prediction's own task so that a defect in it fails that prediction, not the server."""
        try:
            with scope:
                await task(*arguments)
        except Exception:
            log.exception("a task of prediction %s failed", prediction.id)
            self._fail(prediction, "The server failed to handle this prediction; its log says why")
        finally:
            del self._tasks[prediction]
            if prediction.finished:
                self._give_folder_back(prediction)

    async def _fetch(self, prediction: Prediction, values: Dict[str, Any], files: Any) -> None:
        try:
            prediction.folder = self._folders.take()
            prediction.has_files = True
            await fetch.bring(self._client, values, files, prediction.folder, self._settings.max_download)
        except fetch.InputUnusable as error:
            if error.refused:
                prediction.invalid = (error.field, error.message)
            self._end(prediction, State.FAILED, str(error))
        except OSError as error:
            self._end(prediction, State.FAILED, f"The input could not be stored: {error.strerror}")
        else:
            if not prediction.finished:
                prediction.input = encode(values)
                self._wait(prediction)

    def _on_done(self, prediction: Prediction, header: Dict[str, Any], payload: bytes) -> None:
        self._release(prediction, header.get("seconds"))
        if self._outputs.defer(prediction, header, payload):
            prediction.move(State.STORING)
        else:
            self._complete(prediction, header, payload)

    def _complete(self, prediction: Prediction, header: Dict[str, Any], payload: Payload) -> None:
        status, seconds = header.get("status"), header.get("seconds")
        if prediction.cancel_reason:
            self._end(prediction, State.FAILED, prediction.cancel_reason, seconds)
        elif status == "canceled":
            self._end(prediction, State.CANCELED, None, seconds)
        elif status != "succeeded":
            self._end(prediction, State.FAILED, str(header.get("error") or "The prediction failed"), seconds)
        else:
            try:
                self._outputs.whole(prediction, payload)
            except OutputUnusable as error:
                self._end(prediction, State.FAILED, str(error), seconds)
            else:
                self._end(prediction, State.SUCCEEDED, None, seconds)

    def _fail(self, prediction: Prediction, error: str) -> None:
        """Fail a prediction over its output; if it still runs, it is cancelled first."""
        if prediction.state is State.RUNNING:
            self.cancel(prediction, error)
        else:
            self._end(prediction, State.FAILED, error)

    async def _limit(self, prediction: Prediction, seconds: float) -> None:
        if await ended_within(prediction, seconds):
            return
        prediction.expired = prediction.running_at is None
        where = "it waited for its turn" if prediction.expired else "it was running"
        self.cancel(prediction, f"The deadline of {seconds:g} seconds passed while {where}")

    # Ends

    def _release(self, prediction: Prediction, seconds: Optional[float] = None) -> None:
        self.admission.release(prediction, seconds)
        freed = self._freed.pop(prediction, None)
        if freed is not None:
            freed.set()
        self._start_waiting()

    def _end_cancelled(self, prediction: Prediction) -> None:
        if prediction.cancel_reason:
            self._end(prediction, State.FAILED, prediction.cancel_reason)
        else:
            self._end(prediction, State.CANCELED)

    def _end(
        self, prediction: Prediction, state: State, error: Optional[str] = None, seconds: Optional[float] = None
    ) -> None:
        if prediction.finished:
            return  # it was cancelled while a task of its own was on its way here
        self.input_bytes -= len(prediction.given or b"")
        prediction.finish(state, error, seconds)
        self.admission.leave(prediction)
        self.registry.end(prediction)
        self.metrics.observe(prediction.state.status, prediction.seconds_waited, prediction.seconds_run)
        log.debug("prediction %s %s", prediction.id, prediction.state.status)
        if prediction not in self._tasks:
            self._give_folder_back(prediction)
        if not self.registry.live:
            self._idle.set()

    def _give_folder_back(self, prediction: Prediction) -> None:
        folder, prediction.folder = prediction.folder, None
        if folder is not None:
            # The worker puts files into it alone, and says which; but not of those before one that failed.
            untouched = prediction.state is State.SUCCEEDED and not prediction.has_files
            self._folders.give_back(folder, untouched=untouched)

    def _drain(self) -> None:
        if self.worker is not None:
            self.worker.drain()

    def _add_log(self, prediction: Optional[Prediction], source: str, text: str) -> None:
        if prediction is not None:
            prediction.add_log(text, source)
        printed.info(text, extra={"source": source, "prediction": prediction.id if prediction else None})
