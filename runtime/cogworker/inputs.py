"""The inputs of a predictor: its parameters, and their values from a request's JSON.

The server has already validated the request against the schema. This checks again, so that a predictor never gets
a value that its signature does not allow.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import io
import re
import sys
import typing
from typing import Any, Callable, Dict, List

from cog.input import NOT_GIVEN, FieldInfo

from cogworker.coercion import Convert, Mismatch, Unsupported, converter, is_nullable


class InvalidInput(Exception):
    """The request's input is invalid."""


class Parameter:
    """One input: its type, default and limits."""

    def __init__(self, name: str, convert: Convert, default: Any, nullable: bool) -> None:
        self.name = name
        self._convert = convert
        self._field = default if isinstance(default, FieldInfo) else FieldInfo(default=default)
        self._nullable = nullable
        self._pattern = re.compile(self._field.regex) if self._field.regex is not None else None

    def default(self) -> Any:
        """The value used if the request has none.

        Raises:
            Mismatch: the input is required.
        """
        value = self._field.default
        if value is NOT_GIVEN:
            if self._nullable:
                return None
            raise Mismatch("is required")
        if value is None or not isinstance(value, (str, list, dict)):
            return value
        return self._convert(copy.deepcopy(value))  # the default of a Path or Secret may be a string

    def value(self, given: Any) -> Any:
        """Convert a JSON value to the argument.

        Raises:
            Mismatch: it has another type, or exceeds a limit.
        """
        if given is None and (self._nullable or self._field.default is None):
            return None
        value = self._convert(given)
        for item in value if isinstance(value, list) else [value]:
            self._check(item, given)
        if isinstance(value, (str, list)):
            self._check_length(len(value), "characters" if isinstance(value, str) else "elements")
        return value

    def _check(self, item: Any, given: Any) -> None:
        field = self._field
        if field.choices is not None and item not in field.choices:
            raise Mismatch(f"must be one of {', '.join(map(repr, field.choices))}")
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            if field.ge is not None and item < field.ge:
                raise Mismatch(f"must be at least {field.ge}, not {item}")
            if field.le is not None and item > field.le:
                raise Mismatch(f"must be at most {field.le}, not {item}")
        if self._pattern is not None and isinstance(given, str) and not self._pattern.search(given):
            raise Mismatch(f"must match {self._pattern.pattern!r}")

    def _check_length(self, length: int, unit: str) -> None:
        least, most = self._field.min_length, self._field.max_length
        if least is not None and length < least:
            raise Mismatch(f"must have at least {least} {unit}, not {length}")
        if most is not None and length > most:
            raise Mismatch(f"must have at most {most} {unit}, not {length}")


class Inputs:
    """All the inputs of one function.

    Args:
        function: the function called for a prediction, or a bound method.

    Raises:
        Unsupported: a parameter has no type annotation, or an unsupported one.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        plain = inspect.unwrap(function)
        scope = getattr(plain, "__globals__", {})
        fields: Dict[str, FieldInfo] = getattr(plain, "__cog_fields__", {})
        self._parameters: List[Parameter] = []
        for parameter in signature_of(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise Unsupported(f"`*{parameter.name}` is not supported: list each input with a name and a type")
            if parameter.annotation is parameter.empty:
                raise Unsupported(f"`{parameter.name}` has no type annotation")
            annotation = evaluated(parameter.annotation, scope, parameter.name)
            nullable = is_nullable(annotation)
            default = NOT_GIVEN if parameter.default is parameter.empty else parameter.default
            default = fields.get(parameter.name, default)
            try:
                made = Parameter(parameter.name, converter(annotation), default, nullable)
            except (Unsupported, TypeError) as error:
                raise Unsupported(f"`{parameter.name}`: {error}") from None
            self._parameters.append(made)

    def bind(self, given: Any) -> Dict[str, Any]:
        """Return the arguments for a request's input; unknown names are ignored.

        Raises:
            InvalidInput: with every mistake.
        """
        if not isinstance(given, dict):
            raise InvalidInput("the input is not a JSON object")
        arguments: Dict[str, Any] = {}
        mistakes: List[str] = []
        for parameter in self._parameters:
            name = parameter.name
            try:
                arguments[name] = parameter.value(given[name]) if name in given else parameter.default()
            except Mismatch as error:
                mistakes.append(f"{name} {error}")
        if mistakes:
            close_streams(arguments)
            raise InvalidInput("invalid input: " + "; ".join(mistakes))
        return arguments


def close_streams(arguments: Dict[str, Any]) -> None:
    """Close the files that `bind` opened."""
    for value in arguments.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, io.IOBase):
                item.close()


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        # A return type imported only for type checkers must not stop the model.
        annotationlib = importlib.import_module("annotationlib")
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def evaluated(annotation: Any, scope: Dict[str, Any], name: str) -> Any:
    """Return an annotation evaluated, including strings inside it.

    Args:
        scope: the global names of the annotated function.
        name: the parameter's name, for the error.

    Raises:
        Unsupported: it cannot be evaluated.
    """

    def holder() -> None: ...

    holder.__annotations__ = {name: annotation}
    extras: Dict[str, Any] = {} if sys.version_info < (3, 9) else {"include_extras": True}
    try:
        meant = typing.get_type_hints(holder, scope, **extras)[name]
    except Exception as error:
        text = getattr(annotation, "__forward_arg__", annotation)
        try:
            return eval(_older_spelling(text), {**scope, "_typing": typing})  # noqa: S307  # the model's own code
        except Exception:
            raise Unsupported(f"`{name}`: cannot evaluate the type `{text}`: {error}") from None
    if isinstance(meant, typing.ForwardRef):  # a string inside a string, which Python 3.8 does not evaluate
        return evaluated(meant.__forward_arg__, scope, name)
    return meant


_OLDER = {"list": "List", "dict": "Dict", "tuple": "Tuple", "set": "Set"}


class _Respell(ast.NodeTransformer):
    """Rewrites `int | None` and `list[int]` for Python releases that only have `Union` and `List`."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        options = ast.Tuple(elts=[node.left, node.right], ctx=ast.Load())
        return self._typing("Union", options) if isinstance(node.op, ast.BitOr) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in _OLDER:
            return self._typing(_OLDER[node.value.id], node.slice)
        return node

    def _typing(self, name: str, inner: Any) -> ast.AST:
        if sys.version_info < (3, 9) and not isinstance(inner, ast.Index):
            inner = ast.Index(value=inner)
        owner = ast.Attribute(value=ast.Name(id="_typing", ctx=ast.Load()), attr=name, ctx=ast.Load())
        return ast.Subscript(value=owner, slice=inner, ctx=ast.Load())


def _older_spelling(text: str) -> Any:
    tree = ast.fix_missing_locations(_Respell().visit(ast.parse(text.strip(), mode="eval")))
    return compile(tree, "<annotation>", "eval")
