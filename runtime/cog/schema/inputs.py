"""One input of a predictor: its type and the arguments of `Input(...)`, checked."""

from __future__ import annotations

import ast
import importlib
import re
import sys
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
_ARTICLES = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "a boolean"}
_ARTICLES = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "a boolean"}
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
    """One input. `given` has the arguments of `Input`, or the plain default; omitted ones are absent."""

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


def read_input(constants: Constants, file: str, call: Any) -> Dict[str, Any]:
    """Read the arguments of `Input(...)`. None counts as omitted, except for `default`."""
    words: List[Tuple[Optional[str], ast.expr]] = [("default", argument) for argument in call.args[:1]]
    words += [(word.arg, word.value) for word in call.keywords]
    if len(call.args) > 1 or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise unreadable(file, call, "`Input` accepts only the default as a positional argument")
    given: Dict[str, Any] = {}
    for name, node in words:
        if name == "default_factory":
            hint = "use `default`: a list or dict is copied for each prediction"
            raise unreadable(file, node, "`Input` does not accept `default_factory`", hint)
        if name not in ARGUMENTS:
            hint = nearest(name or "", ARGUMENTS, f"valid arguments: {', '.join(ARGUMENTS)}")
            raise unreadable(file, node, f"`Input` has no argument `{name or '**'}`", hint)
        value = constants.argument(name, node)
        if value is not None or name == "default":
            given[name] = value
    return given


def check_parameter(parameter: Parameter) -> Iterator[Mistake]:
    """Yield the mistakes of one input: of its type, its limits and its default."""
    for message, hint in (_check_kind(parameter), *_check_limits(parameter), _check_default(parameter)):
        if message:
            yield Mistake(parameter.file, parameter.line, f"`{parameter.name}`: {message}", hint)


Complaint = Tuple[str, Optional[str]]
FINE: Complaint = ("", None)


def _check_kind(parameter: Parameter) -> Complaint:
    kind = parameter.single
    if isinstance(kind, (kinds.Stream, kinds.Nothing, kinds.Moment)):
        return "an input cannot have this type", "use `str` and parse it"
    if isinstance(kind, kinds.Nullable):
        return "list items cannot be None", "omit them from the list"
    parts = kind.options if isinstance(kind, kinds.OneOf) else ()
    if any(isinstance(part, (kinds.File, kinds.SecretText, kinds.Record)) for part in parts):
        return "a union cannot contain a file, a secret or an object", "make it an input of its own"
    if isinstance(kind, kinds.Record) and not kind.typed_dict and not _is_plain(kind):
        return "an object cannot have files or secrets as fields", "make it an input of its own"
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
            yield f"invalid `{name}`: {value!r}", None
            return
    for name in ("ge", "le"):
        if name in given and not numeric:
            yield f"`{name}` is only valid for numbers", "remove it, or change the type to `int` or `float`"
    for name in ("min_length", "max_length"):
        if name in given and not textual and not isinstance(kind, kinds.ListOf):
            yield f"`{name}` is only valid for strings and lists", "remove it, or change the type to `str`"
    if "regex" in given:
        yield _check_regex(given["regex"], textual)
    if "accept" in given and not isinstance(parameter.single, kinds.File):
        yield "`accept` is only valid for files", "remove it, or change the type to `Path`"
    if "choices" in given:
        yield _check_choices(parameter)
    for low, high in (("ge", "le"), ("min_length", "max_length")):
        if low in given and high in given and given[low] > given[high]:
            yield f"`{low}` {given[low]} is greater than `{high}` {given[high]}", f"swap `{low}` and `{high}`"


def _check_regex(pattern: str, textual: bool) -> Complaint:
    if not textual:
        return "`regex` is only valid for strings", "remove it, or change the type to `str`"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"`{pattern}` is not a valid regular expression: {error}", None
    return FINE


def warn_of(parameter: Parameter) -> Iterator[Mistake]:
    """Yield the warnings about one input."""
    pattern = parameter.given.get("regex")
    if isinstance(pattern, str) and has_nested_quantifier(pattern):
        message = f"`{parameter.name}`: `{pattern}` repeats a repetition; matching it can take very long"
        hint = "repeat only one of the two, or limit the length with `max_length`"
        yield Mistake(parameter.file, parameter.line, message, hint)


def has_nested_quantifier(pattern: str) -> bool:
    """Return whether a regular expression repeats, without a limit, something that has a varying length itself."""
    parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    try:
        return _is_nested(parser.parse(pattern), parser.MAXREPEAT, inside=False)
    except (re.error, RecursionError, OverflowError):
        return False  # already reported


def _is_nested(part: Any, endless: Any, *, inside: bool) -> bool:
    if isinstance(part, tuple) and len(part) == 2 and str(part[0]) in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, repeated = part[1]
        if inside and most != least:
            return True
        return _is_nested(repeated, endless, inside=inside or most == endless)
    if isinstance(part, (str, bytes, int)) or part is None:
        return False
    try:
        return any(_is_nested(each, endless, inside=inside) for each in part)
    except TypeError:  # a constant of the parser
        return False


def _check_choices(parameter: Parameter) -> Complaint:
    choices, kind = parameter.given["choices"], parameter.single
    if not choices:
        return "`choices` is empty", "remove it, or list the choices"
    if not isinstance(kind, kinds.Scalar) or kind.type == "boolean":
        return "`choices` is only valid for strings and numbers", "change the type to `str` or `int`"
    wrong = [choice for choice in choices if _misfit(kind, choice)]
    if wrong:
        return f"the choice {wrong[0]!r} does not have the input's type", None
    return FINE


def _misfit(kind: Kind, value: Any) -> Optional[str]:
    """Return why a constant is not of a kind; None if it is, or if only running the code could tell."""
    if isinstance(kind, kinds.Scalar):
        fits = kinds.json_type(value) == kind.type or (
            kind.type == "number" and kinds.json_type(value) == "integer"
        )
        return None if fits else f"is not {_ARTICLES[kind.type]}"
    if isinstance(kind, kinds.Choice):
        allowed = ", ".join(map(repr, kind.values))
        return None if value in kind.values else f"is not one of the choices: {allowed}"
    if isinstance(kind, (kinds.File, kinds.SecretText)):
        return None if isinstance(value, str) else "is not a string"
    if isinstance(kind, kinds.ListOf):
        if not isinstance(value, list):
            return "is not a list"
        return next((reason for reason in (_misfit(kind.item, item) for item in value) if reason), None)
    if isinstance(kind, kinds.OneOf):
        return None if any(_misfit(option, value) is None for option in kind.options) else "has none of the types"
    if isinstance(kind, (kinds.Mapping, kinds.Record)):
        return None if isinstance(value, dict) else "is not an object"
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
            reason = f"is not one of the choices: {', '.join(map(repr, given['choices']))}"
        elif reason is None and "ge" in given and value < given["ge"]:
            reason = f"is less than {given['ge']}"
        elif reason is None and "le" in given and value > given["le"]:
            reason = f"is greater than {given['le']}"
        elif reason is None and length < given.get("min_length", 0):
            reason = f"is shorter than {given['min_length']}"
        elif reason is None and length > given.get("max_length", length):
            reason = f"is longer than {given['max_length']}"
        elif reason is None and "regex" in given and not re.search(given["regex"], value):
            reason = f"does not match `{given['regex']}`"
    except (TypeError, re.error):  # the limit itself is invalid, and already reported
        return FINE
    return (f"the default {value!r} {reason}", "change the default or the limit") if reason else FINE
