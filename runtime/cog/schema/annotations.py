"""Type annotations → kinds (`kinds.py`)."""

from __future__ import annotations

import ast
import sys
from typing import Callable, Dict, List, Optional, Tuple, Union

from cog.schema import kinds
from cog.schema.constants import Constants, enum_members, is_enum
from cog.schema.kinds import Field, Kind
from cog.schema.mistakes import Unreadable, nearest, unreadable
from cog.schema.source import LocalClass, LocalValue, Meaning, Module, Outside, Sources

_MODULES = ("typing", "typing_extensions", "collections.abc", "builtins")
_PLAIN: Dict[str, Kind] = {
    "str": kinds.Scalar("string"),
    "Text": kinds.Scalar("string"),
    "int": kinds.Scalar("integer"),
    "float": kinds.Scalar("number"),
    "bool": kinds.Scalar("boolean"),
    "Any": kinds.Anything(),
    "object": kinds.Anything(),
    "dict": kinds.Mapping(kinds.Anything()),
    "list": kinds.ListOf(kinds.Anything()),
    "cog.Path": kinds.File(),
    "cog.URLPath": kinds.File(),
    "cog.File": kinds.File(),
    "cog.URLFile": kinds.File(),
    "cog.Secret": kinds.SecretText(),
    "pathlib.Path": kinds.File(),
    "pathlib.PosixPath": kinds.File(),
    "os.PathLike": kinds.File(),
    "datetime.datetime": kinds.Moment(),
    "datetime.date": kinds.Moment(),
}
_SAME = {"Mapping": "dict", "MutableMapping": "dict", "Dict": "dict", "List": "list", "Sequence": "list"}
_SAME.update({"tuple": "list", "Tuple": "list", "set": "list", "Set": "list", "frozenset": "list"})
_SAME.update({"FrozenSet": "list", "Iterable": "list", "Collection": "list"})
# Packages whose types are named by `KNOWN`, and Python's own.
_STANDARD = {
    "cog",
    "typing_extensions",
    "pydantic",
    "typing",
    "collections",
    "os",
    "pathlib",
    "datetime",
    "builtins",
}
_STANDARD.update(
    getattr(sys, "stdlib_module_names", ("enum", "dataclasses", "io", "decimal", "uuid", "fractions"))
)
_ITERATORS = ("Iterator", "AsyncIterator", "Generator", "AsyncGenerator")
_RECORDS = (
    "cog.BaseModel",
    "pydantic.BaseModel",
    "pydantic.main.BaseModel",
    "pydantic.v1.BaseModel",
    "pydantic.v1.main.BaseModel",
)
KNOWN = (
    "str, int, float, bool, Path, File, Secret, list[...], dict, Optional[...], unions, Literal[...], Enum, "
    "BaseModel, dataclass, TypedDict and Any"
)


def _canonical(qualified: str) -> str:
    """One name for the several spellings of a type: `list` for `typing.List`, `cog.Path` for `cog.types.Path`."""
    module, _, name = qualified.rpartition(".")
    if module in _MODULES:
        return _SAME.get(name, name)
    return "cog." + name if module.startswith("cog.") else qualified


def _elements(node: ast.Subscript) -> List[ast.expr]:
    inner: ast.AST = node.slice
    if type(inner).__name__ == "Index":  # Python 3.8
        inner = inner.value  # type: ignore[attr-defined]
    return list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]  # type: ignore[list-item]


class Annotations:
    """Reads the annotations of one project's files."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._open: List[ast.AST] = []

    def kind(self, module: Module, node: ast.expr) -> Kind:
        """Return the kind of an annotation.

        Raises:
            Unreadable: a prediction cannot take or return this type.
        """
        if isinstance(node, ast.Constant):
            return self._constant(module, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(module, [node.left, node.right])
        if isinstance(node, ast.Subscript):
            return self._subscript(module, node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._named(module, node)
        raise self._unknown(module, node)

    def name(self, module: Module, node: ast.AST) -> str:
        """The canonical name of something outside of the project, or an empty string."""
        found = self._sources.meaning(module, node)
        return _canonical(found.name) if isinstance(found, Outside) else ""

    def _unknown(self, module: Module, node: ast.expr) -> Unreadable:
        written = self._sources.segment(module, node)
        named = node.value if isinstance(node, ast.Subscript) else node
        found = self._sources.meaning(module, named)
        package = found.name.partition(".")[0] if isinstance(found, Outside) else ""
        if package and package not in _STANDARD:
            message = f"`{written}` is a type of the installed package `{package}`, which has no schema"
            hint = (
                f"write `Annotated[{written}, Opaque]` (`from cog import Opaque`) for a JSON object with any "
                "content, or use `Path` for a file"
            )
            return unreadable(module.file, node, message, hint)
        hint = f"supported types: {KNOWN}"
        return unreadable(module.file, node, f"`{written}` is not a supported type", hint)

    def _constant(self, module: Module, node: ast.Constant) -> Kind:
        if node.value is None:
            return kinds.Nothing()
        if isinstance(node.value, str):
            try:
                inner = ast.parse(node.value.strip(), mode="eval").body
            except SyntaxError:
                raise self._unknown(module, node) from None
            for part in ast.walk(inner):
                if hasattr(part, "lineno"):
                    ast.copy_location(part, node)
            return self.kind(module, inner)
        raise self._unknown(module, node)

    def _named(self, module: Module, node: ast.expr) -> Kind:
        found = self._sources.meaning(module, node)
        if isinstance(found, Outside):
            name = _canonical(found.name)
            if name in _PLAIN:
                return _PLAIN[name]
            if name in ("cog.ConcatenateIterator", "cog.AsyncConcatenateIterator"):
                return kinds.Stream(kinds.Scalar("string"), concatenate=True)
            if name in _ITERATORS:
                return kinds.Stream(kinds.Anything())
        if isinstance(found, (LocalClass, LocalValue)):
            return self._local(module, node, found)
        if found is None and isinstance(node, ast.Name):
            hint = nearest(node.id, [*module.names, "Path", "Optional", "List"], "import it, or fix the spelling")
            raise unreadable(module.file, node, f"`{node.id}` is not defined in this file", hint)
        raise self._unknown(module, node)

    def _local(self, module: Module, node: ast.expr, found: Union[LocalClass, LocalValue]) -> Kind:
        if found.node in self._open:
            raise unreadable(
                module.file, node, "recursive types are not supported", "use `dict` or `Any` for the inner one"
            )
        self._open.append(found.node)
        try:
            kind = self._class(found) if isinstance(found, LocalClass) else self._alias(found)
        finally:
            self._open.pop()
        if kind is None:
            raise self._unknown(module, node)
        return kind

    def _class(self, found: LocalClass) -> Optional[Kind]:
        if is_enum(self._sources, found):
            values = [member.value for member in enum_members(self._sources, found)]
            return self._choice(found.module, found.node, values)
        if not self._is_record(found):
            return None
        fields = tuple(self._fields(found).values())
        return kinds.Record(found.node.name, fields, self._derives(found, ("TypedDict",)))

    def _alias(self, found: LocalValue) -> Kind:
        """`Mode = Literal["a", "b"]`, `type Mode = ...` or `Mode = NewType("Mode", str)`."""
        node = found.node
        if isinstance(node, ast.Call) and self.name(found.module, node.func) == "NewType" and len(node.args) > 1:
            node = node.args[1]
        return self.kind(found.module, node)

    def _choice(self, module: Module, node: ast.AST, values: List[object]) -> Kind:
        choice = kinds.choice(values)
        if choice is None:
            raise unreadable(module.file, node, "choices must be all strings or all numbers")
        return choice

    def _bases(self, found: LocalClass) -> List[Optional[Meaning]]:
        return [self._sources.meaning(found.module, base) for base in found.node.bases]

    def _derives(self, found: LocalClass, names: Tuple[str, ...]) -> bool:
        """Say whether a class of the project comes from one of these classes from outside, however far up."""
        return any(
            (isinstance(base, Outside) and _canonical(base.name) in names)
            or (isinstance(base, LocalClass) and self._derives(base, names))
            for base in self._bases(found)
        )

    def _is_record(self, found: LocalClass) -> bool:
        for decorator in found.node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.name(found.module, called) in ("dataclasses.dataclass", "pydantic.dataclasses.dataclass"):
                return True
        return self._derives(found, (*_RECORDS, "TypedDict"))

    def _fields(self, found: LocalClass) -> Dict[str, Field]:
        fields: Dict[str, Field] = {}
        for base in self._bases(found):
            if isinstance(base, LocalClass) and self._is_record(base):
                fields.update(self._fields(base))
        optional_is_none = self._derives(found, ("cog.BaseModel",)) and not any(
            word.arg == "auto_dataclass" for word in found.node.keywords
        )
        total = not any(
            word.arg == "total" and isinstance(word.value, ast.Constant) and word.value.value is False
            for word in found.node.keywords
        )
        for statement in found.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                field = self._field(found.module, statement, statement.target.id, total)
                if field is not None and isinstance(field.kind, kinds.Nullable) and optional_is_none:
                    field = Field(field.name, field.kind, required=False)
                if field is not None:
                    fields[field.name] = field
        return fields

    def _field(self, module: Module, statement: ast.AnnAssign, name: str, total: bool) -> Optional[Field]:
        annotation, required = statement.annotation, total and not self._has_default(module, statement.value)
        if isinstance(annotation, ast.Subscript):
            marker = self.name(module, annotation.value)
            if marker == "ClassVar":
                return None
            if marker in ("Required", "NotRequired", "ReadOnly"):
                required = {"Required": True, "NotRequired": False}.get(marker, required)
                annotation = _elements(annotation)[0]
        if name.startswith("_") or self.name(module, annotation) == "ClassVar":
            return None
        return Field(name, self.kind(module, annotation), required)

    def _has_default(self, module: Module, value: Optional[ast.expr]) -> bool:
        """`x: int = 1` and `= field(default=1)` have a default; `= Field(...)` and `= Field(ge=0)` have none."""
        if isinstance(value, ast.Call) and self.name(module, value.func) in (
            "dataclasses.field",
            "pydantic.Field",
        ):
            first = value.args[0] if value.args else None
            named = any(word.arg in ("default", "default_factory") for word in value.keywords)
            return named or (first is not None and not (isinstance(first, ast.Constant) and first.value is ...))
        return value is not None

    def _union(self, module: Module, nodes: List[ast.expr]) -> Kind:
        return kinds.union([self.kind(module, node) for node in nodes])

    def _subscript(self, module: Module, node: ast.Subscript) -> Kind:
        name, inner = self.name(module, node.value), _elements(node)
        readers: Dict[str, Callable[[], Kind]] = {
            "Optional": lambda: self._union(module, [*inner, ast.copy_location(ast.Constant(None), node)]),
            "Union": lambda: self._union(module, inner),
            "list": lambda: kinds.ListOf(self._sequence_item(module, inner)),
            "dict": lambda: kinds.Mapping(self.kind(module, inner[-1])),
            "Literal": lambda: self._literal(module, node, inner),
            "Annotated": lambda: self._annotated(module, inner),
            "Final": lambda: self.kind(module, inner[0]),
            "Required": lambda: self.kind(module, inner[0]),
            "NotRequired": lambda: self.kind(module, inner[0]),
            "os.PathLike": kinds.File,
            "cog.ConcatenateIterator": lambda: kinds.Stream(self.kind(module, inner[0]), concatenate=True),
            "cog.AsyncConcatenateIterator": lambda: kinds.Stream(self.kind(module, inner[0]), concatenate=True),
        }
        readers.update((iterator, lambda: kinds.Stream(self.kind(module, inner[0]))) for iterator in _ITERATORS)
        if name not in readers:
            raise self._unknown(module, node)
        return readers[name]()

    def _sequence_item(self, module: Module, inner: List[ast.expr]) -> Kind:
        """The item of a list, or of a tuple: `tuple[int, ...]`, `tuple[str, float]`."""
        items = [node for node in inner if not (isinstance(node, ast.Constant) and node.value is ...)]
        return self._union(module, items)

    def _literal(self, module: Module, node: ast.Subscript, inner: List[ast.expr]) -> Kind:
        constants = Constants(self._sources, module)
        values = [constants.value(element) for element in inner]
        some = [value for value in values if value is not None]
        choice = self._choice(module, node, list(dict.fromkeys(some)))
        return choice if len(some) == len(values) else kinds.Nullable(choice)

    def _annotated(self, module: Module, inner: List[ast.expr]) -> Kind:
        if any(self.name(module, mark) == "cog.Opaque" for mark in inner[1:]):
            return kinds.Mapping(kinds.Anything())
        return self.kind(module, inner[0])
