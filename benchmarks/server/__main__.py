"""Our server against the published coglet: the same predictors and load, side by side in one run.

    python -m benchmarks.server [--quick] [--write docs/benchmarks.md]

Prints the table; a goal that is missed makes the exit status 1. Takes about six minutes, `--quick` one. Everything
stays on loopback and below `.cog/bench/`; coglet is installed there from the package index, by hash.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import page
from benchmarks.server import measures, table
from benchmarks.server.measures import Figure
from benchmarks.server.sides import Server, Side, ours, project, running, theirs
from benchmarks.server.table import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = Path(__file__).parents[2] / ".cog/bench"
SLOTS = 64  # of the async predictor
MEBIBYTE = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        runs: how many there are of each; the median counts.
        seconds: of one run of wrk.
        files: transfers of one run.
        tokens: of one stream.
    """

    runs: int = 5
    seconds: int = 4
    files: int = 8
    tokens: int = 5000


QUICK = Size(runs=1, seconds=1, files=3, tokens=2000)


class Bench:
    """One comparison of the two sides."""

    def __init__(self, sides: tuple[Side, Side], size: Size) -> None:
        self._sides = sides
        self._size = size
        self.comparisons: list[Comparison] = []

    def run(self) -> None:
        self._start_and_memory()
        self._loads("Sync", "sync predictor", 1, {1: 2.5, 16: 5.0, 64: 5.0})
        self._loads("Async", "async predictor", SLOTS, {1: 3.0, 16: 3.0, 64: 3.0})
        size = self._size
        self._rates("Taking", "10 MB data URI in", "predictions/s", lambda s: measures.file_in(s, size.files))
        self._rates("Giving", "10 MB data URI out", "predictions/s", lambda s: measures.file_out(s, size.files))
        self._rates("Tokens", "streamed tokens", "tokens/s", lambda s: measures.tokens(s, size.tokens))

    def _start_and_memory(self) -> None:
        folder = project(HOME / "projects", "Sync")
        seconds: tuple[list[Figure], ...] = ([], [])
        bytes_: tuple[list[Figure], ...] = ([], [])
        for number in range(self._size.runs + 1):
            for index, side in enumerate(self._sides):
                with running(side, folder) as server:
                    measures.load(server, 1, 1)
                    if number:  # the first compiles what it imports
                        seconds[index].append(Figure(value=server.seconds, successes=1))
                        bytes_[index].append(Figure(value=server.memory() / MEBIBYTE, successes=1))
        self._compare("process start to READY", "s", *seconds, at_most=1.0)
        self._compare("memory, after a second of load", "MiB", *bytes_, at_most=1.0)

    def _loads(self, predictor: str, name: str, slots: int, goals: dict[int, float]) -> None:
        """Both run at once and are loaded in turn, so that what else the machine does meets both."""
        folder = project(HOME / "projects", predictor)
        with running(self._sides[0], folder, slots) as one, running(self._sides[1], folder, slots) as other:
            for connections, goal in goals.items():
                plural = "connections" if connections > 1 else "connection"
                what = f"{name}, {connections} {plural}"
                figures = self._in_turn(
                    one, other, lambda s, c=connections: measures.load(s, c, self._size.seconds)
                )
                self._compare(what, "predictions/s", *figures, at_least=goal)

    def _rates(self, predictor: str, name: str, unit: str, measure: Callable[[Server], Figure]) -> None:
        folder = project(HOME / "projects", predictor)
        with running(self._sides[0], folder) as one, running(self._sides[1], folder) as other:
            self._compare(name, unit, *self._in_turn(one, other, measure), at_least=1.0)

    def _in_turn(
        self, one: Server, other: Server, measure: Callable[[Server], Figure]
    ) -> tuple[list[Figure], list[Figure]]:
        def timed(server: Server) -> Figure:
            before = server.processor()
            return dataclasses.replace(measure(server), processor=server.processor() - before)

        measure(one), measure(other)  # warm
        pairs = [(timed(one), timed(other)) for _ in range(self._size.runs)]
        return [each for each, _ in pairs], [each for _, each in pairs]

    def _compare(
        self,
        name: str,
        unit: str,
        one: list[Figure],
        other: list[Figure],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        made = Comparison(
            name=name, unit=unit, ours=_median(one), theirs=_median(other), at_least=at_least, at_most=at_most
        )
        self.comparisons.append(made)
        print(f"{name}: {made.ours.value:.4g} against {made.theirs.value:.4g} {unit}", file=sys.stderr, flush=True)


def _median(figures: list[Figure]) -> Figure:
    """Return the medians, with the counts of all runs."""
    waits = [each.p99 for each in figures if each.p99 is not None]
    return Figure(
        value=statistics.median(each.value for each in figures),
        successes=sum(each.successes for each in figures),
        refused=sum(each.refused for each in figures),
        broken=sum(each.broken for each in figures),
        p99=statistics.median(waits) if waits else None,
        processor=sum(each.processor for each in figures),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short run of each, to try it out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="a document whose table is written anew")
    arguments = parser.parse_args()
    measures.wrk()
    size = QUICK if arguments.quick else Size()
    sides = ours(HOME / "cogfreeze"), theirs(HOME / "coglet")
    load, begun = page.load_average(), time.monotonic()
    bench = Bench(sides, size)
    bench.run()
    text = table.markdown(bench.comparisons, sides, size.runs, size.seconds, load, time.monotonic() - begun)
    print(text)
    (HOME / "server.json").write_text(
        json.dumps([dataclasses.asdict(each) for each in bench.comparisons], indent=2) + "\n"
    )
    if arguments.write is not None:
        table.write(arguments.write, text)
    missed = [mistake for each in bench.comparisons for mistake in each.missed()]
    for mistake in missed:
        print(f"missed: {mistake}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
