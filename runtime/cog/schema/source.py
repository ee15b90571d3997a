"""The project's Python files, parsed, and the meaning of the names in them.

Nothing is imported or run. A name resolves to its definition in the file, or through imports to one in another
file of the project, or to a dotted name outside the project: `typing.Optional`, `cog.Path`, `numpy.ndarray`.
"""

from __future__ import annotations

import ast
import builtins
import os
from typing import Dict, List, NamedTuple, Optional, Set, Union

from cog.schema.mistakes import Mistake, Unreadable, unreadable

# Modules that are never the project's, even if it has a file of that name.
_NEVER_LOCAL = {"cog", "typing", "typing_extensions", "collections", "enum", "dataclasses", "pathlib", "os"}


class Imported(NamedTuple):
    """A name that an import statement binds. `name` is None for `import module`."""

    module: str
    name: Optional[str]
    level: int = 0


class LocalClass(NamedTuple):
    """A class of the project."""

    module: Module
    node: ast.ClassDef


class LocalFunction(NamedTuple):
    """A function of the project."""

    module: Module
    node: Function


class LocalValue(NamedTuple):
    """The expression that a file of the project assigns to a name."""

    module: Module
    node: ast.expr


class Outside(NamedTuple):
    """Something outside the project, by its dotted name."""

    name: str


class Package(NamedTuple):
    """A module or folder of the project, as a value: `settings` in `settings.SIZES`."""

    dotted: str


Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
Definition = Union[ast.ClassDef, Function, ast.expr]
Meaning = Union[LocalClass, LocalFunction, LocalValue, Outside, Package]


class Module:
    """One parsed file.

    Attributes:
        file: its path below the project's folder, with forward slashes.
        dotted: its name as Python imports it.
        tree: its parsed text.
        names: the names defined at the top level; the last definition of each.
        stars: the modules of its `from … import *` statements.
    """

    def __init__(self, file: str, dotted: str, tree: ast.Module) -> None:
        self.file = file
        self.dotted = dotted
        self.tree = tree
        self.names: Dict[str, Union[Imported, Definition]] = {}
        self.stars: List[Imported] = []
        for statement in tree.body:
            self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            self.names[statement.name] = statement
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                self.names[alias.asname or module] = Imported(module, None)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                imported = Imported(statement.module or "", alias.name, statement.level)
                if alias.name == "*":
                    self.stars.append(imported)
                else:
                    self.names[alias.asname or alias.name] = imported
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            self._note_block(statement)
        else:
            self._note_value(statement)

    def _note_block(self, block: Union[ast.If, ast.Try, ast.With]) -> None:
        """Definitions under `if` and `try` take precedence over those in `else` and `except`."""
        fallback: List[ast.stmt] = []
        if isinstance(block, ast.If):
            fallback = block.orelse
        elif isinstance(block, ast.Try):
            fallback = [statement for handler in block.handlers for statement in handler.body]
        for statement in fallback:
            self._note(statement)
        for part in ("body", *(("orelse", "finalbody") if isinstance(block, ast.Try) else ())):
            for statement in getattr(block, part):
                self._note(statement)

    def _note_value(self, statement: ast.stmt) -> None:
        value = getattr(statement, "value", None)
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        if type(statement).__name__ == "TypeAlias":  # `type Name = ...`, Python 3.12
            targets = [getattr(statement, "name", None)]
        elif not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            return
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                self.names[target.id] = value


def _local(module: Module, node: Definition) -> Meaning:
    if isinstance(node, ast.ClassDef):
        return LocalClass(module, node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return LocalFunction(module, node)
    return LocalValue(module, node)


class Sources:
    """The files of one project.

    Args:
        folder: the project's, where the predictor's file and its own modules lie.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._modules: Dict[str, Optional[Module]] = {}

    def load(self, file: str) -> Module:
        """Parse one file, named as below the folder.

        Raises:
            Unreadable: it is missing, or is not valid UTF-8 or Python.
        """
        known = self._modules.get(file)
        if known is not None:
            return known
        try:
            with open(os.path.join(self._folder, file), "rb") as opened:
                tree = ast.parse(opened.read(), filename=file)
        except OSError as error:
            hint = "write the path relative to cog.yaml"
            raise unreadable(file, None, f"cannot read the file: {error.strerror}", hint) from None
        except SyntaxError as error:
            raise Unreadable(Mistake(file, error.lineno or 1, f"this is not valid Python: {error.msg}")) from None
        except (ValueError, RecursionError) as error:
            raise unreadable(file, None, f"this is not valid Python: {error}") from None
        dotted = file[: -len(".py")].replace("/", ".")
        module = Module(file, dotted[: -len(".__init__")] if dotted.endswith(".__init__") else dotted, tree)
        self._modules[file] = module
        return module

    def text(self, module: Module) -> str:
        """The file's text, to quote from."""
        with open(os.path.join(self._folder, module.file), encoding="utf-8", errors="replace") as opened:
            return opened.read()

    def segment(self, module: Module, node: ast.AST) -> str:
        """An expression as it is written, on one line and not too long."""
        words = " ".join((ast.get_source_segment(self.text(module), node) or "this").split())
        return words if len(words) <= 80 else words[:77] + "..."

    def find(self, dotted: str) -> Optional[Module]:
        """The project's module of that name, or None."""
        if dotted.partition(".")[0] in _NEVER_LOCAL or not dotted:
            return None
        path = dotted.replace(".", "/")
        for file in (path + ".py", path + "/__init__.py"):
            if os.path.isfile(os.path.join(self._folder, file)):
                return self.load(file)
        return None

    def resolve(self, module: Module, name: str, _seen: Optional[Set[object]] = None) -> Optional[Meaning]:
        """Return the meaning of `name` in `module`; None if it is not defined."""
        seen = _seen if _seen is not None else set()
        if (module.file, name) in seen:
            return None
        seen.add((module.file, name))
        found = module.names.get(name)
        if isinstance(found, Imported):
            return self._follow(module, found, seen)
        if found is not None:
            return _local(module, found)
        for star in module.stars:
            meaning = self._star(module, star, name, seen)
            if meaning is not None:
                return meaning
        return Outside("builtins." + name) if hasattr(builtins, name) else None

    def _star(self, module: Module, star: Imported, name: str, seen: Set[object]) -> Optional[Meaning]:
        dotted = absolute(module, star)
        local = self.find(dotted)
        if local is not None:
            found = self.resolve(local, name, seen)
            return None if isinstance(found, Outside) and found.name.startswith("builtins.") else found
        if dotted in ("cog", "typing"):
            exports = __import__(dotted).__all__
            return Outside(f"{dotted}.{name}") if name in exports else None
        return None

    def _follow(self, module: Module, imported: Imported, seen: Set[object]) -> Optional[Meaning]:
        dotted = absolute(module, imported)
        if imported.name is None:
            return Package(dotted) if self._is_local(dotted) else Outside(dotted)
        return self.member(Package(dotted) if self._is_local(dotted) else Outside(dotted), imported.name, seen)

    def _is_local(self, dotted: str) -> bool:
        if dotted.partition(".")[0] in _NEVER_LOCAL:
            return False
        is_folder = os.path.isdir(os.path.join(self._folder, dotted.replace(".", "/")))
        return is_folder or self.find(dotted) is not None

    def member(self, owner: Meaning, name: str, _seen: Optional[Set[object]] = None) -> Optional[Meaning]:
        """Return the meaning of `owner.name`, where `owner` is a module."""
        if isinstance(owner, Outside):
            return Outside(f"{owner.name}.{name}" if owner.name else name)
        if not isinstance(owner, Package):
            return None
        module = self.find(owner.dotted)
        found = self.resolve(module, name, _seen) if module is not None else None
        if found is not None and not (isinstance(found, Outside) and found.name == "builtins." + name):
            return found
        inner = f"{owner.dotted}.{name}" if owner.dotted else name
        return Package(inner) if self._is_local(inner) else None

    def meaning(self, module: Module, node: ast.AST) -> Optional[Meaning]:
        """Return the meaning of a name or dotted name in an expression."""
        if isinstance(node, ast.Name):
            return self.resolve(module, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.meaning(module, node.value)
            return None if owner is None else self.member(owner, node.attr)
        return None


def absolute(module: Module, imported: Imported) -> str:
    """The absolute dotted name of an import in `module`."""
    if imported.level == 0:
        return imported.module
    parents = module.dotted.split(".")
    if not module.file.endswith("__init__.py"):
        parents.pop()
    kept = parents[: len(parents) - (imported.level - 1)]
    return ".".join([*kept, *([imported.module] if imported.module else [])])
