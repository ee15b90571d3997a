"""A predictor's return value → JSON, with its files listed separately (see `frames`).

JSON has no nan, infinity or bytes: an output that contains one fails, with an error that says where. Nothing is
silently replaced by null.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Dict, List, Tuple

from cog.coder import Coder
from cog.types import Secret

from cogworker.handover import UnusableFile, hand_over, spool

Place = Tuple[Any, ...]
FilesOut = List[Dict[str, Any]]


class UnusableOutput(Exception):
    """The output cannot be sent; the message says which part, and where."""


def encode(value: Any, folder: str) -> Tuple[bytes, FilesOut]:
    """Return the output as JSON, and its files.

    Args:
        value: the value that the predictor returned or yielded.
        folder: the prediction's folder, where files are copied to.

    Raises:
        UnusableOutput: part of it is not valid JSON, or is a file that cannot be copied.
    """
    try:
        # Most outputs are plain values, which the C encoder can handle alone.
        return _text(value), []
    except (TypeError, ValueError):
        encoder = _Encoder(folder)
    try:
        return _text(encoder.plain(value, ())), encoder.files
    except RecursionError:
        raise UnusableOutput("the output contains a cycle, or is nested too deeply") from None


def _text(value: Any) -> bytes:
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, as a tokenizer may yield
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _refuse(_value: Any) -> None:
    raise TypeError


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_refuse)


def _pydantic_fields(model: Any) -> Any:
    """The fields of a pydantic 2 model, dumped, except that files stay what they are.

    `model_dump` replaces an open file by an iterator over its lines.
    """
    dumped = model.model_dump()
    if not isinstance(dumped, dict):  # of a RootModel
        return dumped
    for name in getattr(type(model), "model_fields", ()):
        value = getattr(model, name, None)
        if name in dumped and _has_files(value):
            dumped[name] = value
    return dumped


def _has_files(value: Any) -> bool:
    """Return whether a value is a file, or a model or collection that contains one."""
    if isinstance(value, (list, tuple, set)):
        return any(map(_has_files, value))
    if isinstance(value, Mapping):
        return any(map(_has_files, value.values()))
    if callable(getattr(type(value), "model_dump", None)):
        return any(_has_files(getattr(value, name, None)) for name in getattr(type(value), "model_fields", ()))
    return hasattr(value, "read") or isinstance(value, os.PathLike)


def _named(place: Place) -> str:
    return "the output" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


class _Encoder:
    """Walks one output. `files` lists its files and their places."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.files: FilesOut = []

    def plain(self, value: Any, place: Place) -> Any:
        """Return `value` as JSON types: None, bool, int, float, str, list, dict."""
        if value is None or isinstance(value, (bool, str, int)):
            return value.value if isinstance(value, enum.Enum) else value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise UnusableOutput(f"{_named(place)} is {value!r}, which JSON cannot represent")
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
            raise UnusableOutput(f"{_named(place)} is a {type(value).__name__}, which JSON does not support{hint}")
        coder = Coder.lookup(type(value))
        if coder is not None:
            return self.plain(coder.encode(value), place)
        if hasattr(value, "__dataclass_fields__"):
            fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
            return self._object(fields, place)
        if callable(getattr(type(value), "model_dump", None)):  # pydantic 2
            return self.plain(_pydantic_fields(value), place)
        if hasattr(type(value), "__fields__") and callable(getattr(value, "dict", None)):  # pydantic 1
            return self.plain(value.dict(), place)
        if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy and compatible libraries
            return self.plain(value.tolist(), place)
        if isinstance(value, Iterable):  # tuples, sets, generators
            return [self.plain(item, (*place, index)) for index, item in enumerate(value)]
        raise UnusableOutput(f"{_named(place)} is a {type(value).__name__}, which JSON does not support")

    def _object(self, value: Mapping[Any, Any], place: Place) -> Dict[str, Any]:
        made: Dict[str, Any] = {}
        for key, item in value.items():
            name = key.value if isinstance(key, enum.Enum) else key
            if hasattr(name, "dtype") and hasattr(name, "tolist"):
                name = name.tolist()
            if name is None or isinstance(name, (bool, int, float)):
                name = json.dumps(name)
            if not isinstance(name, str):
                raise UnusableOutput(
                    f"{_named(place)} has a key of type {type(key).__name__}, which JSON does not support"
                )
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
