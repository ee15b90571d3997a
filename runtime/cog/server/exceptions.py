"""The place of `CancelationException` in earlier releases."""

from __future__ import annotations

from cog.exceptions import CancelationException

__all__ = ["CancelationException"]
