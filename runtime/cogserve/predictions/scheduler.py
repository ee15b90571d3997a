"""Moves every prediction through its states: accepted, files fetched, waiting, on the worker, files stored, ended.

A prediction has a task of its own only while its files are fetched or stored, or while it is being cancelled.
Otherwise frames and requests move it on as they come.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Optional

import msgspec
import trio
from cogworker import frames

from cogserve.budget import Budget
from cogserve.files import fetch
from cogserve.files.store import OutputUnusable, Store
from cogserve.logs import MODEL
from cogserve.metrics import Metrics
from cogserve.predictions.admission import Admission, Full
from cogserve.predictions.cancellation import cancel_on_worker, ended_within
from cogserve.predictions.encoding import write
from cogserve.predictions.outputs import Outputs, Payload
from cogserve.predictions.prediction import MetricRefused, Prediction, State
from cogserve.predictions.registry import LARGE, Registry
from cogserve.protocol import NO_ROOM, Problem, encode, failed
from cogserve.worker.supervisor import Listener

if TYPE_CHECKING:
    from cogserve.files.client import Client
    from cogserve.files.folders import Folders
    from cogserve.health import Health
    from cogserve.settings import Settings
    from cogserve.worker.process import Exit, Worker

NOT_READY = "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
SETUP_FAILED = "Setup has failed, and this server accepts no predictions. GET /health-check says why."
DEFUNCT = "The model has crashed and no longer starts. GET /health-check says why."
AT_CAPACITY = "At capacity - all prediction slots busy"
DRAINING = "The server is shutting down and accepts no more predictions"

# Seconds in which a large result may be fetched from memory, before it is written to a file.
SPILL_DELAY = 1.0

Task = Callable[..., Awaitable[None]]

log = logging.getLogger("cogserve.predictions")
printed = logging.getLogger(MODEL)


class Scheduler(Listener):
    """Runs predictions on the attached worker.

    Args:
        settings: the server's.
        slots: how many predictions the worker runs at once.
        health: whether predictions are accepted.
        nursery: runs the tasks of predictions; outlives every request.
        client: fetches input files.
        store: uploads output files, or turns them into data URIs.
        folders: where the files of predictions are.
        budget: counts the bytes that predictions hold.
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
        budget: Optional[Budget] = None,
    ) -> None:
        self.admission = Admission(slots, settings.queue)
        self.registry = Registry(settings.results_ttl, settings.results_disk)
        self.budget = budget if budget is not None else Budget(settings.memory)
        self.budget.make_room = self.registry.make_room
        self.metrics = Metrics()
        self.closed = False
        self.input_bytes = 0  # of all predictions that have not ended
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
        # The tasks that fetch or store files.
        self._tasks: Dict[Prediction, trio.CancelScope] = {}
        # For predictions that are being cancelled: set when the worker is done with them.
        self._freed: Dict[Prediction, trio.Event] = {}

    # Requests

    def refusal(self) -> Optional[Problem]:
        """Return why no predictions are accepted now; None if they are."""
        health = self._health
        if self.closed:
            return Problem(503, failed(DRAINING), retry_after=1, close=True)
        if health.was_ready and health.alive:
            return None
        if not health.alive:  # a retry is of no use
            return Problem(503, failed(DEFUNCT if health.was_ready else SETUP_FAILED))
        return Problem(503, failed(NOT_READY), retry_after=5)

    def submit(self, prediction: Prediction, values: Optional[Dict[str, Any]] = None, files: Any = ()) -> None:
        """Accept a prediction.

        Args:
            prediction: a new one.
            values: its input, decoded; needed if it has files.
            files: names of the inputs that are files.

        Raises:
            Problem: it is refused: 409 or 503.
        """
        try:
            self.admission.enter(prediction)
        except Full as full:
            self.metrics.refused += 1
            if self._settings.queue == 0:
                raise Problem(409, failed(AT_CAPACITY)) from None
            message = f"The queue is full: {self.admission.inside} predictions are running or waiting"
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

    def cancel(self, prediction: Prediction, reason: str = "", *, may_run_again: bool = False) -> None:
        """Cancel a prediction in any state. One that runs ends when the worker says so or is dead.

        Args:
            reason: if given, the prediction fails with it rather than being canceled.
            may_run_again: whether a PUT of the same id may run it again.
        """
        if prediction.finished:
            return
        if prediction.cancel_reason is None:
            prediction.may_run_again = may_run_again
        if prediction.cancel_reason is None:
            prediction.cancel_reason = reason
        elif prediction.state is State.RUNNING:
            return  # that is under way
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
        """Return when every prediction has ended."""
        while self.registry.live:
            self._idle = trio.Event()
            await self._idle.wait()

    async def abandon(self, seconds: float) -> None:
        """Cancel everything; what still runs after `seconds` ends with its worker."""
        for prediction in list(self.registry.live.values()):
            self.cancel(prediction, "The server was shut down before the prediction ended", may_run_again=True)
        with trio.move_on_after(seconds):
            await self.wait_idle()
        if self.worker is not None and self.registry.live:
            self.worker.kill("the server was shut down")
            await self.wait_idle()

    # Called by the supervisor

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
                prediction.may_run_again = True
                failure = {"type": "done", "status": "failed", "error": f"The prediction failed: {end.reason}"}
                self._on_done(prediction, failure, b"")

    def give_up(self, reason: str) -> None:
        for prediction in list(self.registry.live.values()):
            self.cancel(prediction, reason, may_run_again=True)

    def on_text(self, source: str, text: str) -> None:
        running = self.admission.running
        # If several run, only the worker knows whose text it is, and sends it in frames.
        self._add_log(next(iter(running.values())) if len(running) == 1 else None, source, text)

    def on_setup_text(self, source: str, text: str) -> None:
        self._add_log(None, source, text)

    def on_frame(self, header: Dict[str, Any], payload: bytes) -> None:
        kind = header["type"]
        prediction = self.admission.running.get(header.get("id") or "")
        if kind == "log":
            self._add_log(prediction, str(header.get("source", "stdout")), payload.decode("utf-8", "replace"))
        elif prediction is None:
            log.debug("a %s frame for a prediction that is not running", kind)
        elif kind == "output":
            self._drain()
            self._outputs.chunk(prediction, header, payload)
        elif kind == "metric":
            self._record_metric(prediction, header, payload)
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
            reason = error.strerror if isinstance(error, OSError) else error
            self._end(prediction, State.FAILED, f"The prediction could not be started: {reason}")
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
        """Run a prediction's own task; an unexpected exception fails that prediction, not the server."""
        try:
            with scope:
                await task(*arguments)
        except Exception:
            log.exception("a task of prediction %s failed", prediction.id)
            self._fail(prediction, "The server failed to handle this prediction; see its log")
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
                prediction.set_input(encode(values))
                self._wait(prediction)

    def _record_metric(self, prediction: Prediction, header: Dict[str, Any], payload: bytes) -> None:
        name = str(header.get("name"))
        try:
            if not prediction.has_room(len(payload)):
                raise MetricRefused(NO_ROOM)
            prediction.record_metric(name, msgspec.json.decode(payload), str(header.get("mode")))
        except (MetricRefused, msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
            self._fail(prediction, f"The metric `{name}` cannot be recorded: {error}")

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
        """Fail a prediction because of what it sent; if it still runs, it is cancelled first."""
        if prediction.state is State.RUNNING:
            self.cancel(prediction, error)
        else:
            self._end(prediction, State.FAILED, error)

    async def _limit(self, prediction: Prediction, seconds: float) -> None:
        if await ended_within(prediction, seconds):
            return
        prediction.expired = prediction.running_at is None
        where = "it was waiting" if prediction.expired else "it was running"
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
            return  # it was cancelled while its own task was about to end it
        self.input_bytes -= len(prediction.given or b"")
        # First the books, then the listeners: whatever these do, the place is free.
        prediction.finish(state, error, seconds)
        self.admission.leave(prediction)
        with prediction.in_use():
            self.registry.end(prediction)
            self._settle_end(prediction)
            prediction.tell_end()
        if prediction.size > LARGE and self.registry.keeps(prediction):
            self._nursery.start_soon(self._spill, prediction)

    def _settle_end(self, prediction: Prediction) -> None:
        self.metrics.observe(prediction.state.status, prediction.seconds_waited, prediction.seconds_run)
        log.debug("prediction %s %s", prediction.id, prediction.state.status)
        if prediction not in self._tasks:
            self._give_folder_back(prediction)
        if not self.registry.live:
            self._idle.set()

    def _give_folder_back(self, prediction: Prediction) -> None:
        folder, prediction.folder = prediction.folder, None
        if folder is not None:
            # The worker names the files that it has put into it, but not if the prediction failed before.
            untouched = prediction.state is State.SUCCEEDED and not prediction.has_files
            self._folders.give_back(folder, untouched=untouched)

    async def _spill(self, prediction: Prediction) -> None:
        """Move a large result into a file, unless somebody gets it soon."""
        await trio.sleep(SPILL_DELAY)
        output = prediction.chunks if prediction.chunks is not None else prediction.output
        if prediction.delivered or output is None or not self.registry.keeps(prediction):
            self.registry.settle(prediction)
            return
        path = ""
        try:
            path = self._folders.new_file()
            file = await trio.to_thread.run_sync(write, output, path)
        except OSError as error:
            log.warning("the result of prediction %s stays in memory: %s", prediction.id, error.strerror)
            self.registry.settle(prediction)
            if path:
                self._folders.remove_file(path)
            return
        if self.registry.keeps(prediction):
            prediction.on_release = lambda: self._folders.remove_file(path)
            self.registry.settle(prediction, file)
        else:
            self._folders.remove_file(path)

    def _drain(self) -> None:
        if self.worker is not None:
            self.worker.drain()

    def _add_log(self, prediction: Optional[Prediction], source: str, text: str) -> None:
        if prediction is not None:
            prediction.add_log(text, source)
        printed.info(text, extra={"source": source, "prediction": prediction.id if prediction else None})
