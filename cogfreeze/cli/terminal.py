"""What a person sees: talk and errors on stderr, data on stdout, colour only where there is a terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

    from cogfreeze.errors import CogError

_RED, _YELLOW, _CYAN, _DIM = "1;31", "1;33", "36", "2"
# Seconds of silence after which a step without a display says that it still runs; twice as long each time.
FIRST_SILENCE, LONGEST_SILENCE = 2.0, 30.0
# Seconds from which the time of a step is worth a word.
_LONG = 1.0


@dataclass(slots=True)
class _Talk:
    """How much is said, and when something was said last."""

    quiet: bool = False
    last: float = field(default_factory=time.monotonic)


_talk = _Talk()


def configure(*, quiet: bool) -> None:
    """Set how much is said: with `quiet`, only warnings and errors."""
    _talk.quiet = quiet


def _styled(text: str, style: str) -> str:
    plain = not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{style}m{text}\x1b[0m"


def _printable(text: str) -> str:
    """Take control characters out, so that no name in a file can drive the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)


# What a renderer calls a line's style → how a terminal shows it.
_STYLES = {"danger": _RED, "heading": "1", "faint": _DIM}


def show_line(style: str, text: str, stream: TextIO) -> None:
    """Print one line of a report, in its style where the stream is a terminal."""
    code = _STYLES.get(style)
    shown = _printable(text)
    plain = code is None or not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    print(shown if plain else f"\x1b[{code}m{shown}\x1b[0m", file=stream)


def say(message: str) -> None:
    """One line of talk."""
    if not _talk.quiet:
        _print(_printable(message))


def spoke() -> None:
    """Remember that something was just printed, so that nothing needs to be said for a while."""
    _talk.last = time.monotonic()


def _print(text: str) -> None:
    spoke()
    print(text, file=sys.stderr)


def show_error(error: CogError) -> None:
    """`error: where: what`, then `hint: what to do`."""
    where = f"{error.where}: " if error.where else ""
    say_styled = _styled("error", _RED) + _styled(f"[{error.code}]", _DIM)
    print(f"{say_styled}: {_printable(where + error.message)}", file=sys.stderr)
    if hint := error.hint or error.usual_hint:
        print(f"{_styled('hint', _CYAN)}: {_printable(hint)}", file=sys.stderr)


def show_interrupt() -> None:
    print(_styled("interrupted", _RED), file=sys.stderr)


def duration(seconds: float) -> str:
    """Return a time as people read it: `4.2 s`, `1 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class TerminalReport:
    """A Report for people: a line for each thing done, and signs of life while a step runs.

    In a terminal a step has a bar or a spinner with the elapsed time. Elsewhere a line says that it still runs,
    whenever nothing was said for a while.
    """

    def note(self, message: str) -> None:
        say(message)

    def warn(self, message: str, *, hint: str | None = None) -> None:
        _print(f"{_styled('warning', _YELLOW)}: {_printable(message)}")
        if hint:
            _print(f"{_styled('hint', _CYAN)}: {_printable(hint)}")

    @contextmanager
    def step(
        self, message: str, total: int | None = None, *, unit: str | None = None
    ) -> Iterator[Callable[[int], None]]:
        if _talk.quiet:
            yield lambda _amount: None
            return
        began = time.monotonic()
        if sys.stderr.isatty():
            with _display.task(_printable(message), total, unit) as advance:
                yield advance
        else:
            say(message)
            with alive(message, total, unit) as advance:
                yield advance
        took = time.monotonic() - began
        if sys.stderr.isatty():
            say(f"{message}: {duration(took)}" if took >= _LONG else message)
        elif took >= FIRST_SILENCE:
            say(f"  took {duration(took)}")


@contextmanager
def alive(message: str, total: int | None = None, unit: str | None = None) -> Iterator[Callable[[int], None]]:
    """While the block runs, say `still …` with the elapsed time whenever nothing was said for a while.

    For what is usually quick, and for programs that print to the terminal themselves: only lines, no bar.
    """
    done, ended, began = [0], threading.Event(), time.monotonic()
    spoke()

    def advance(amount: int) -> None:
        done[0] += amount

    def watch() -> None:
        gap = FIRST_SILENCE
        while not ended.wait(max(0.05, _talk.last + gap - time.monotonic())):
            if time.monotonic() - _talk.last < gap:
                continue
            amount = f", {_amount(done[0], total, unit)}" if total else ""
            say(f"  still {message}{amount} ({duration(time.monotonic() - began)})")
            gap = min(gap * 2, LONGEST_SILENCE)

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield advance
    finally:
        ended.set()
        watcher.join()


def _amount(done: int, total: int, unit: str | None) -> str:
    if unit:
        return f"{done} of {total} {unit}"
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"


class _Display:
    """The bars of the steps that run, one below the other; rich draws one display at a time."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._running = 0

    @contextmanager
    def task(self, message: str, total: int | None, unit: str | None) -> Iterator[Callable[[int], None]]:
        progress = self._progress or _progress()
        if self._running == 0:
            self._progress = progress
            progress.start()
        self._running += 1
        task = progress.add_task(message, total=total, amount="")

        def advance(amount: int) -> None:
            progress.advance(task, amount)
            if total:
                done = int(next(each.completed for each in progress.tasks if each.id == task))
                progress.update(task, amount=_amount(done, total, unit))

        try:
            yield advance
        finally:
            progress.remove_task(task)
            self._running -= 1
            if self._running == 0:
                progress.stop()
                self._progress = None


_display = _Display()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    class Bar(BarColumn):
        """A bar for the steps that have an end, nothing for the others."""

        def render(self, task: Any) -> Any:
            return super().render(task) if task.total else ""

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        Bar(bar_width=24),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    )
