"""Counters and histograms, and their text in Prometheus' format."""

from __future__ import annotations

import os
import resource
import time
from bisect import bisect_left
from typing import Any, Dict, Iterable, List, Optional, Tuple

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
STARTED = time.time()


class Histogram:
    """Counts durations by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.total += seconds
        self.counts[bisect_left(BUCKETS, seconds)] += 1

    def lines(self, name: str) -> Iterable[str]:
        count = 0
        for bound, inside in zip((*map(str, BUCKETS), "+Inf"), self.counts):
            count += inside
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self.total}"
        yield f"{name}_count {count}"


class Metrics:
    """What the server counts. Everything else is read when `/metrics` is requested."""

    def __init__(self) -> None:
        self.ended: Dict[str, int] = {"succeeded": 0, "failed": 0, "canceled": 0}
        self.refused = 0
        self.longest_pause = 0.0  # seconds in which the server did nothing else
        self.ran = Histogram()
        self.waited = Histogram()

    def observe(self, status: str, waited: Optional[float], ran: Optional[float]) -> None:
        """Count a prediction that has ended.

        Args:
            status: succeeded, failed or canceled.
            waited: seconds from its acceptance to its start; None if it never started.
            ran: seconds from its start to its end; None if it never started.
        """
        self.ended[status] += 1
        if waited is not None and ran is not None:
            self.waited.add(waited)
            self.ran.add(ran)

    def text(self, gauges: Iterable[Tuple[str, str, Any]]) -> str:
        """Return everything in Prometheus' text format.

        Args:
            gauges: name, help and value of the present state.
        """
        lines: List[str] = []
        _head(lines, "cog_predictions_total", "counter", "Predictions that have ended, by status.")
        lines += [f'cog_predictions_total{{status="{status}"}} {count}' for status, count in self.ended.items()]
        _head(
            lines,
            "cog_predictions_refused_total",
            "counter",
            "Predictions that were refused because the queue was full.",
        )
        lines.append(f"cog_predictions_refused_total {self.refused}")
        _head(lines, "cog_prediction_seconds", "histogram", "From a prediction's start on the worker to its end.")
        lines += self.ran.lines("cog_prediction_seconds")
        _head(lines, "cog_queue_seconds", "histogram", "From a prediction's acceptance to its start.")
        lines += self.waited.lines("cog_queue_seconds")
        _head(
            lines, "cog_loop_longest_pause_seconds", "gauge", "The longest time that one task kept others waiting."
        )
        lines.append(f"cog_loop_longest_pause_seconds {self.longest_pause}")
        for name, text, value in (*gauges, *_process()):
            _head(lines, name, "counter" if name.endswith("_total") else "gauge", text)
            lines.append(f"{name} {value}")
        return "\n".join(lines) + "\n"


def _head(lines: List[str], name: str, kind: str, text: str) -> None:
    lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _process() -> Iterable[Tuple[str, str, Any]]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield "process_cpu_seconds_total", "CPU time of the server's process.", usage.ru_utime + usage.ru_stime
    yield "process_start_time_seconds", "When the server started, in seconds since 1970.", STARTED
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        yield "process_resident_memory_bytes", "Memory of the server's process.", pages * resource.getpagesize()
        yield "process_open_fds", "Open file descriptors of the server.", len(os.listdir("/proc/self/fd"))
    except OSError:
        pass
