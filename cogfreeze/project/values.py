"""Values that people write in their own units, and names that an image keeps for itself."""

from __future__ import annotations

import math
import re
from typing import Any

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(?:([KMGT])(i?))?B?", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?(ms|s|m|h)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}

LARGEST_SIZE = 1024**4
LONGEST_DURATION = 30 * 24 * 3600

# What the image itself sets or depends on; the first group is Cog's list.
_RESERVED = frozenset(
    {
        "HF_ENDPOINT",
        "HF_HUB_ENABLE_HF_TRANSFER",
        "LD_LIBRARY_PATH",
        "LIBRARY_PATH",
        "PATH",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "VIRTUAL_ENV",
        "COG_OPENAPI_SCHEMA",
        "COG_PREDICT_TYPE_STUB",
        "COG_SERVER_PATH",
        "COG_TRAIN_TYPE_STUB",
    }
)
_RESERVED_PREFIXES = ("CUDA_", "KUBERNETES_", "NVIDIA_", "NV_", "PGET_", "R8_", "REPLICATE_")

# Variables that a key sets.
_BY_KEY = {
    "COG_DEADLINE": "server.deadline",
    "COG_DRAIN": "server.drain",
    "COG_MAX_BODY": "server.max_body",
    "COG_MAX_CONCURRENCY": "concurrency.max",
    "COG_QUEUE": "server.queue",
}


def reserved(name: str) -> str | None:
    """Return why an image keeps an environment variable to itself, as a hint; None where it does not."""
    if key := _BY_KEY.get(name):
        return f"set `{key}` instead"
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        return "set it when the container is started (`docker run -e`), or in your code"
    return None


def size(value: Any) -> int:
    """Return a number of bytes, given as one or as `100MiB`.

    Raises:
        ValueError: what the value must be.
    """
    expected = "a number of bytes or a size as `100MiB`, up to 1 TiB"
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
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
        f"a number of seconds or a time as `30s`, `5m` or `1h`, {'' if zero else 'above 0 and '}up to 30 days"
    )
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
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
