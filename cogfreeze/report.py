"""How the parts that work say what they do, without printing: `cogfreeze.cli` hands them a Report."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Report(Protocol):
    """Where a long operation says what it is at."""

    def note(self, message: str) -> None:
        """Say one line that a user wants to know: a choice that was made, a thing that was found."""

    def warn(self, message: str, *, hint: str | None = None) -> None:
        """Say what is no failure yet wants attention."""

    def step(self, message: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """Show `message` while the block runs, with a bar if `total` (bytes or items) is known.

        The block gets a function that advances the bar; it may be called from any thread.
        """


class Silent:
    """A Report that says nothing: tests, and `--quiet`."""

    def note(self, message: str) -> None: ...

    def warn(self, message: str, *, hint: str | None = None) -> None: ...

    def step(self, message: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG002
        return nullcontext(lambda _amount: None)
