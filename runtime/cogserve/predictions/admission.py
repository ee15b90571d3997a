"""The queue and the slots: which predictions are accepted, which wait, which run. First in, first out.

Rules:
1. At most `slots + queue` predictions are accepted and not ended, whatever they are doing. With `queue` 0 it is as
   in Cog: a prediction is accepted only if a slot is free for it.
2. Waiting predictions get slots in the order in which they became ready to run.
3. A slot belongs to its prediction until `release`, which is called when the worker is done with it, or dead.
   Nothing else frees a slot.
4. Without a worker there is no free slot.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Optional, Set

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction


class Full(Exception):
    """The queue is full.

    Args:
        retry_after: whole seconds after which there is likely a free place.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Admission:
    """The queue and the slots of one server.

    Args:
        slots: predictions that a worker runs at once.
        queue: predictions that may be accepted beyond them.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self.slots = slots
        self.queue = queue
        self.open = False  # whether there is a worker to run on
        self._inside: Set[str] = set()
        self._waiting: "OrderedDict[str, Prediction]" = OrderedDict()
        self._running: "OrderedDict[str, Prediction]" = OrderedDict()
        self._seconds = 1.0  # how long a prediction holds a slot, smoothed

    @property
    def inside(self) -> int:
        return len(self._inside)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> "OrderedDict[str, Prediction]":
        """The predictions that hold slots, oldest first."""
        return self._running

    @property
    def free(self) -> int:
        return self.slots - len(self._running) if self.open else 0

    def enter(self, prediction: Prediction) -> None:
        """Accept a prediction.

        Raises:
            Full: the queue is full.
        """
        if len(self._inside) >= self.slots + self.queue:
            raise Full(self.retry_after())
        self._inside.add(prediction.id)

    def leave(self, prediction: Prediction) -> None:
        """Forget a prediction that has ended; it keeps its slot, if it has one, until `release`."""
        self._inside.discard(prediction.id)
        self._waiting.pop(prediction.id, None)

    def wait(self, prediction: Prediction) -> None:
        """Put a prediction that is ready to run at the end of the queue."""
        self._waiting[prediction.id] = prediction

    def take(self) -> Optional[Prediction]:
        """Give a free slot to the first waiting prediction, and return it; None if nothing can start."""
        if not self._waiting or self.free <= 0:
            return None
        _, prediction = self._waiting.popitem(last=False)
        self._running[prediction.id] = prediction
        return prediction

    def release(self, prediction: Prediction, seconds: Optional[float] = None) -> None:
        """Free a slot: the worker is done with its prediction, or dead."""
        self._running.pop(prediction.id, None)
        if seconds is not None:
            self._seconds += (seconds - self._seconds) / 8

    def retry_after(self) -> int:
        """Return the seconds until there is likely a free place, from 1 to 120."""
        return max(1, min(120, math.ceil(self._seconds * (len(self._waiting) + 1) / self.slots)))
