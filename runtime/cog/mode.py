"""What a server does: predict or train."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """The mode of a server."""

    PREDICT = "predict"
    TRAIN = "train"

    def __str__(self) -> str:
        return self.value
