"""One line of `cog doctor`: what was checked, the outcome, and the cure of a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.errors import CogError

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: `project`, `lock`, `engine`, …
        status: `ok`, `warning`, `failed` or `skipped`.
        message: one sentence without a final stop.
        cure: what to do about a failure or warning.
    """

    name: str
    status: str
    message: str
    cure: str | None = None


def ok(name: str, message: str) -> Check:
    return Check(name=name, status=OK, message=message)


def failed(name: str, error: CogError) -> Check:
    """Return a failed check, in the words of the error."""
    return Check(name=name, status=FAILED, message=str(error), cure=error.hint or error.usual_hint)
