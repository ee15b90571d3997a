"""An annotation → the function that converts JSON to its type."""

from __future__ import annotations

import collections.abc
import enum
import io
import os
import pathlib
import types
import typing
from typing import Any, Callable, Dict, List, Tuple

from cog.coder import Coder
from cog.types import File, Opaque, Path, Secret

Convert = Callable[[Any], Any]

_LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_COLLECTIONS = {tuple: tuple, set: set, frozenset: frozenset, collections.abc.Set: set}
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


class Mismatch(Exception):
    """The JSON value does not have the annotated type; the message says what it must be."""


class Unsupported(Exception):
    """No JSON value can be converted to this annotation."""


def _described(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _exactly(type_: type, noun: str) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not type_:
            raise Mismatch(f"must be {noun}, not {_described(value)}")
        return value

    return convert


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise Mismatch(f"must be an integer, not {value if type(value) is float else _described(value)}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Mismatch(f"must be a number, not {_described(value)}")
    try:
        return float(value)
    except OverflowError:
        raise Mismatch("must be within the range of a float") from None


def _any_number(value: Any) -> Any:
    number = _number(value)
    return value if type(value) is int else number


def _path(value: Any) -> Path:
    return Path(_text(value))


def _stream(value: Any) -> Any:
    try:
        return open(_text(value), "rb")
    except OSError as error:
        raise Mismatch(f"must be a readable file: {error.strerror}") from None


def _secret(value: Any) -> Secret:
    return Secret(_text(value))


def _as_it_is(value: Any) -> Any:
    return value


_text = _exactly(str, "a string")
_SIMPLE: Dict[Any, Convert] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _exactly(bool, "a boolean"),
    Any: _as_it_is,
    object: _as_it_is,
    dict: _exactly(dict, "an object"),
    list: _exactly(list, "a list"),
    type(None): _exactly(type(None), "null"),
    Secret: _secret,
    File: _stream,
}


def converter(annotation: Any) -> Convert:
    """Return a function that converts JSON to `annotation`, or raises Mismatch.

    Raises:
        Unsupported: an input cannot have this type.
    """
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if hasattr(annotation, "__metadata__"):  # Annotated[T, ...]
        marks = annotation.__metadata__
        if not any(mark is Opaque or isinstance(mark, Opaque) for mark in marks):
            return converter(annotation.__origin__)
        coder = Coder.lookup(annotation.__origin__)
        return _as_it_is if coder is None else _decoded(coder)
    if hasattr(annotation, "__supertype__"):  # NewType
        return converter(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":  # `type Name = ...`
        return converter(annotation.__value__)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _generic(annotation, origin, typing.get_args(annotation))
    if isinstance(annotation, type):
        return _class(annotation)
    raise Unsupported(f"unsupported input type {annotation!r}")


def is_nullable(annotation: Any) -> bool:
    """Return whether `annotation` allows None."""
    if hasattr(annotation, "__metadata__"):
        return is_nullable(annotation.__origin__)
    if type(annotation).__name__ == "TypeAliasType":
        return is_nullable(annotation.__value__)
    return annotation is None or type(None) in typing.get_args(annotation)


def _generic(annotation: Any, origin: Any, arguments: Tuple[Any, ...]) -> Convert:
    if origin in _UNIONS:
        return _union(arguments)
    if origin is typing.Literal or getattr(origin, "__name__", "") == "Literal":
        return _one_of(list(arguments))
    if origin in _OBJECTS:
        return _SIMPLE[dict]
    if origin in _LISTS:
        return _list_of(converter(arguments[0])) if arguments else _SIMPLE[list]
    if origin in _COLLECTIONS:
        items = _list_of(_union(tuple(argument for argument in arguments if argument is not ...)))
        return lambda value: _COLLECTIONS[origin](items(value))
    if isinstance(origin, type) and issubclass(origin, os.PathLike):
        return _path
    raise Unsupported(f"unsupported input type {annotation!r}")


def _decoded(coder: Coder) -> Convert:
    """Use a coder of the model's own."""
    whole = _SIMPLE[dict]

    def convert(value: Any) -> Any:
        try:
            return coder.decode(whole(value))
        except (TypeError, ValueError, LookupError) as error:
            raise Mismatch(f"is not valid: {type(error).__name__}: {error}") from None

    return convert


def _class(annotation: type) -> Convert:
    coder = Coder.lookup(annotation)
    if coder is not None:
        return _decoded(coder)
    if issubclass(annotation, enum.Enum):
        return _enumeration(annotation)
    if issubclass(annotation, (pathlib.PurePath, os.PathLike)):
        return _path
    if issubclass(annotation, io.IOBase):
        return _stream
    if issubclass(annotation, dict):  # a TypedDict
        return _SIMPLE[dict]
    if hasattr(annotation, "__dataclass_fields__"):
        return _dataclass(annotation)
    validate = getattr(annotation, "model_validate", None) or getattr(annotation, "parse_obj", None)
    if validate is not None:
        return _foreign(validate)
    raise Unsupported(f"unsupported input type {annotation.__name__}")


def _union(options: Tuple[Any, ...]) -> Convert:
    if len(options) == 1:
        return converter(options[0])
    # Every integer is also a valid float, so try the more specific types first. Beside others, `float` takes an
    # integer as it is: `str | float` says that numbers are wanted, and JSON's 1 is an int.
    ordered = sorted(options, key=lambda option: (option is float, option is str))
    alone = len([option for option in options if option is not type(None)]) == 1
    converters = [converter(option) if option is not float or alone else _any_number for option in ordered]

    def convert(value: Any) -> Any:
        reasons: List[str] = []
        for each in converters:
            try:
                return each(value)
            except Mismatch as error:
                reasons.append(str(error))
        raise Mismatch(" or ".join(dict.fromkeys(reasons)))

    return convert


def _same(one: Any, other: Any) -> bool:
    """JSON equality: True is not equal to 1, but 1.0 is."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _one_of(allowed: List[Any]) -> Convert:
    def convert(value: Any) -> Any:
        for each in allowed:
            if _same(each, value):
                return each
        raise Mismatch(f"must be one of {', '.join(map(repr, allowed))}")

    return convert


def _enumeration(annotation: Any) -> Convert:
    members = {member.value: member for member in annotation}
    choose = _one_of(list(members))
    return lambda value: members[choose(value)]


def _list_of(item: Convert) -> Convert:
    whole = _SIMPLE[list]

    def convert(value: Any) -> List[Any]:
        made = []
        for index, each in enumerate(whole(value)):
            try:
                made.append(item(each))
            except Mismatch as error:
                raise Mismatch(f"[{index}] {error}") from None
        return made

    return convert


def _foreign(validate: Callable[[Any], Any]) -> Convert:
    """Use a pydantic model's own validation."""

    def convert(value: Any) -> Any:
        try:
            return validate(value)
        except ValueError as error:
            raise Mismatch(f"is not valid: {error}") from None

    return convert


def _dataclass(annotation: Any) -> Convert:
    hints = typing.get_type_hints(annotation)
    known = annotation.__dataclass_fields__.values()
    fields = {field.name: converter(hints[field.name]) for field in known if field.init}
    whole = _SIMPLE[dict]

    def convert(value: Any) -> Any:
        given = {}
        for name, each in whole(value).items():
            if name in fields:
                try:
                    given[name] = fields[name](each)
                except Mismatch as error:
                    raise Mismatch(f".{name} {error}") from None
        try:
            return annotation(**given)
        except (TypeError, ValueError) as error:
            raise Mismatch(f"is not a valid {annotation.__name__}: {error}") from None

    return convert
