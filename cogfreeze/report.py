"""How long operations report what they do, without printing: `cogfreeze.cli` gives them a Report."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Report(Protocol):
    """Where a long operation reports its progress."""

    def note(self, message: str) -> None:
        """Report one line of information: a choice that was made, a thing that was found."""

    def warn(self, message: str, *, hint: str | None = None) -> None:
        """Report a problem that is not a failure."""

    def step(
        self, message: str, total: int | None = None, *, unit: str | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Show `message` while the block runs, with a bar if `total` is known.

        The block gets a function that advances the bar; it may be called from any thread.

        Args:
            message: begins with a verb in its `-ing` form: `fetching 3 wheels`.
            total: how many bytes or items there are.
            unit: what the items are called, `wheels`; None for bytes.
        """


class Silent:
    """A Report that shows nothing."""

    def note(self, message: str) -> None: ...

    def warn(self, message: str, *, hint: str | None = None) -> None: ...

    def step(
        self,
        message: str,  # noqa: ARG002
        total: int | None = None,  # noqa: ARG002
        *,
        unit: str | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[Callable[[int], None]]:
        return nullcontext(lambda _amount: None)
