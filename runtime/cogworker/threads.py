"""Lets a thread belong to the prediction in which it was started.

So what a thread prints and records goes to its own prediction, and never to the next one, if the model leaves a
thread behind. A task that is submitted to a pool of threads belongs to the prediction that submits it, whichever
started the thread.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Callable

from cog.scope import Scope, adopt, current_scope, enter, step_outside

_POOLS = "concurrent.futures.thread"


def install() -> None:
    """Let threads that are started from now on belong to the current prediction."""
    original: Callable[[threading.Thread], None] = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        adopt(thread, current_scope())
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign]


class Pools:
    """Lets the tasks of thread pools belong to the prediction that submits them."""

    def __init__(self) -> None:
        self._installed = False

    def install(self) -> None:
        """Do so from now on, if the model has imported the module of pools. Cheap, for every prediction."""
        if self._installed or _POOLS not in sys.modules:
            return
        self._installed = True
        executor: Any = sys.modules[_POOLS].ThreadPoolExecutor
        original = executor.submit

        def submit(*values: Any, **named: Any) -> Any:
            pool, function, *rest = values
            return original(pool, _within, current_scope(), function, rest, named)

        executor.submit = submit


def _within(scope: Scope, function: Callable[..., Any], values: Any, named: Any) -> Any:
    enter(scope)
    try:
        return function(*values, **named)
    finally:
        step_outside()
