"""Serves an asynchronous predictor: many predictions at once, as tasks of one asyncio loop in the main thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Deque, Dict, Tuple

from cog.scope import enter, leave

from cogworker.health import Health
from cogworker.inputs import close_streams
from cogworker.prediction import Prediction, log_traceback
from cogworker.temporary import install_for_tasks
from cogworker.threads import Pools

if TYPE_CHECKING:
    from cogworker.channel import Channel
    from cogworker.inbox import Frame, Inbox
    from cogworker.logs import Logs
    from cogworker.predictor import Predictor


class Concurrent:
    """Runs up to `limit` predictions at once; others wait.

    Args:
        loop: the loop that `setup` ran on.
    """

    def __init__(
        self, predictor: Predictor, channel: Channel, logs: Logs, loop: asyncio.AbstractEventLoop, limit: int
    ) -> None:
        self._predictor = predictor
        self._channel = channel
        self._logs = logs
        self._loop = loop
        self._pools = Pools()
        install_for_tasks()
        self._health = Health(channel, predictor.healthcheck, loop)
        self._slots = asyncio.Semaphore(limit)
        self._tasks: Dict[str, Tuple[Prediction, asyncio.Task[None]]] = {}
        self._heard: Deque[Frame] = deque()
        self._stopping = False

    def serve(self, inbox: Inbox) -> None:
        """Serve until the server sends `shutdown` and all earlier predictions are done."""
        self._loop.add_reader(inbox.fileno(), inbox.read_ready)
        while not (self._stopping and not self._tasks):
            try:
                self._loop.run_forever()
            except BaseException as error:  # sys.exit() in a task or signal handler of the model
                log_traceback(error)
        self._loop.remove_reader(inbox.fileno())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    def handle(self, header: Dict[str, Any], payload: bytes) -> None:
        """Handle one frame, in the thread that read it."""
        if header["type"] == "healthcheck":
            self._health.answer()
            return
        self._heard.append((header, payload))
        if threading.current_thread() is threading.main_thread():
            self._handle_heard()
        else:
            self._loop.call_soon_threadsafe(self._handle_heard)

    def _handle_heard(self) -> None:
        """Handle frames in the order of reading: a cancel must not hit the next prediction of the same id."""
        while self._heard:
            self._handle(*self._heard.popleft())

    def _handle(self, header: Dict[str, Any], payload: bytes) -> None:
        kind = header["type"]
        if kind == "predict":
            prediction = Prediction(self._channel, self._logs, header, payload)
            self._tasks[prediction.id] = (prediction, self._loop.create_task(self._run(prediction)))
        elif kind == "cancel" and header["id"] in self._tasks:
            prediction, task = self._tasks[header["id"]]
            if prediction.canceled:
                return  # once: a second one would strike while the model handles the first
            prediction.canceled = True
            task.cancel()
            if not prediction.begun:  # then the task never starts, and its `finally` never runs
                self._ended(prediction)
        elif kind == "shutdown":
            self._stopping = True
            self._stop_if_idle()

    def _ended(self, prediction: Prediction) -> None:
        prediction.finish()  # for a task canceled before its first step
        # Another prediction may have the same id by now.
        if self._tasks.get(prediction.id, (None,))[0] is prediction:
            del self._tasks[prediction.id]
        self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        if self._stopping and not self._tasks:
            self._loop.stop()

    async def _run(self, prediction: Prediction) -> None:
        prediction.begun = True
        self._pools.install()
        try:
            async with self._slots:
                prediction.start()
                enter(prediction.scope)
                try:
                    await self._perform(prediction)
                finally:
                    leave(prediction.scope)
                    prediction.finish()
        except asyncio.CancelledError:
            pass
        finally:
            # Not in a done callback, which would cost one more iteration of the loop.
            self._ended(prediction)

    async def _perform(self, prediction: Prediction) -> None:
        arguments: Dict[str, Any] = {}
        try:
            arguments.update(prediction.arguments(self._predictor.inputs))
            result = self._predictor.function(**arguments)
            await self._take(prediction, await result if inspect.isawaitable(result) else result)
        except BaseException as error:
            prediction.fail(error)
        finally:
            close_streams(arguments)

    async def _take(self, prediction: Prediction, result: Any) -> None:
        if isinstance(result, AsyncIterator):
            prediction.begin_stream()
            try:
                async for chunk in result:
                    prediction.give(chunk)
            finally:
                close = getattr(result, "aclose", None)
                if close is not None:
                    await close()
            prediction.succeed(None)
        elif isinstance(result, Iterator) and not hasattr(result, "read"):
            prediction.begin_stream()
            for chunk in result:
                prediction.give(chunk)
                await asyncio.sleep(0)
            prediction.succeed(None)
        else:
            prediction.succeed(result)
