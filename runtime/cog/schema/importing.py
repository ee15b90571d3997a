"""The OpenAPI document of a predictor that is imported: the last resort if its source is not enough.

This runs the model's own code, so it needs its packages: `cog schema --import` runs it in the locked environment.
"""

from __future__ import annotations

import datetime as dt
import enum
import importlib
import inspect
import io
import os
import sys
import typing
from typing import Any, Callable, Dict, List, Optional, Tuple

from cog.input import NOT_GIVEN, FieldInfo
from cog.loading import import_file
from cog.predictor import is_default
from cog.schema import kinds
from cog.schema.document import document, text
from cog.schema.inputs import ARGUMENTS, Parameter, check_parameter
from cog.schema.kinds import Field, Kind
from cog.schema.mistakes import Mistake, SourceMistakes, Unreadable, gathering
from cog.schema.signature import GUESSES, METHODS, Signature, check_output
from cog.types import AsyncConcatenateIterator, ConcatenateIterator, Opaque, Secret

_PLAIN: Dict[Any, Kind] = {
    str: kinds.Scalar("string"),
    int: kinds.Scalar("integer"),
    float: kinds.Scalar("number"),
    bool: kinds.Scalar("boolean"),
    Any: kinds.Anything(),
    object: kinds.Anything(),
    dict: kinds.Mapping(kinds.Anything()),
    list: kinds.ListOf(kinds.Anything()),
    type(None): kinds.Nothing(),
    None: kinds.Nothing(),
    Secret: kinds.SecretText(),
}
_STREAMS = ("Iterator", "AsyncIterator", "Generator", "AsyncGenerator")
_LISTS = ("list", "Sequence", "Iterable", "Collection", "tuple", "set", "frozenset", "Set")


class _Unsupported(Exception):
    """The type has no schema."""


def read_imported(predict: Optional[str] = None, train: Optional[str] = None) -> str:
    """Return the OpenAPI document of a project, importing it from the working folder; as `cog.schema.read` does.

    Raises:
        SourceMistakes: every mistake in the signatures.
        BaseException: any exception of the model's own code.
    """
    mistakes: List[Mistake] = []
    predicting = _signature(predict, "predict", mistakes) if predict else None
    training = _signature(train, "train", mistakes) if train else None
    if mistakes:
        raise SourceMistakes(mistakes)
    return text(document(predicting, training))


def _signature(reference: str, role: str, mistakes: List[Mistake]) -> Optional[Signature]:
    file, _, name = reference.partition(":")
    module = import_file(file)
    target = next(
        (getattr(module, each) for each in ([name] if name else GUESSES[role]) if hasattr(module, each)), None
    )
    methods = [getattr(target, each, None) for each in METHODS[role]] if isinstance(target, type) else [target]
    found = [each for each in methods if callable(each) and not is_default(each)]
    if len(found) != 1:
        mistakes.append(
            Mistake(file, 1, f"`{reference}` must name a function, or a class with one method to call")
        )
        return None
    function: Any = found[0]
    plain = inspect.unwrap(function)
    line = getattr(getattr(plain, "__code__", None), "co_firstlineno", 1)
    hints = _hints(plain)
    parameters: List[Parameter] = []
    for parameter in list(_parameters(function))[1 if isinstance(target, type) else 0 :]:
        with gathering(mistakes):
            made = _parameter(parameter, plain, hints, file, line)
            mistakes.extend(check_parameter(made))
            parameters.append(made)
    output: Kind = kinds.Anything()
    with gathering(mistakes):
        output = _kind(hints.get("return", Any), "the output", file, line)
        message, hint = check_output(output)
        if message:
            raise Unreadable(Mistake(file, line, message, hint))
    streaming = getattr(function, "__cog_streaming__", False) is True
    return Signature(tuple(parameters), output, streaming, getattr(function, "__cog_concurrent__", None))


def _parameters(function: Callable[..., Any]) -> Any:
    if sys.version_info >= (3, 14):
        annotationlib = importlib.import_module("annotationlib")
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF).parameters.values()
    return inspect.signature(function).parameters.values()


def _hints(function: Any) -> Dict[str, Any]:
    """The annotations of a function, evaluated."""
    extras: Dict[str, Any] = {} if sys.version_info < (3, 9) else {"include_extras": True}
    try:
        return typing.get_type_hints(function, **extras)
    except Exception:  # noqa: BLE001  # one of them; the others are evaluated alone
        hints = dict(getattr(function, "__annotations__", {}))
        for name, each in hints.items():
            if isinstance(each, str):
                try:
                    hints[name] = eval(each, getattr(function, "__globals__", {}))  # noqa: S307  # the model's own code
                except Exception:  # noqa: BLE001
                    hints[name] = each
        return hints


def _parameter(parameter: Any, function: Any, hints: Dict[str, Any], file: str, line: int) -> Parameter:
    name = parameter.name
    annotation = hints.get(name, parameter.annotation)
    if annotation is parameter.empty:
        raise Unreadable(Mistake(file, line, f"`{name}` has no type annotation", f"write `{name}: str`"))
    default = getattr(function, "__cog_fields__", {}).get(name, parameter.default)
    given: Dict[str, Any] = {}
    if isinstance(default, FieldInfo):
        given = {each: getattr(default, each) for each in ARGUMENTS}
        given = {each: value for each, value in given.items() if value is not None or each == "default"}
        if given["default"] is NOT_GIVEN:
            del given["default"]
    elif default is not parameter.empty:
        given = {"default": default}
    try:
        given = {each: _json(value) for each, value in given.items()}
    except TypeError as error:
        raise Unreadable(Mistake(file, line, f"`{name}`: {error}")) from None
    return Parameter(name, _kind(annotation, f"`{name}`", file, line), given, file, line)


def _json(value: Any) -> Any:
    """Return a default or a choice as JSON has it."""
    if isinstance(value, enum.Enum):
        return _json(value.value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple, set)):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {str(_json(key)): _json(each) for key, each in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{value!r} is not a JSON value")


def _kind(annotation: Any, whose: str, file: str, line: int) -> Kind:
    try:
        return _kind_of(annotation)
    except _Unsupported as error:
        hint = "mark it `Annotated[…, Opaque]` for a JSON object with any content, or use `Path` for a file"
        raise Unreadable(Mistake(file, line, f"{whose}: the type {error} has no schema", hint)) from None


def _kind_of(annotation: Any) -> Kind:
    try:
        if annotation in _PLAIN:
            return _PLAIN[annotation]
    except TypeError:  # not hashable
        pass
    if hasattr(annotation, "__metadata__"):
        opaque = any(mark is Opaque or isinstance(mark, Opaque) for mark in annotation.__metadata__)
        return kinds.Mapping(kinds.Anything()) if opaque else _kind_of(annotation.__origin__)
    if hasattr(annotation, "__supertype__"):
        return _kind_of(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":
        return _kind_of(annotation.__value__)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _generic(annotation, origin, typing.get_args(annotation))
    if isinstance(annotation, type):
        return _class(annotation)
    raise _Unsupported(f"`{annotation}`")


def _generic(annotation: Any, origin: Any, arguments: Tuple[Any, ...]) -> Kind:
    name = getattr(origin, "__name__", str(origin))
    if origin is typing.Union or name == "UnionType":
        return kinds.union(map(_kind_of, arguments))
    if origin is typing.Literal or name == "Literal":
        choice = kinds.choice(value for value in arguments if value is not None)
        if choice is None:
            raise _Unsupported(f"`{annotation}`")
        return kinds.Nullable(choice) if None in arguments else choice
    if origin in (ConcatenateIterator, AsyncConcatenateIterator):
        return kinds.Stream(_kind_of(arguments[0]), concatenate=True)
    if name in _STREAMS:
        return kinds.Stream(_kind_of(arguments[0]))
    if name in _LISTS:
        return kinds.ListOf(kinds.union(_kind_of(each) for each in arguments if each is not ...))
    if isinstance(origin, type) and issubclass(origin, (dict, typing.Mapping)):  # type: ignore[arg-type]
        return kinds.Mapping(_kind_of(arguments[-1]))
    if isinstance(origin, type) and issubclass(origin, os.PathLike):
        return kinds.File()
    raise _Unsupported(f"`{annotation}`")


def _class(annotation: Any) -> Kind:
    if issubclass(annotation, enum.Enum):
        choice = kinds.choice(member.value for member in annotation)
        if choice is not None:
            return choice
    elif annotation in (ConcatenateIterator, AsyncConcatenateIterator):
        return kinds.Stream(kinds.Scalar("string"), concatenate=True)
    elif issubclass(annotation, (os.PathLike, io.IOBase)):
        return kinds.File()
    elif issubclass(annotation, (dt.date, dt.time)):
        return kinds.Moment()
    else:
        fields = _fields(annotation)
        if fields is not None:
            return kinds.Record(annotation.__name__, fields, issubclass(annotation, dict))
    raise _Unsupported(f"`{annotation.__name__}`")


def _fields(annotation: Any) -> Optional[Tuple[Field, ...]]:
    """The fields of a TypedDict, a dataclass or a pydantic model; None for any other class."""
    required: Dict[str, bool]
    if issubclass(annotation, dict) and hasattr(annotation, "__required_keys__"):
        required = {name: name in annotation.__required_keys__ for name in annotation.__annotations__}
    elif hasattr(annotation, "__dataclass_fields__"):
        import dataclasses

        missing = dataclasses.MISSING
        required = {
            each.name: each.default is missing and each.default_factory is missing
            for each in dataclasses.fields(annotation)
        }
    elif hasattr(annotation, "model_fields"):  # pydantic 2
        required = {name: each.is_required() for name, each in annotation.model_fields.items()}
    elif hasattr(annotation, "__fields__"):  # pydantic 1
        required = {name: bool(each.required) for name, each in annotation.__fields__.items()}
    else:
        return None
    hints = _hints(annotation)
    return tuple(Field(name, _kind_of(hints[name]), needed) for name, needed in required.items())
