"""The comparison as a table, and which goals it misses."""

from __future__ import annotations

import dataclasses
import datetime as dt
import platform
from typing import TYPE_CHECKING

from benchmarks import page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.server.measures import Figure
    from benchmarks.server.sides import Side


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measurement of both sides, and its goal.

    Attributes:
        at_least: what the ratio ours/theirs must reach.
        at_most: what it must not exceed.
    """

    name: str
    unit: str
    ours: Figure
    theirs: Figure
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours.value / self.theirs.value if self.theirs.value else float("inf")

    def missed(self) -> list[str]:
        """Say which goals are missed, and by how much."""
        found = []
        if self.at_least is not None and self.ratio < self.at_least:
            found.append(f"{self.name}: {self.ratio:.2f} times coglet's, and the goal is {self.at_least:g}")
        if self.at_most is not None and self.ratio > self.at_most:
            found.append(f"{self.name}: {self.ratio:.2f} times coglet's, and the goal is at most {self.at_most:g}")
        if self.ours.refused or self.ours.broken:
            found.append(f"{self.name}: {self.ours.refused} refused and {self.ours.broken} failed")
        if self.ours.p99 is not None and self.theirs.p99 is not None and self.ours.p99 >= self.theirs.p99:
            found.append(f"{self.name}: p99 {_milliseconds(self.ours)}, coglet's {_milliseconds(self.theirs)}")
        return found

    def goal(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


def markdown(
    comparisons: Sequence[Comparison],
    sides: tuple[Side, Side],
    runs: int,
    seconds: int,
    load: float,
    taken: float,
) -> str:
    """Return the tables, with what a reader needs to judge them."""
    one, other = sides
    words = [
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, cogfreeze {one.version}{page.commit()} against",
        f"coglet {other.version}, both on Python {platform.python_version()}; {page.machine()};",
        f"load average {load:.1f} at the start and {page.load_average():.1f} at the end. Medians of {runs} runs,",
        f"of {seconds} s each where wrk was the client; {taken / 60:.1f} minutes in all.",
    ]
    lines = [
        " ".join(words),
        "",
        "| | unit | cogfreeze | coglet | ratio | goal | |",
        "|---|---|--:|--:|--:|--:|---|",
        *(_line(each) for each in comparisons),
        "",
        "A load also has the goals that no request is refused or fails, and that its p99 is below coglet's.",
        *(f"- missed: {mistake}" for each in comparisons for mistake in each.missed()),
        "",
        "All runs together. `p99`: 99 of 100 clients wait less than this for their success, retrying at once when",
        "refused. `CPU`: processor time of all processes of the server for each success, which changes least with",
        "the load of the machine.",
        "",
        f"| | {_heads(one)} | {_heads(other)} |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {each.name} | {_counts(each.ours)} | {_counts(each.theirs)} |"
            for each in comparisons
            if each.at_least is not None
        ),
    ]
    return "\n".join(lines) + "\n"


def _line(each: Comparison) -> str:
    verdict = "missed" if each.missed() else "met"
    values = f"{_number(each.ours.value)} | {_number(each.theirs.value)} | {each.ratio:.2f}"
    return f"| {each.name} | {each.unit} | {values} | {each.goal()} | {verdict} |"


def _heads(side: Side) -> str:
    return f"{side.name}: succeeded | refused | failed | p99 | CPU"


def _counts(figure: Figure) -> str:
    counts = f"{figure.successes:,} | {figure.refused:,} | {figure.broken:,}"
    return f"{counts} | {_milliseconds(figure)} | {_processor(figure)}"


def _milliseconds(figure: Figure) -> str:
    return "" if figure.p99 is None else f"{figure.p99 * 1000:.2f} ms"


def _processor(figure: Figure) -> str:
    return f"{figure.processor / figure.successes * 1e6:,.0f} µs" if figure.successes else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(document: Path, text: str) -> None:
    """Put the tables in their place in a document."""
    page.write(document, "server", text)
