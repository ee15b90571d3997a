"""One input of a predictor: what `Input(...)` says of it, and whether that can be."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from cog.schema import kinds
from cog.schema.mistakes import Mistake, nearest, unreadable

if TYPE_CHECKING:
    from cog.schema.constants import Constants
    from cog.schema.kinds import Kind

ARGUMENTS = (
    "default",
    "description",
    "ge",
    "le",
    "min_length",
    "max_length",
    "regex",
    "choices",
    "deprecated",
    "accept",
)
_EXPECTED: Dict[str, Any] = {
    "description": str,
    "ge": (int, float),
    "le": (int, float),
    "min_length": int,
    "max_length": int,
    "regex": str,
    "choices": list,
    "deprecated": bool,
    "accept": str,
}


@dataclass(frozen=True)
class Parameter:
    """One input. `given` has what `Input` was told, or the plain default, and nothing that was left out."""

    name: str
    kind: Kind
    given: Dict[str, Any]
    file: str
    line: int

    @property
    def required(self) -> bool:
        return "default" not in self.given and not isinstance(self.kind, kinds.Nullable)

    @property
    def inner(self) -> Kind:
        """The kind of a value that is not None."""
        return self.kind.kind if isinstance(self.kind, kinds.Nullable) else self.kind

    @property
    def single(self) -> Kind:
        """The kind of one value: of the elements, for a list."""
        return self.inner.item if isinstance(self.inner, kinds.ListOf) else self.inner


def read_input(constants: Constants, file: str, call: ast.Call) -> Dict[str, Any]:
    """Read the arguments of `Input(...)`; those that are None are as if left out, but for `default`."""
    words: List[Tuple[Optional[str], ast.expr]] = [("default", argument) for argument in call.args[:1]]
    words += [(word.arg, word.value) for word in call.keywords]
    if len(call.args) > 1 or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise unreadable(file, call, "only the default may be given to `Input` without its name")
    given: Dict[str, Any] = {}
    for name, node in words:
        if name == "default_factory":
            hint = "give `default`: a list or dict is copied for each prediction"
            raise unreadable(file, node, "`Input` takes no `default_factory`", hint)
        if name not in ARGUMENTS:
            hint = nearest(name or "", ARGUMENTS, f"`Input` takes {', '.join(ARGUMENTS)}")
            raise unreadable(file, node, f"`Input` has no argument `{name or '**'}`", hint)
        value = constants.value(node)
        if value is not None or name == "default":
            given[name] = value
    return given


def check_parameter(parameter: Parameter) -> Iterator[Mistake]:
    """Yield what cannot be about one input: its type, its limits, or its default."""
    for message, hint in (_check_kind(parameter), *_check_limits(parameter), _check_default(parameter)):
        if message:
            yield Mistake(parameter.file, parameter.line, f"`{parameter.name}`: {message}", hint)


Complaint = Tuple[str, Optional[str]]
FINE: Complaint = ("", None)


def _check_kind(parameter: Parameter) -> Complaint:
    kind = parameter.single
    if isinstance(kind, (kinds.Stream, kinds.Nothing, kinds.Moment)):
        return "no input can be of this type", "take a `str` and parse it"
    if isinstance(kind, kinds.Nullable):
        return "the elements of a list cannot be None", "leave them out of the list"
    parts = kind.options if isinstance(kind, kinds.OneOf) else ()
    if any(isinstance(part, (kinds.File, kinds.SecretText, kinds.Record)) for part in parts):
        return "a file, a secret or an object cannot be one of several types", "make it an input of its own"
    if isinstance(kind, kinds.Record) and not kind.typed_dict and not _is_plain(kind):
        return "the fields of an object are JSON values, no files or secrets", "make it an input of its own"
    return FINE


def _is_plain(kind: Kind) -> bool:
    """Say whether a kind is JSON all the way down."""
    if isinstance(kind, kinds.Record):
        return all(_is_plain(field.kind) for field in kind.fields)
    if isinstance(kind, (kinds.ListOf, kinds.Nullable, kinds.Mapping)):
        inner = {kinds.ListOf: "item", kinds.Nullable: "kind", kinds.Mapping: "values"}[type(kind)]
        return _is_plain(getattr(kind, inner))
    if isinstance(kind, kinds.OneOf):
        return all(map(_is_plain, kind.options))
    return isinstance(kind, (kinds.Scalar, kinds.Choice, kinds.Anything))


def _types(kind: Kind) -> List[str]:
    """The JSON types of a scalar, or of the scalars of a union."""
    options = kind.options if isinstance(kind, kinds.OneOf) else (kind,)
    return [option.type for option in options if isinstance(option, (kinds.Scalar, kinds.Choice))]


def _check_limits(parameter: Parameter) -> Iterator[Complaint]:
    given, kind = parameter.given, parameter.inner
    numeric = {"integer", "number"} & set(_types(kind))
    textual = "string" in _types(kind)
    for name, value in given.items():
        if name in _EXPECTED and (
            not isinstance(value, _EXPECTED[name]) or (value is True and name != "deprecated")
        ):
            yield f"`{name}` cannot be {value!r}", None
            return
    for name in ("ge", "le"):
        if name in given and not numeric:
            yield f"`{name}` is for numbers, and this is none", "take it out, or make it an `int` or `float`"
    for name in ("min_length", "max_length"):
        if name in given and not textual and not isinstance(kind, kinds.ListOf):
            yield f"`{name}` is for strings and lists, and this is neither", "take it out, or make it a `str`"
    if "regex" in given:
        yield _check_regex(given["regex"], textual)
    if "accept" in given and not isinstance(parameter.single, kinds.File):
        yield "`accept` is for files, and this is none", "take it out, or make it a `Path`"
    if "choices" in given:
        yield _check_choices(parameter)
    for low, high in (("ge", "le"), ("min_length", "max_length")):
        if low in given and high in given and given[low] > given[high]:
            yield f"nothing is at least {given[low]} and at most {given[high]}", f"swap `{low}` and `{high}`"


def _check_regex(pattern: str, textual: bool) -> Complaint:
    if not textual:
        return "`regex` is for strings, and this is none", "take it out, or make it a `str`"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"`{pattern}` is no regular expression: {error}", None
    return FINE


def _check_choices(parameter: Parameter) -> Complaint:
    choices, kind = parameter.given["choices"], parameter.single
    if not choices:
        return "there are no choices to choose from", "take `choices` out, or list them"
    if not isinstance(kind, kinds.Scalar) or kind.type == "boolean":
        return "`choices` is for strings and numbers, and this is neither", "make it a `str` or `int`"
    wrong = [choice for choice in choices if _misfit(kind, choice)]
    if wrong:
        return f"the choice {wrong[0]!r} is not of the input's type", None
    return FINE


def _misfit(kind: Kind, value: Any) -> Optional[str]:
    """Say why a constant is not of a kind; None where it is, or where only running the code could tell."""
    if isinstance(kind, kinds.Scalar):
        fits = kinds.json_type(value) == kind.type or (
            kind.type == "number" and kinds.json_type(value) == "integer"
        )
        return None if fits else f"is no {kind.type}"
    if isinstance(kind, kinds.Choice):
        allowed = ", ".join(map(repr, kind.values))
        return None if value in kind.values else f"is none of the choices: {allowed}"
    if isinstance(kind, (kinds.File, kinds.SecretText)):
        return None if isinstance(value, str) else "is no string"
    if isinstance(kind, kinds.ListOf):
        if not isinstance(value, list):
            return "is no list"
        return next((reason for reason in (_misfit(kind.item, item) for item in value) if reason), None)
    if isinstance(kind, kinds.OneOf):
        return (
            None if any(_misfit(option, value) is None for option in kind.options) else "is of none of the types"
        )
    if isinstance(kind, (kinds.Mapping, kinds.Record)):
        return None if isinstance(value, dict) else "is no object"
    return None


def _check_default(parameter: Parameter) -> Complaint:
    given, value = parameter.given, parameter.given.get("default")
    if value is None:
        return FINE
    reason = _misfit(parameter.inner, value)
    single = value if isinstance(value, list) else [value]
    length = len(value) if isinstance(value, (str, list)) else 0
    try:
        if reason is None and "choices" in given and any(item not in given["choices"] for item in single):
            reason = f"is none of the choices: {', '.join(map(repr, given['choices']))}"
        elif reason is None and "ge" in given and value < given["ge"]:
            reason = f"is under {given['ge']}"
        elif reason is None and "le" in given and value > given["le"]:
            reason = f"is over {given['le']}"
        elif reason is None and length < given.get("min_length", 0):
            reason = f"is shorter than {given['min_length']}"
        elif reason is None and length > given.get("max_length", length):
            reason = f"is longer than {given['max_length']}"
        elif reason is None and "regex" in given and not re.search(given["regex"], value):
            reason = f"does not match `{given['regex']}`"
    except (TypeError, re.error):  # a limit that fits no such value; told already
        return FINE
    return (f"the default {value!r} {reason}", "change the default or the limit") if reason else FINE
