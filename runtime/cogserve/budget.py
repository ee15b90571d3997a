"""The bytes that clients and the model make the server hold, counted together and limited.

Counted are request bodies while they are read, and for every prediction its input, context, output, logs,
events and metrics, from its request until its result is dropped and the last answer with it is written. The
counts are estimates: small objects count with what Python needs for them.
"""

from __future__ import annotations

from typing import Callable


def _nothing(_size: int) -> None:
    """There is nothing that could make room."""


class Budget:
    """Bytes that are held.

    Args:
        limit: how many there may be.

    Attributes:
        held: how many there are.
        make_room: called with the number of bytes that are missing; drops what nobody needs any more.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.make_room: Callable[[int], None] = _nothing

    def has_room(self, size: int) -> bool:
        """Whether `size` more bytes may be held; results that were delivered make room for them."""
        missing = self.held + size - self.limit
        if missing > 0:
            self.make_room(missing)
        return self.held + size <= self.limit
