"""Which predictions there are: the live ones, and for a time those that have ended.

Rules:
1. A result that somebody has received is dropped before one that nobody has received; the newest never is.
2. A result that is dropped before its time is logged, if nobody has received it, and its id remembered: clients
   are told why it is gone.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Dict, Optional, Set, Tuple

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Prediction, Spilled

MAX_KEPT = 1000
MAX_KEPT_BYTES = 64 * 1024 * 1024
MAX_DROPPED = 10_000
# Bytes of a result that is better kept in a file, if nobody gets it soon.
LARGE = 1024 * 1024

log = logging.getLogger("cogserve.predictions")


class Registry:
    """Predictions by id.

    Args:
        ttl: seconds for which the result of an ended prediction is kept.
        max_spilled: bytes of results that may be kept in files.
    """

    def __init__(self, ttl: float, max_spilled: int = 1024 * 1024 * 1024) -> None:
        self._ttl = ttl
        self._max_spilled = max_spilled
        self._live: Dict[str, Prediction] = {}
        self._kept: "OrderedDict[str, Prediction]" = OrderedDict()
        self._bytes = 0  # of the kept ones, in memory
        self._spilled = 0  # and in files
        # Large results of which it is not decided yet whether they go into a file; not counted so long.
        self._undecided: Set[Prediction] = set()
        # Why results are gone before their time, and since when.
        self._dropped: "OrderedDict[str, Tuple[float, str]]" = OrderedDict()

    @property
    def live(self) -> Dict[str, Prediction]:
        """The predictions that have not ended, oldest first."""
        return self._live

    @property
    def kept(self) -> int:
        """How many results are kept."""
        return len(self._kept)

    def add(self, prediction: Prediction) -> None:
        """Add a new prediction; an ended one with the same id is forgotten.

        Raises:
            KeyError: a live one has this id.
        """
        if prediction.id in self._live:
            raise KeyError(prediction.id)
        self._forget(prediction.id)
        self._dropped.pop(prediction.id, None)
        self._live[prediction.id] = prediction

    def end(self, prediction: Prediction) -> None:
        """Keep an ended prediction for its time, if there is room. After a large one, call `settle` soon."""
        if self._live.pop(prediction.id, None) is None:
            return
        if self._ttl <= 0:
            prediction.release()
            return
        self._kept[prediction.id] = prediction
        if prediction.size > LARGE:
            self._undecided.add(prediction)
        else:
            self._bytes += prediction.size
        self._trim()

    def keeps(self, prediction: Prediction) -> bool:
        return self._kept.get(prediction.id) is prediction

    def settle(self, prediction: Prediction, file: Optional[Spilled] = None) -> None:
        """Count a large result: in memory, or in the file that it has been written to."""
        if prediction not in self._undecided:
            return
        self._undecided.remove(prediction)
        if file is not None:
            prediction.spill(file)
            self._spilled += file.size
        self._bytes += prediction.size
        self._trim()

    def _trim(self) -> None:
        while len(self._kept) > 1:
            if len(self._kept) > MAX_KEPT:
                self._drop(f"the server keeps at most {MAX_KEPT} results")
            elif self._bytes > MAX_KEPT_BYTES:
                self._drop(f"the server keeps at most {MAX_KEPT_BYTES} bytes of results in memory")
            elif self._spilled > self._max_spilled:
                self._drop(
                    f"the server keeps at most {self._max_spilled} bytes of results in files", in_files=True
                )
            else:
                return

    def make_room(self, missing: int) -> None:
        """Drop results that were received, until so many bytes of memory are free or there are no more."""
        before = self._bytes
        self.sweep()
        missing -= before - self._bytes
        for prediction in [one for one in self._kept.values() if one.delivered]:
            if missing <= 0:
                return
            missing -= prediction.size
            self._drop_one(prediction, "the server needed its memory")

    def find(self, id: str) -> Optional[Prediction]:  # noqa: A002
        """Return the prediction of this id, live or kept."""
        self.sweep()
        return self._live.get(id) or self._kept.get(id)

    def why_dropped(self, id: str) -> Optional[str]:  # noqa: A002
        """Return why the result of this id is gone before its time; None if it is not."""
        found = self._dropped.get(id)
        return found[1] if found is not None else None

    def sweep(self) -> None:
        """Forget what has been kept long enough."""
        limit = time.monotonic() - self._ttl
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.finished_at is not None and oldest.finished_at > limit:
                break
            self._forget(oldest.id)
        while self._dropped and next(iter(self._dropped.values()))[0] <= limit:
            self._dropped.popitem(last=False)

    def _drop(self, reason: str, *, in_files: bool = False) -> None:
        """Drop the result that is needed least."""
        newest = next(reversed(self._kept.values()))
        first: Optional[Prediction] = None
        for prediction in self._kept.values():
            if prediction is newest or (in_files and prediction.spilled is None):
                continue
            if first is None:
                first = prediction
            if prediction.delivered:
                first = prediction
                break
        self._drop_one(first if first is not None else next(iter(self._kept.values())), reason)

    def _drop_one(self, prediction: Prediction, reason: str) -> None:
        if not prediction.delivered:
            log.warning("the result of prediction %s is dropped before anyone got it: %s", prediction.id, reason)
        self._dropped[prediction.id] = (time.monotonic(), reason)
        if len(self._dropped) > MAX_DROPPED:
            self._dropped.popitem(last=False)
        self._forget(prediction.id)

    def _forget(self, id: str) -> None:  # noqa: A002
        prediction = self._kept.pop(id, None)
        if prediction is not None:
            if prediction in self._undecided:
                self._undecided.remove(prediction)
            else:
                self._bytes -= prediction.size
            self._spilled -= prediction.spilled.size if prediction.spilled is not None else 0
            prediction.release()
