"""Looks at the predictor's source, without running it: is it there, and can it predict?

Only what is certain is called a mistake. A class whose base comes from elsewhere may inherit its `predict`, a
name may come from a `*`, and the target's Python may be newer than ours: then the model's own start decides.
"""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cogfreeze.errors import ProjectError, ProjectErrors
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cogfreeze.project.model import Project

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# Bases that bring no method of these names.
_BARE = frozenset({"object", "ABC", "Generic", "Protocol", "BasePredictor", "BaseRunner", "Predictor"})
_METHODS = {"predict": ("predict", "run"), "train": ("train",)}


@dataclass(slots=True)
class _Source:
    """What the top of a module defines.

    Attributes:
        certain: False where names may come from what cannot be read here.
    """

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    functions: dict[str, _Function] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    certain: bool = True

    @property
    def names(self) -> list[str]:
        return [*self.classes, *self.functions]


def check(folder: Path, project: Project) -> None:
    """Check what `predict` and `train` name.

    Args:
        folder: the project's.

    Raises:
        ProjectErrors: a file is missing or no Python, or what it is to define is missing or cannot predict.
    """
    errors: list[ProjectError] = []
    for key, reference in (("predict", project.predict), ("train", project.train)):
        if reference is not None:
            errors += _errors(folder, project, key, reference)
    if errors:
        raise ProjectErrors(errors)


def found_in(path: Path) -> str | None:
    """Return the name of a class or function in a file that can predict, for a new project; None for none."""
    try:
        source = _read(path, sys.version_info[1])
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    able = [name for name, found in source.classes.items() if _own(found, _METHODS["predict"])]
    return next(iter(able), "predict" if "predict" in source.functions else None)


def _errors(folder: Path, project: Project, key: str, reference: str) -> Iterator[ProjectError]:
    file, _, name = reference.rpartition(":")
    target = int(project.build.python_version.split(".")[1])
    try:
        source = _read(folder / file, target)
    except FileNotFoundError:
        hint = f"create it, or set `{key}` to another file"
        yield ProjectError(
            f"`{key}` is `{file}`, which does not exist", where=_declared(folder, project, key), hint=hint
        )
    except OSError as error:
        yield ProjectError(f"`{file}` cannot be read: {error.strerror}", where=_declared(folder, project, key))
    except SyntaxError as error:
        # A Python older than the target's does not know all of its syntax.
        if target <= sys.version_info[1]:
            where = f"{file}:{error.lineno}" if error.lineno else file
            yield ProjectError(f"is not Python 3.{target}: {error.msg}", where=where, hint="fix that line")
    except ValueError as error:
        yield ProjectError(f"is not Python: {error}", where=file, hint="save it as UTF-8 text")
    except (RecursionError, MemoryError):
        yield ProjectError("is nested too deeply", where=file, hint="split its longest expression")
    else:
        yield from _of_source(source, file, name, key, project.slots if key == "predict" else 1)


def _declared(folder: Path, project: Project, key: str) -> str:
    """Return the place in the declaration that names the predictor, for the rare case that it is wanted."""
    from cogfreeze.project import yaml

    try:
        document = yaml.parse((folder / project.file).read_text(encoding="utf-8-sig"), project.file)
    except (OSError, ValueError, ProjectError):
        return project.file
    return document.where((key,) if key in document.value else ("run",))


def _read(path: Path, target: int) -> _Source:
    """Parse a file by the target's syntax, or by ours where the target is newer."""
    if not path.is_file():
        raise FileNotFoundError(path)
    text = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text, feature_version=(3, min(target, sys.version_info[1])))
    source = _Source()
    _gather(tree.body, source)
    return source


def _gather(body: Iterable[ast.stmt], source: _Source) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            source.classes[statement.name] = statement
        elif isinstance(statement, _Function):
            source.functions[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                source.others.add((alias.asname or alias.name).partition(".")[0])
                source.certain &= alias.name != "*"
        else:
            # Assignments, also those inside `if`, `try`, `with` and the like, and what these define.
            for node in ast.iter_child_nodes(statement):
                source.others |= {each.id for each in ast.walk(node) if _binds(each)}  # type: ignore[attr-defined]
            for inner in _blocks(statement):
                _gather(inner, source)
            source.certain &= not _calls(statement, {"exec", "globals", "setattr"})


def _binds(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for part in [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(part, name, None)
            if isinstance(block, list):
                yield block


def _calls(statement: ast.stmt, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        for node in ast.walk(statement)
    )


def _of_source(source: _Source, file: str, name: str, key: str, concurrency: int) -> Iterator[ProjectError]:
    if name in source.classes:
        yield from _of_class(source, source.classes[name], file, key, concurrency)
    elif name in source.functions:
        yield from _of_concurrency(source.functions[name], file, concurrency)
    elif source.certain and name not in source.others and "__getattr__" not in source.functions:
        near = get_close_matches(name, source.names, n=1) or source.names[:1]
        hint = (
            f"did you mean `{file}:{near[0]}`?"
            if near
            else f"define a class `{name}` with a method `{_METHODS[key][0]}`"
        )
        yield ProjectError(f"does not define `{name}`, which `{key}` refers to", where=file, hint=hint)


def _of_class(
    source: _Source, found: ast.ClassDef, file: str, key: str, concurrency: int
) -> Iterator[ProjectError]:
    methods = _METHODS[key]
    own = _inherited(source, found, methods, set())
    if own is None:
        return
    where = f"{file}:{found.lineno}"
    if not own:
        spelled = " and no ".join(f"`{each}`" for each in methods)
        hint = f"add a method `def {methods[0]}(self, …)`"
        near = get_close_matches(methods[0], _own_names(found), n=1)
        if near:
            hint = f"rename `{near[0]}` to `{methods[0]}`"
        yield ProjectError(f"the class `{shown(found.name)}` has no {spelled}", where=where, hint=hint)
    elif len(own) > 1 and len(_own(found, methods)) > 1:
        yield ProjectError(
            f"the class `{shown(found.name)}` has both `predict` and `run`",
            where=where,
            hint="keep one; they mean the same",
        )
    else:
        yield from _of_concurrency(next(iter(own.values())), file, concurrency)


def _of_concurrency(function: ast.stmt, file: str, concurrency: int) -> Iterator[ProjectError]:
    # A decorator may make anything of a function.
    if concurrency > 1 and isinstance(function, ast.FunctionDef) and not function.decorator_list:
        yield ProjectError(
            f"`concurrency.max` is {concurrency}, but `{function.name}` is not `async`",
            where=f"{file}:{function.lineno}",
            hint=f"make it `async def {function.name}`, or remove `concurrency`",
        )


def _own(found: ast.ClassDef, methods: Iterable[str]) -> dict[str, ast.stmt]:
    """Return the statements of a class's body that set one of `methods`."""
    result: dict[str, ast.stmt] = {}
    for statement in found.body:
        for each in _bound_by(statement):
            if each in methods:
                result[each] = statement
    return result


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _Function | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if _binds(node):
            yield node.id  # type: ignore[attr-defined]
        elif isinstance(node, _Function):
            yield node.name


def _own_names(found: ast.ClassDef) -> list[str]:
    return [name for statement in found.body for name in _bound_by(statement)]


def _inherited(
    source: _Source, found: ast.ClassDef, methods: Iterable[str], seen: set[str]
) -> dict[str, ast.stmt] | None:
    """Return the methods that a class has, its bases in this file included; None where that can't be known."""
    own = _own(found, methods)
    if own:
        return own
    if found.decorator_list or found.keywords or found.name in seen or "__getattr__" in _own_names(found):
        return None
    for base in found.bases:
        name = _last_name(base)
        if isinstance(base, ast.Name) and name == found.name:
            return None  # the earlier class of that name
        if name in source.classes and name != found.name:
            inherited = _inherited(source, source.classes[name], methods, seen | {found.name})
            if inherited is None or inherited:
                return inherited
        elif name not in _BARE:
            return None
    return {}


def _last_name(base: ast.expr) -> str | None:
    if isinstance(base, ast.Subscript):
        base = base.value
    if isinstance(base, ast.Attribute):
        return base.attr
    return base.id if isinstance(base, ast.Name) else None
