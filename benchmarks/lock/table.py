"""The measurements as a table, with their goals."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.lock.times import Row


def markdown(rows: Sequence[Row], runs: int, load: float, taken: float) -> str:
    """Return the table, with what a reader has to know to judge it."""
    words = [
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, cogfreeze {version('cogfreeze')}{page.commit()},",
        f"uv {version('uv')}, pip-tools {version('pip-tools')}; {page.machine()};",
        f"load average {load:.1f} at the start and {page.load_average():.1f} at the end. Medians of {runs} runs",
        f"(against pip-compile: one); {taken / 60:.1f} minutes in all.",
    ]
    lines = [
        " ".join(words),
        "",
        "| | cogfreeze | compared to | | ratio | goal | |",
        "|---|--:|---|--:|--:|--:|---|",
        *map(_line, rows),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    theirs = "" if row.theirs is None else f"{row.theirs:.2f} s"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = "met" if row.met else "**missed**"
    return f"| {row.name} | {row.ours:.2f} s | {row.other} | {theirs} | {ratio} | {row.goal} | {verdict} |"
