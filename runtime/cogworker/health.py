"""Runs the model's `healthcheck()` and answers in time, whatever the model does."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, Callable, Optional

from cog.scope import step_outside

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from cogworker.channel import Channel

TIMEOUT = 5.0


class Health:
    """Answers health checks.

    Args:
        check: the model's `healthcheck`, or None; then the model is healthy as long as this process answers.
        loop: the loop of an asynchronous model, for an asynchronous `healthcheck`.
    """

    def __init__(
        self,
        channel: Channel,
        check: Optional[Callable[[], Any]],
        loop: Optional[asyncio.AbstractEventLoop] = None,
    ) -> None:
        self._channel = channel
        self._check = check
        self._loop = loop
        self._lock = threading.Lock()
        self._running: Optional[Future[Any]] = None

    def answer(self) -> None:
        """Send one `health` frame: at once, or from another thread within TIMEOUT seconds."""
        if self._check is None:
            self._channel.send({"type": "health", "ok": True})
        else:
            threading.Thread(target=self._answer, name="cog-health", daemon=True).start()

    def _answer(self) -> None:
        from concurrent.futures import wait

        with self._lock:  # wait again for a check that hangs instead of starting another
            if self._running is None or self._running.done():
                self._running = self._start()
            running = self._running
        wait([running], TIMEOUT)
        error = _verdict(running)
        said = {"error": f"Healthcheck failed: user-defined healthcheck {error}"} if error else {}
        self._channel.send({"type": "health", "ok": not error, **said})

    def _start(self) -> Future[Any]:
        if self._loop is not None and inspect.iscoroutinefunction(self._check):
            import asyncio

            return asyncio.run_coroutine_threadsafe(self._check(), self._loop)
        from concurrent.futures import Future

        future: Future[Any] = Future()
        threading.Thread(target=self._run, args=(future,), name="cog-healthcheck", daemon=True).start()
        return future

    def _run(self, future: Future[Any]) -> None:
        step_outside()
        try:
            result = self._check() if self._check else True
            if inspect.isawaitable(result):
                import asyncio

                result = asyncio.new_event_loop().run_until_complete(result)
            future.set_result(result)
        except BaseException as error:
            future.set_exception(error)


def _verdict(check: Future[Any]) -> str:
    """Why the check failed; an empty string if it did not."""
    if not check.done():
        return f"timed out after {TIMEOUT} seconds"
    if check.cancelled():
        return "was cancelled"
    error = check.exception()
    if error is not None:
        return f"raised {type(error).__name__}: {error}"
    return "returned False" if check.result() is False else ""
