"""The inputs of a predictor of 2021: `@cog.input("scale", type=float, default=1.5, min=0, help="…")`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Tuple

from cog.schema.inputs import Parameter, check_parameter
from cog.schema.mistakes import Mistake, gathering, nearest, unreadable

if TYPE_CHECKING:
    from cog.schema.kinds import Kind
    from cog.schema.source import Function, LocalFunction

# The arguments in their order, and what they are called now.
ARGUMENTS = ("name", "type", "default", "min", "max", "options", "help")
_NOW = {"default": "default", "min": "ge", "max": "le", "options": "choices", "help": "description"}

Value = Callable[[ast.expr], Any]
ReadKind = Callable[[ast.expr], "Kind"]


def read_decorators(
    found: LocalFunction,
    calls: List[ast.Call],
    read_kind: ReadKind,
    value: Value,
    mistakes: List[Mistake],
) -> List[Parameter]:
    """Return the inputs that decorators declare, in the order of the source.

    Args:
        calls: the decorators.
        read_kind: returns the kind of a type expression.
        value: returns the value of a constant expression.
        mistakes: the list to add mistakes to.
    """
    file = found.module.file
    parameters: List[Parameter] = []
    for call in calls:
        with gathering(mistakes):
            given = _arguments(file, call)
            name, type_ = value(given.pop("name")), given.pop("type")
            now = {_NOW[key]: value(node) for key, node in given.items()}
            kept = {key: each for key, each in now.items() if each is not None or key == "default"}
            parameter = Parameter(str(name), read_kind(type_), kept, file, call.lineno)
            mistakes.extend(check_parameter(parameter))
            parameters.append(parameter)
    mistakes.extend(_check_names(found, parameters))
    return parameters


def _arguments(file: str, call: ast.Call) -> Dict[str, ast.expr]:
    given: Dict[str, ast.expr] = dict(zip(ARGUMENTS, call.args))
    for word in call.keywords:
        if word.arg not in ARGUMENTS:
            hint = nearest(word.arg or "", ARGUMENTS, f"valid arguments: {', '.join(ARGUMENTS)}")
            raise unreadable(file, word.value, f"`cog.input` has no argument `{word.arg or '**'}`", hint)
        given[word.arg] = word.value
    for name in ("name", "type"):
        if name not in given:
            raise unreadable(
                file, call, f"`cog.input` needs a `{name}`", 'write `@cog.input("scale", type=float)`'
            )
    return given


def type_of(call: ast.Call) -> ast.expr:
    """Return the type that a decorator gives."""
    return _arguments("", call)["type"]


def _check_names(found: LocalFunction, parameters: List[Parameter]) -> Iterator[Mistake]:
    arguments = found.node.args
    taken = [each.arg for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    declared = [parameter.name for parameter in parameters]
    for parameter in parameters:
        if parameter.name not in taken and arguments.kwarg is None:
            message = f"`{found.node.name}` has no parameter `{parameter.name}`"
            yield Mistake(parameter.file, parameter.line, message, nearest(parameter.name, taken, "add it"))
    with_default = taken[len(taken) - len(arguments.defaults) :] if arguments.defaults else []
    for name in taken[1:]:
        if name not in declared and name not in with_default:
            message = f"`{name}` is not declared with `@cog.input`"
            yield Mistake(found.module.file, found.node.lineno, message, f'add `@cog.input("{name}", type=str)`')


def new_form(function: Function, parameters: List[Parameter], types: List[str]) -> str:
    """Return the same signature as it is written now, for a warning."""
    words: List[str] = []
    for parameter, type_ in zip(parameters, types):
        order: Tuple[str, ...] = ("default", "description", "ge", "le", "choices")
        shown = ", ".join(f"{key}={parameter.given[key]!r}" for key in order if key in parameter.given)
        words.append(f"{parameter.name}: {type_} = Input({shown})")
    return f"def {function.name}(self, {', '.join(words)}) -> …"


def is_generator(function: Function) -> bool:
    """Return whether a function has a `yield` of its own."""
    waiting: List[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return False
