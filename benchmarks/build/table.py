"""The comparison as a table, with its goals."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import page

if TYPE_CHECKING:
    from benchmarks.build.layers import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison, in words."""

    name: str
    ours: str
    theirs: str
    ratio: str = ""
    goal: str = ""
    reached: bool = True


def rows(ours: Measured, theirs: Measured) -> list[Row]:
    """Return every comparison; a ratio is how many times less ours is."""
    return [
        _ratio("cold build", ours.cold, theirs.cold, _seconds, at_least=1),
        _ratio("image, compressed, above its base", ours.image, theirs.image, _size, at_least=1),
        _ratio("a bumped package: rebuild", ours.bump, theirs.bump, _seconds, at_least=5),
        _ratio("a bumped package: bytes to push", ours.bump_bytes, theirs.bump_bytes, _size, at_least=100),
        _ratio("a bumped package: push", ours.bump_push, theirs.bump_push, _seconds),
        Row(name="a bumped package: `cog lock` before", ours=_seconds(ours.lock), theirs="–"),
        _line(ours, theirs),
        _ratio("a changed line: bytes to push", ours.line_bytes, theirs.line_bytes, _size),
        _ratio("a second project: bytes to push", ours.second, theirs.second, _size),
        Row(
            name="a second project: has the first's heavy layer",
            ours=_shared(ours.shared),
            theirs=_shared(theirs.shared),
            goal="yes",
            reached=ours.shared is not None,
        ),
    ]


def markdown(ours: Measured, theirs: Measured, package: str, load: float, taken: float) -> str:
    """Return the table, with what a reader has to know to judge it."""
    words = [
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, `{package}`; {page.machine()};",
        f"load average {load:.1f} at the start and {page.load_average():.1f} at the end; {taken / 60:.1f} minutes",
        "in all.",
    ]
    lines = [
        " ".join(words),
        "",
        "| | cogfreeze | Cog's Dockerfile | times less | goal | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in rows(ours, theirs):
        verdict = ("reached" if row.reached else "**missed**") if row.goal else ""
        lines.append(f"| {row.name} | {row.ours} | {row.theirs} | {row.ratio} | {row.goal} | {verdict} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the table where the page has the last one."""
    page.write(page.DOCS / "benchmarks/build.md", "build", text)


def _ratio(name: str, ours: float, theirs: float, shown, *, at_least: float | None = None) -> Row:
    ratio = theirs / ours if ours else float("inf")
    goal = f"≥ {at_least:g}" if at_least else ""
    reached = at_least is None or ratio >= at_least
    return Row(
        name=name, ours=shown(ours), theirs=shown(theirs), ratio=f"{ratio:,.1f}", goal=goal, reached=reached
    )


def _line(ours: Measured, theirs: Measured) -> Row:
    return Row(
        name="a changed line: rebuild",
        ours=_seconds(ours.line),
        theirs=_seconds(theirs.line),
        ratio=f"{theirs.line / ours.line:,.1f}",
        goal="≤ 2 s",
        reached=ours.line <= 2,
    )


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _size(value: float) -> str:
    return f"{value / 1e6:,.1f} MB" if value >= 1e5 else f"{value / 1e3:,.1f} kB"


def _shared(digest: str | None) -> str:
    return f"yes, `{digest[:19]}…`" if digest else "no"
