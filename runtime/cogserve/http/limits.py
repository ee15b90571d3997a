"""Limits of a request's shape, which guard the parser, and of its speed.

Limits that an operator sets are in `settings`.
"""

from __future__ import annotations

from typing import Optional

import trio

MAX_HEAD = 32 * 1024  # bytes of the request line and all headers
MAX_TARGET = 8 * 1024  # bytes of the request's target
MAX_HEADERS = 128
MAX_PIPELINED = 1000  # requests that are sent ahead of their answers
# A body in more pieces than this, of fewer bytes on average than that, is an attack on the parser.
MANY_PIECES = 1000
SMALL_PIECE = 16
# Bytes a second that a client must send of a body, and read of an answer.
MIN_RATE = 8 * 1024


def next_deadline(before: Optional[float], size: int, timeout: float) -> float:
    """Return until when the next piece must be there.

    Each piece moves the deadline by what it is worth at MIN_RATE, but never further than `timeout` seconds from
    now: a burst does not buy the right to be silent.

    Args:
        before: the deadline until now; None at the start.
        size: bytes that have just been sent or read.
        timeout: seconds that a client may lag behind.
    """
    latest = trio.current_time() + timeout
    return latest if before is None else min(before + size / MIN_RATE, latest)
