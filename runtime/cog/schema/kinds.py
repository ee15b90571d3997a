"""The kinds of inputs and outputs: a predictor's annotations, once read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, List, Optional, Tuple, Union


@dataclass(frozen=True)
class Scalar:
    """`str`, `int`, `float` or `bool`, by JSON Schema's name."""

    type: str


@dataclass(frozen=True)
class File:
    """A file: `Path` or `File`."""


@dataclass(frozen=True)
class SecretText:
    """`Secret`."""


@dataclass(frozen=True)
class Anything:
    """`Any`, or what is marked `Opaque`."""


@dataclass(frozen=True)
class Moment:
    """A `datetime`, as its ISO text."""


@dataclass(frozen=True)
class Nothing:
    """`None`."""


@dataclass(frozen=True)
class Mapping:
    """A `dict` with values of one kind."""

    values: Kind


@dataclass(frozen=True)
class ListOf:
    """A list, or a type that becomes a list in JSON: tuple, set."""

    item: Kind


@dataclass(frozen=True)
class Choice:
    """One of some constants: `Literal`, an Enum, or `choices`. `type` is JSON Schema's."""

    type: str
    values: Tuple[Any, ...]


@dataclass(frozen=True)
class OneOf:
    """A union without None; see `Nullable`."""

    options: Tuple[Kind, ...]


@dataclass(frozen=True)
class Nullable:
    """Of a kind, or None."""

    kind: Kind


@dataclass(frozen=True)
class Field:
    """One field of a Record."""

    name: str
    kind: Kind
    required: bool


@dataclass(frozen=True)
class Record:
    """An object with known fields. `typed_dict`: it is a plain dict at run time."""

    name: str
    fields: Tuple[Field, ...]
    typed_dict: bool = False


@dataclass(frozen=True)
class Stream:
    """A generator. `concatenate`: its items are pieces of one string."""

    item: Kind
    concatenate: bool = False


Kind = Union[
    Scalar, File, SecretText, Anything, Moment, Nothing, Mapping, ListOf, Choice, OneOf, Nullable, Record, Stream
]


def union(parts: Iterable[Kind]) -> Kind:
    """Return the union of kinds, flattened; with None it is a Nullable."""
    options: List[Kind] = []
    for kind in parts:
        unwrapped = kind.kind if isinstance(kind, Nullable) else kind
        inner = [*unwrapped.options] if isinstance(unwrapped, OneOf) else [unwrapped]
        inner += [Nothing()] if isinstance(kind, Nullable) else []
        options += [option for option in inner if option not in options]
    some = tuple(option for option in options if option != Nothing())
    if not some:
        return Nothing()
    kind = some[0] if len(some) == 1 else OneOf(some)
    return kind if len(some) == len(options) else Nullable(kind)


def choice(values: Iterable[Any]) -> Optional[Choice]:
    """Return the choice of some constants; None if they are not all strings or all numbers."""
    distinct = tuple(dict.fromkeys(values))
    types = {json_type(value) for value in distinct}
    if types == {"integer", "number"}:
        types = {"number"}
    if len(types) != 1 or not types <= {"string", "integer", "number", "boolean"}:
        return None
    return Choice(types.pop(), distinct)


_JSON_TYPES = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))


def json_type(value: Any) -> str:
    """The JSON Schema type of a constant; `other` if it is not a scalar."""
    return next((name for type_, name in _JSON_TYPES if isinstance(value, type_)), "other")
