"""The value of an expression, if it can be computed from the source alone.

Literals, module-level constants of this file or another of the project, arithmetic and joined strings on them,
the keys of a dict (whatever its values are), an Enum's members, a list made by going through one of these.
"""

from __future__ import annotations

import ast
import operator
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from cog.schema.mistakes import Unreadable, unreadable
from cog.schema.source import LocalClass, LocalValue, Module, Outside, Sources

_ARITHMETIC: Dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}
_SIGNS: Dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_TEXT_METHODS = {"join", "format", "strip", "split", "upper", "lower", "title", "replace"}
_FUNCTIONS: Dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (list, tuple, sorted, set, range, float, int, str, len, min, max)
}
_LARGEST_RESULT = 100_000


class Member(NamedTuple):
    """One member of an Enum."""

    name: str
    value: Any


class _Unknown:
    """An unknown item of a list or dict whose other items are known."""


_UNKNOWN = _Unknown()


def is_enum(sources: Sources, found: LocalClass) -> bool:
    """Say whether a class of the project is an Enum."""
    for base in found.node.bases:
        meaning = sources.meaning(found.module, base)
        if isinstance(meaning, Outside) and meaning.name in ("enum.Enum", "enum.IntEnum", "enum.StrEnum"):
            return True
        if isinstance(meaning, LocalClass) and is_enum(sources, meaning):
            return True
    return False


def enum_members(sources: Sources, found: LocalClass) -> List[Member]:
    """The members of an Enum, in their order. `auto()` is known for a StrEnum alone: the lowered name.

    Raises:
        Unreadable: a member's value is no constant.
    """
    members: List[Member] = []
    for statement in found.node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if not name.startswith("_"):
                members.append(Member(name, _member_value(sources, found, name, statement.value)))
    return members


def _member_value(sources: Sources, found: LocalClass, name: str, node: ast.expr) -> Any:
    bases = [sources.meaning(found.module, base) for base in found.node.bases]
    is_auto = isinstance(node, ast.Call) and sources.meaning(found.module, node.func) == Outside("enum.auto")
    if is_auto and Outside("enum.StrEnum") in bases:
        return name.lower()
    return Constants(sources, found.module).value(node)


class Constants:
    """Evaluates expressions of one module."""

    def __init__(
        self, sources: Sources, module: Module, bound: Optional[Dict[str, Any]] = None, depth: int = 0
    ) -> None:
        self._sources = sources
        self._module = module
        self._bound = bound or {}
        self._depth = depth

    def value(self, node: ast.AST) -> Any:
        """Return the expression's value, Enum members as their values.

        Raises:
            Unreadable: it cannot be computed from the source alone.
        """
        return self._finished(self._value(node), node)

    def _finished(self, value: Any, node: ast.AST) -> Any:
        if value is _UNKNOWN:
            raise self._refusal(node)
        if isinstance(value, Member):
            return value.value
        if isinstance(value, (list, tuple)):
            return [self._finished(item, node) for item in value]
        if isinstance(value, dict):
            return {self._finished(key, node): self._finished(item, node) for key, item in value.items()}
        return value

    def _refusal(self, node: ast.AST) -> Unreadable:
        return unreadable(
            self._module.file,
            node,
            "this value cannot be computed without running the code",
            "write it as a constant: the schema is read from the source without running it",
        )

    def _value(self, node: ast.AST) -> Any:
        method = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is None or self._depth > 50:
            raise self._refusal(node)
        try:
            return method(node)
        except (TypeError, ValueError, ArithmeticError, KeyError, IndexError, AttributeError):
            raise self._refusal(node) from None

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (bytes, complex, type(...))):
            raise self._refusal(node)
        return node.value

    def _items(self, nodes: List[ast.expr]) -> List[Any]:
        items: List[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items.extend(self._iterated(self._value(node.value)))
            else:
                items.append(self._value_or_unknown(node))
        return items

    def _list(self, node: ast.List) -> Any:
        return self._items(node.elts)

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self._items(node.elts))

    def _set(self, node: ast.Set) -> Any:
        return self._items(node.elts)

    def _value_or_unknown(self, node: ast.AST) -> Any:
        try:
            return self._value(node)
        except Unreadable:
            return _UNKNOWN

    def _dict(self, node: ast.Dict) -> Any:
        made: Dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values):
            if key is None:
                made.update(self._value(item))
            else:
                made[self._value(key)] = self._value_or_unknown(item)
        return made

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.value(node.operand)
        return _SIGNS[type(node.op)](self.value(node.operand))

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        numbers = all(isinstance(side, (int, float)) for side in (left, right))
        if not numbers and not isinstance(node.op, ast.Add):
            raise self._refusal(node)
        if isinstance(node.op, (ast.Pow, ast.LShift)) and abs(right) > 64:
            raise self._refusal(node)
        return _ARITHMETIC[type(node.op)](left, right)

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        return "".join(str(self.value(part)) for part in node.values)

    def _formattedvalue(self, node: ast.FormattedValue) -> Any:
        value = self.value(node.value)
        if node.conversion != -1:
            shown: Dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}
            value = shown[chr(node.conversion)](value)
        return format(value, self.value(node.format_spec) if node.format_spec else "")

    def _subscript(self, node: ast.Subscript) -> Any:
        index: ast.AST = node.slice
        if type(index).__name__ == "Index":  # Python 3.8
            index = index.value  # type: ignore[attr-defined]
        return self._value(node.value)[self.value(index)]

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._bound:
            return self._bound[node.id]
        return self._meant(node)

    def _meant(self, node: ast.AST) -> Any:
        found = self._sources.meaning(self._module, node)
        if isinstance(found, LocalClass) and is_enum(self._sources, found):
            return enum_members(self._sources, found)
        if not isinstance(found, LocalValue):
            raise self._refusal(node)
        try:
            return Constants(self._sources, found.module, depth=self._depth + 1)._value(found.node)
        except Unreadable:
            raise self._refusal(node) from None

    def _attribute(self, node: ast.Attribute) -> Any:
        found = self._sources.meaning(self._module, node)
        if isinstance(found, (LocalClass, LocalValue)):
            return self._meant(node)
        owner = self._value(node.value)
        if isinstance(owner, Member):
            return {"name": owner.name, "value": owner.value}[node.attr]
        if isinstance(owner, list) and owner and isinstance(owner[0], Member):
            return {member.name: member for member in owner}[node.attr]
        raise self._refusal(node)

    def _iterated(self, value: Any) -> List[Any]:
        items = list(value)
        if len(items) > _LARGEST_RESULT:
            raise ValueError("too long")
        return items

    def _listcomp(self, node: ast.ListComp) -> Any:
        loop = node.generators[0]
        if len(node.generators) > 1 or loop.ifs or not isinstance(loop.target, ast.Name):
            raise self._refusal(node)
        made = []
        for item in self._iterated(self._value(loop.iter)):
            bound = {**self._bound, loop.target.id: item}
            made.append(Constants(self._sources, self._module, bound, self._depth + 1)._value(node.elt))
        return made

    def _call(self, node: ast.Call) -> Any:
        if any(isinstance(word, ast.Starred) for word in node.args) or any(
            word.arg is None for word in node.keywords
        ):
            raise self._refusal(node)
        words = {str(word.arg): self.value(word.value) for word in node.keywords}
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, words)
        called = self._sources.meaning(self._module, node.func)
        name = called.name.rpartition(".")[2] if isinstance(called, Outside) else ""
        if name not in _FUNCTIONS or called != Outside("builtins." + name):
            raise self._refusal(node)
        return self._bounded(_FUNCTIONS[name](*(self._value(word) for word in node.args), **words), node)

    def _method(self, node: ast.Call, function: ast.Attribute, words: Dict[str, Any]) -> Any:
        owner = self._value(function.value)
        if isinstance(owner, dict) and not node.args and function.attr in ("keys", "values"):
            return list(getattr(owner, function.attr)())
        if isinstance(owner, dict) and not node.args and function.attr == "items":
            return [tuple(pair) for pair in owner.items()]
        if not isinstance(owner, str) or function.attr not in _TEXT_METHODS:
            raise self._refusal(node)
        arguments: Tuple[Any, ...] = tuple(self.value(word) for word in node.args)
        return getattr(owner, function.attr)(*arguments, **words)

    def _bounded(self, value: Any, node: ast.AST) -> Any:
        if isinstance(value, (range, set)):
            if len(value) > _LARGEST_RESULT:
                raise self._refusal(node)
            return sorted(value) if isinstance(value, set) else list(value)
        return value
