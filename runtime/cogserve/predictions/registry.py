"""Which predictions there are: those that live, and for a time those that have ended."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Dict, Optional

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction

MAX_KEPT = 1000
MAX_KEPT_BYTES = 64 * 1024 * 1024


class Registry:
    """Predictions by id.

    Args:
        ttl: seconds for which an ended prediction can still be asked for.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._live: Dict[str, Prediction] = {}
        self._kept: "OrderedDict[str, Prediction]" = OrderedDict()
        self._kept_bytes = 0

    @property
    def live(self) -> Dict[str, Prediction]:
        """The predictions that have not ended, oldest first."""
        return self._live

    def add(self, prediction: Prediction) -> None:
        """Take up a new prediction; an ended one of the same id is forgotten.

        Raises:
            KeyError: one of this id lives.
        """
        if prediction.id in self._live:
            raise KeyError(prediction.id)
        self._forget(prediction.id)
        self._live[prediction.id] = prediction

    def end(self, prediction: Prediction) -> None:
        """Keep an ended prediction for its time, as far as there is room."""
        if self._live.pop(prediction.id, None) is None or self._ttl <= 0:
            return
        self._kept[prediction.id] = prediction
        self._kept_bytes += prediction.size
        while len(self._kept) > MAX_KEPT or self._kept_bytes > MAX_KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def find(self, id: str) -> Optional[Prediction]:  # noqa: A002
        """Return the prediction of this id, living or kept."""
        self.sweep()
        return self._live.get(id) or self._kept.get(id)

    def sweep(self) -> None:
        """Forget what has been kept long enough."""
        limit = time.monotonic() - self._ttl
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.finished_at is not None and oldest.finished_at > limit:
                return
            self._forget(oldest.id)

    def _forget(self, id: str) -> None:  # noqa: A002
        prediction = self._kept.pop(id, None)
        if prediction is not None:
            self._kept_bytes -= prediction.size
