"""What a person sees: talk and errors on stderr, data on stdout, colour only where there is a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cogfreeze.errors import CogError

_RED, _YELLOW, _CYAN, _DIM = "1;31", "1;33", "36", "2"


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
    print(_printable(message), file=sys.stderr)


def show_error(error: CogError) -> None:
    """`error: where: what`, then `hint: what to do`."""
    where = f"{error.where}: " if error.where else ""
    say_styled = _styled("error", _RED) + _styled(f"[{error.code}]", _DIM)
    print(f"{say_styled}: {_printable(where + error.message)}", file=sys.stderr)
    if hint := error.hint or error.usual_hint:
        print(f"{_styled('hint', _CYAN)}: {_printable(hint)}", file=sys.stderr)


def show_interrupt() -> None:
    print(_styled("interrupted", _RED), file=sys.stderr)


class TerminalReport:
    """A Report for people: a line for what was done, a bar for what takes longer than a second."""

    def note(self, message: str) -> None:
        say(message)

    def warn(self, message: str, *, hint: str | None = None) -> None:
        print(f"{_styled('warning', _YELLOW)}: {_printable(message)}", file=sys.stderr)
        if hint:
            print(f"{_styled('hint', _CYAN)}: {_printable(hint)}", file=sys.stderr)

    @contextmanager
    def step(self, message: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        if not sys.stderr.isatty():
            say(message)
            yield lambda _amount: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(), DownloadColumn()]
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(_printable(message), total=total)
            yield lambda amount: progress.advance(task, amount)
        say(message)
