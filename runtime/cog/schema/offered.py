"""Finds uses of names that `cog` does not have, which would fail when the model's code is imported."""

from __future__ import annotations

import ast
from importlib import import_module
from typing import TYPE_CHECKING, Iterator, List, Optional, Set

from cog.schema.mistakes import Mistake, Unreadable, nearest
from cog.schema.source import Imported, absolute

if TYPE_CHECKING:
    from cog.schema.source import Module, Sources

_COG = Imported("cog", None)
_CAUGHT = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


def check_names(sources: Sources, module: Module) -> Iterator[Mistake]:
    """Yield the mistakes of a file and of the project's files that it imports."""
    seen: Set[str] = set()
    waiting = [module]
    while waiting:
        each = waiting.pop()
        if each.file in seen:
            continue
        seen.add(each.file)
        for node in _unguarded(each.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                waiting += _imported(sources, each, node)
            yield from _check(each, node)


def _unguarded(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the code, except for what only type checkers read, and for `try` blocks that expect to fail."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            children = [child for child in children if child not in node.body]
        elif isinstance(node, ast.If) and ast.dump(node.test).count("TYPE_CHECKING"):
            children = list(node.orelse)
        waiting += children


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(getattr(each, "id", "") in _CAUGHT for each in types)


def _imported(sources: Sources, module: Module, node: ast.AST) -> List[Module]:
    if isinstance(node, ast.ImportFrom):
        base = absolute(module, Imported(node.module or "", None, node.level))
        names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    else:
        names = [alias.name for alias in getattr(node, "names", ())]
    found = []
    for name in names:
        try:
            each = sources.find(name)
        except Unreadable:  # not needed for the schema
            continue
        if each is not None:
            found.append(each)
    return found


def _check(module: Module, node: ast.AST) -> Iterator[Mistake]:
    if isinstance(node, ast.ImportFrom) and not node.level and _is_ours(node.module):
        for alias in node.names:
            if alias.name != "*":
                yield from _check_name(module, node, str(node.module), alias.name)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            parent, _, name = alias.name.rpartition(".")
            if _is_ours(parent):
                yield from _check_name(module, node, parent, name)
    elif isinstance(node, ast.Attribute) and module.names.get(getattr(node.value, "id", "")) == _COG:
        yield from _check_name(module, node, "cog", node.attr)


def _is_ours(name: Optional[str]) -> bool:
    return name is not None and name.partition(".")[0] == "cog"


def _check_name(module: Module, node: ast.AST, owner: str, name: str) -> Iterator[Mistake]:
    line = getattr(node, "lineno", 1)
    try:
        ours = import_module(owner)
    except ImportError:
        hint = "`cog` has the modules coder, errors, exceptions, input, mode, model, predictor, server and types"
        yield Mistake(module.file, line, f"there is no module `{owner}`", hint)
        return
    if hasattr(ours, name):
        return
    try:
        import_module(f"{owner}.{name}")
    except ImportError:
        known = [each for each in getattr(ours, "__all__", dir(ours)) if not each.startswith("_")]
        otherwise = f"`{owner}` has {', '.join(sorted(known))}"
        yield Mistake(module.file, line, f"`{owner}` has no name `{name}`", nearest(name, known, otherwise))
