"""Taking times, side by side."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement and its goal.

    Attributes:
        ours, theirs: seconds; theirs where there is something to compare with.
        other: what that is.
        at_most: of the ratio ours/theirs, else of our seconds.
    """

    name: str
    ours: float
    at_most: float
    other: str = ""
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool:
        return (self.ours if self.ratio is None else self.ratio) <= self.at_most

    @property
    def goal(self) -> str:
        return f"≤ {self.at_most:g}" + (" s" if self.ratio is None else "")


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median(work: Callable[[], Any], runs: int) -> float:
    """Return the median of some runs, after one that doesn't count."""
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def in_turn(one: Callable[[], Any], other: Callable[[], Any], runs: int) -> tuple[float, float]:
    """Return both medians of runs in turn, so that whatever the machine does meets both; the first don't count."""
    one(), other()
    pairs = [(seconds(one), seconds(other)) for _ in range(runs)]
    return statistics.median(each for each, _ in pairs), statistics.median(each for _, each in pairs)
