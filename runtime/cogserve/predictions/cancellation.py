"""Cancels a running prediction, in steps.

First an exception is raised in the model's code; then its process gets SIGTERM; then it is killed, together with
all processes that it has started. Each step comes only if the one before did not help.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction
    from cogserve.worker.process import Worker

CANCEL_AGAIN = 1.0
REASON = "its process was ended, because a prediction could not be cancelled otherwise"

log = logging.getLogger("cogserve.predictions")


async def cancel_on_worker(
    worker: Worker,
    id: str,  # noqa: A002
    freed: trio.Event,
    cancel_grace: float,
    kill_grace: float,
) -> None:
    """Cancel a prediction. Returns when the worker is done with it, or has been killed.

    Args:
        id: the prediction's id.
        freed: set when the worker is done with it, or dead.
        cancel_grace: seconds until SIGTERM.
        kill_grace: seconds from there until SIGKILL.
    """
    with trio.move_on_after(cancel_grace):
        # Not if the slot is free already: by now, another prediction may have the same id.
        while not freed.is_set():
            # Again, because the model's code may have caught the first one by mistake.
            worker.send({"type": "cancel", "id": id})
            await _set_within(freed, CANCEL_AGAIN)
        return
    log.warning("a cancelled prediction did not end; sending SIGTERM to its worker")
    worker.signal(signal.SIGTERM, REASON)
    if await _set_within(freed, kill_grace):
        worker.survived()
        return
    log.warning("the worker did not end; sending SIGKILL")
    worker.kill(REASON)


async def ended_within(prediction: Prediction, seconds: float) -> bool:
    """Wait for the end of a prediction, up to `seconds`; return whether it has ended."""
    ended = trio.Event()
    if prediction.finished:
        return True
    forget = prediction.listen(lambda event: ended.set() if event[0] == "completed" else None)
    try:
        return await _set_within(ended, seconds)
    finally:
        forget()


async def _set_within(event: trio.Event, seconds: float) -> bool:
    with trio.move_on_after(seconds):
        await event.wait()
    return event.is_set()
