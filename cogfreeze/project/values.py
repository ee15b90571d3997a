"""Sizes and times in the units that people write, and the default name of an image."""

from __future__ import annotations

import math
import re
from typing import Any

SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(?:([KMGT])(i?))?B?", re.ASCII)
DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(ms|s|m|h)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}

LARGEST_SIZE = 1024**4
LONGEST_DURATION = 30 * 24 * 3600


def size(value: Any) -> int:
    """Return a number of bytes, given as one or as `100MiB`.

    Raises:
        ValueError: what the value must be.
    """
    expected = "a number of bytes or a size such as `100MiB`, up to 1 TiB"
    if isinstance(value, str) and (found := SIZE.fullmatch(value)):
        power = " KMGT".index(found[2] or " ")
        value = int(float(found[1]) * (1024 if found[3] else 1000) ** power)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_SIZE:
        raise ValueError(expected)
    return value


def duration(value: Any, *, zero: bool = False) -> float:
    """Return a number of seconds, given as one or as `500ms`, `30s`, `5m`, `1h`.

    Raises:
        ValueError: what the value must be.
    """
    expected = (
        f"a number of seconds or a time such as `30s`, `5m` or `1h`, {'' if zero else 'above 0 and '}up to 30 days"
    )
    if isinstance(value, str) and (found := DURATION.fullmatch(value)):
        value = float(found[1]) * _SECONDS[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(expected)
    if not 0 <= value <= LONGEST_DURATION or (value == 0 and not zero):
        raise ValueError(expected)
    return float(value)


def image_name(folder: str) -> str:
    """Return the image's name for a folder's, as Cog makes it: `cog-` and what of the name may stand there."""
    word = re.sub(r"[^a-z0-9-]", "", folder.lower())
    return f"cog-{word}"[:30].rstrip("-") if word.strip("-") else "cog-model"


def is_date(text: str) -> bool:
    """Say whether a text like `2027-01-31` is a day of the calendar."""
    from datetime import date

    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
