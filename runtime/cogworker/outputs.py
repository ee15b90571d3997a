"""What a predictor returned → JSON, with its files beside it (see `frames`).

JSON has no nan, infinity or bytes: an output that holds one fails, and the error says where it is. Nothing is
turned into null in silence.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Dict, List, Tuple

from cog.types import Secret

from cogworker.handover import UnusableFile, hand_over, spool

Place = Tuple[Any, ...]
FilesOut = List[Dict[str, Any]]


class UnusableOutput(Exception):
    """The output cannot be sent; the message says what in it, and where."""


def encode(value: Any, folder: str) -> Tuple[bytes, FilesOut]:
    """Return the output as JSON, and the files that belong into it.

    Args:
        value: what the predictor returned or yielded.
        folder: the prediction's own, where files are handed over.

    Raises:
        UnusableOutput: something in it is no JSON, or a file that cannot be handed over.
    """
    try:
        # Plain values, which most are, take the C encoder's way. All else goes the long one.
        return _text(value), []
    except (TypeError, ValueError):
        encoder = _Encoder(folder)
    try:
        return _text(encoder.plain(value, ())), encoder.files
    except RecursionError:
        raise UnusableOutput("the output contains itself, or is nested too deeply") from None


def _text(value: Any) -> bytes:
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, as a tokenizer may yield
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _refuse(_value: Any) -> None:
    raise TypeError


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_refuse)


def _named(place: Place) -> str:
    return "the output" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


class _Encoder:
    """Walks one output. `files` gathers what its files are and where they belong."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.files: FilesOut = []

    def plain(self, value: Any, place: Place) -> Any:
        """Return `value` as what JSON has: None, bool, int, float, str, list, dict."""
        if value is None or isinstance(value, (bool, str, int)):
            return value.value if isinstance(value, enum.Enum) else value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise UnusableOutput(f"{_named(place)} is {value!r}, which JSON cannot carry")
            return value
        if isinstance(value, enum.Enum):
            return self.plain(value.value, place)
        if isinstance(value, os.PathLike):
            return self._file(hand_over, os.fspath(value), place)
        if isinstance(value, (dt.date, dt.time)):
            return value.isoformat()
        if hasattr(value, "read"):
            return self._file(spool, value, place)
        if isinstance(value, Mapping):
            return self._object(value, place)
        return self._structured(value, place)

    def _structured(self, value: Any, place: Place) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview, Secret, type)):
            hint = "; return a File or a Path" if isinstance(value, (bytes, bytearray, memoryview)) else ""
            raise UnusableOutput(f"{_named(place)} is a {type(value).__name__}, which JSON has not{hint}")
        if hasattr(value, "__dataclass_fields__"):
            fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
            return self._object(fields, place)
        if callable(getattr(type(value), "model_dump", None)):  # pydantic 2
            return self.plain(value.model_dump(), place)
        if hasattr(type(value), "__fields__") and callable(getattr(value, "dict", None)):  # pydantic 1
            return self.plain(value.dict(), place)
        if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, and those who follow it
            return self.plain(value.tolist(), place)
        if isinstance(value, Iterable):  # tuples, sets, generators
            return [self.plain(item, (*place, index)) for index, item in enumerate(value)]
        raise UnusableOutput(f"{_named(place)} is a {type(value).__name__}, which JSON has not")

    def _object(self, value: Mapping[Any, Any], place: Place) -> Dict[str, Any]:
        made: Dict[str, Any] = {}
        for key, item in value.items():
            name = key.value if isinstance(key, enum.Enum) else key
            if hasattr(name, "dtype") and hasattr(name, "tolist"):
                name = name.tolist()
            if name is None or isinstance(name, (bool, int, float)):
                name = json.dumps(name)
            if not isinstance(name, str):
                raise UnusableOutput(f"{_named(place)} has a {type(key).__name__} for a key, which JSON has not")
            made[name] = self.plain(item, (*place, name))
        return made

    def _file(self, bring: Any, source: Any, place: Place) -> None:
        if isinstance(source, bytes):
            source = os.fsdecode(source)
        try:
            path = bring(source, self._folder)
        except (UnusableFile, OSError, ValueError) as error:
            raise UnusableOutput(f"{_named(place)}: {error}") from None
        self.files.append({"at": list(place), "path": path})
