"""The value of an expression, if it can be computed from the source alone.

Literals, constants of this file or another of the project and of its classes, arithmetic, comparisons and joined
strings on them, conditional expressions, the keys of a dict (whatever its values are), an Enum's members, a list
made by going through one of these, and some functions: `os.path.join`, `sorted`, `str`.
"""

from __future__ import annotations

import ast
import operator
import posixpath
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
    "builtins." + function.__name__: function
    for function in (abs, bool, dict, float, int, len, list, max, min, range, round, set, sorted, str, sum, tuple)
}
_FUNCTIONS.update({"os.path.join": posixpath.join, "os.path.basename": posixpath.basename})
_FUNCTIONS.update(dict.fromkeys(("pathlib.Path", "cog.Path", "cog.types.Path"), posixpath.join))
_COMPARISONS: Dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}
_LARGEST_RESULT = 100_000
_CONSTANT = (
    "write it as a constant, as the schema is read from the source; or import the predictor: "
    "`cog schema --import > openapi.json`, then `cog build --openapi-schema openapi.json`"
)


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
        Unreadable: a member's value is not a constant.
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


def class_attribute(sources: Sources, found: LocalClass, name: str) -> Optional[LocalValue]:
    """Return the value that a class, or one of its bases in the project, assigns to a name in its body."""
    value: Optional[LocalValue] = None
    for statement in found.node.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        assigned = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if assigned is not None and any(getattr(target, "id", None) == name for target in targets):
            value = LocalValue(found.module, assigned)
    for base in found.node.bases:
        meaning = sources.meaning(found.module, base)
        if value is None and isinstance(meaning, LocalClass):
            value = class_attribute(sources, meaning, name)
    return value


class Constants:
    """Evaluates expressions of one module.

    Args:
        scope: the class whose body has the expressions, if any.
    """

    def __init__(
        self,
        sources: Sources,
        module: Module,
        bound: Optional[Dict[str, Any]] = None,
        depth: int = 0,
        scope: Optional[LocalClass] = None,
    ) -> None:
        self._sources = sources
        self._module = module
        self._bound = bound or {}
        self._depth = depth
        self._scope = scope

    def value(self, node: ast.AST) -> Any:
        """Return the expression's value, Enum members as their values.

        Raises:
            Unreadable: it cannot be computed from the source alone.
        """
        return self._finished(self._value(node), node)

    def argument(self, name: str, node: ast.AST) -> Any:
        """Return the value of an argument; the error names the argument and its whole expression.

        Raises:
            Unreadable: it cannot be computed from the source alone.
        """
        try:
            return self.value(node)
        except Unreadable:
            written = self._sources.segment(self._module, node)
            message = f"`{name}` is `{written}`, which cannot be computed without running the code"
            raise unreadable(self._module.file, node, message, _CONSTANT) from None

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
        written = self._sources.segment(self._module, node)
        message = f"`{written}` cannot be computed without running the code"
        return unreadable(self._module.file, node, message, _CONSTANT)

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
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return posixpath.join(left, right)  # of paths
        if not numbers and not isinstance(node.op, ast.Add):
            raise self._refusal(node)
        if isinstance(node.op, (ast.Pow, ast.LShift)) and abs(right) > 64:
            raise self._refusal(node)
        return _ARITHMETIC[type(node.op)](left, right)

    def _ifexp(self, node: ast.IfExp) -> Any:
        return self._value(node.body if self.value(node.test) else node.orelse)

    def _boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for each in node.values:
            value = self.value(each)
            if bool(value) is isinstance(node.op, ast.Or):
                break
        return value

    def _compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for operation, each in zip(node.ops, node.comparators):
            right = self.value(each)
            if not _COMPARISONS[type(operation)](left, right):
                return False
            left = right
        return True

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
        attribute = class_attribute(self._sources, self._scope, node.id) if self._scope is not None else None
        return self._meant(node) if attribute is None else self._elsewhere(attribute, self._scope)

    def _elsewhere(self, found: LocalValue, scope: Optional[LocalClass] = None) -> Any:
        return Constants(self._sources, found.module, depth=self._depth + 1, scope=scope)._value(found.node)

    def _meant(self, node: ast.AST) -> Any:
        found = self._sources.meaning(self._module, node)
        if isinstance(found, LocalClass) and is_enum(self._sources, found):
            return enum_members(self._sources, found)
        if not isinstance(found, LocalValue):
            raise self._refusal(node)
        try:
            return self._elsewhere(found)
        except Unreadable:
            raise self._refusal(node) from None

    def _attribute(self, node: ast.Attribute) -> Any:
        found = self._sources.meaning(self._module, node)
        if isinstance(found, (LocalClass, LocalValue)):
            return self._meant(node)
        class_ = self._sources.meaning(self._module, node.value)
        if isinstance(class_, LocalClass) and not is_enum(self._sources, class_):
            attribute = class_attribute(self._sources, class_, node.attr)
            if attribute is None:
                raise self._refusal(node)
            return self._elsewhere(attribute, class_)
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
            inner = Constants(self._sources, self._module, bound, self._depth + 1, self._scope)
            made.append(inner._value(node.elt))
        return made

    def _call(self, node: ast.Call) -> Any:
        if any(isinstance(word, ast.Starred) for word in node.args) or any(
            word.arg is None for word in node.keywords
        ):
            raise self._refusal(node)
        words = {str(word.arg): self.value(word.value) for word in node.keywords}
        called = self._sources.meaning(self._module, node.func)
        if isinstance(node.func, ast.Attribute) and not isinstance(called, Outside):
            return self._method(node, node.func, words)
        name = called.name if isinstance(called, Outside) else ""
        if name not in _FUNCTIONS:
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
