"""Serves a synchronous predictor: one prediction at a time, in the main thread."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Dict, Optional

from cog.scope import adopt, enter, leave

from cogworker.health import Health
from cogworker.inputs import close_streams
from cogworker.prediction import Prediction, log_traceback
from cogworker.temporary import Alone
from cogworker.threads import Pools

if TYPE_CHECKING:
    from cogworker.channel import Channel
    from cogworker.inbox import Inbox
    from cogworker.interrupt import Interrupt
    from cogworker.logs import Logs
    from cogworker.predictor import Predictor


class Sequential:
    """Runs predictions in the order of arrival."""

    def __init__(self, predictor: Predictor, channel: Channel, logs: Logs, interrupt: Interrupt) -> None:
        self._predictor = predictor
        self._channel = channel
        self._logs = logs
        self._interrupt = interrupt
        self._health = Health(channel, predictor.healthcheck)
        self._temporary = Alone()
        self._pools = Pools()
        self._thread = threading.current_thread()
        self._lock = threading.Lock()
        self._waiting: Dict[str, Prediction] = {}
        self._current: Optional[Prediction] = None
        self._stopping = False

    def serve(self, inbox: Inbox) -> None:
        """Serve until the server sends `shutdown` and all earlier predictions are done."""
        while True:
            try:
                inbox.read_until(lambda: self._waiting or self._stopping)
            except Exception as error:  # from a signal handler of the model, while nothing runs
                log_traceback(error)
                continue
            prediction = self._next()
            if prediction is not None:
                self._run(prediction)
            elif self._stopping:
                return

    def handle(self, header: Dict[str, Any], payload: bytes) -> None:
        """Handle one frame, in the thread that read it."""
        kind = header["type"]
        if kind == "predict":
            self._waiting[header["id"]] = Prediction(self._channel, self._logs, header, payload)
        elif kind == "cancel":
            self._cancel(header["id"])
        elif kind == "healthcheck":
            self._health.answer()
        elif kind == "shutdown":
            self._stopping = True

    def _next(self) -> Optional[Prediction]:
        with self._lock:
            self._current = self._waiting.pop(next(iter(self._waiting))) if self._waiting else None
            return self._current

    def _cancel(self, id: str) -> None:  # noqa: A002
        with self._lock:
            waiting = self._waiting.pop(id, None)
            if self._current is not None and self._current.id == id:
                self._current.canceled = True
                self._interrupt.cancel(id)
        if waiting is not None:
            waiting.finish()

    def _run(self, prediction: Prediction) -> None:
        prediction.start()
        enter(prediction.scope)
        adopt(self._thread, prediction.scope)
        self._pools.install()
        self._temporary.enter(prediction.folder)
        arguments: Dict[str, Any] = {}
        try:
            try:
                self._interrupt.begin(prediction.id)
                arguments.update(prediction.arguments(self._predictor.inputs))
                self._take(prediction, self._predictor.function(**arguments))
            finally:
                self._interrupt.end()
        except BaseException as error:
            prediction.fail(error)
        with self._lock:
            self._current = None
            self._interrupt.forget()
        close_streams(arguments)
        self._temporary.leave()
        leave(prediction.scope)
        adopt(self._thread, None)
        prediction.finish()

    def _take(self, prediction: Prediction, result: Any) -> None:
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError("predict returned a coroutine: define it with `async def`")
        if not isinstance(result, Iterator) or hasattr(result, "read"):
            prediction.succeed(result)
            return
        prediction.begin_stream()
        try:
            for chunk in result:
                prediction.give(chunk)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        prediction.succeed(None)
