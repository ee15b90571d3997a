"""cog.lock as text: written canonically, read strictly.

The same Lock gives the same bytes: sections and packages in a fixed order, LF, one line a package. Reading
refuses what `cog lock` would not have written, with file and line, and never guesses.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cogfreeze import atomic
from cogfreeze.errors import LockUnusable
from cogfreeze.lock import model
from cogfreeze.lock.consistency import problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEADER = "# Made by `cog lock`: review it and commit it, don't edit it."
_RESOLVE = "take it from version control, or remove it and run `cog lock`"
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)

Record = TypeVar("Record")


def dumps(lock: model.Lock) -> str:
    """Return the lock's text."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(HEADER.removeprefix("# ")))
    document.add("schema", tomlkit.item(lock.schema))
    document.add("source_date_epoch", tomlkit.item(lock.source_date_epoch))
    document.add(tomlkit.nl())
    document.add("tools", _table(lock.tools))
    document.add("inputs", _inputs_table(lock.inputs))
    if lock.files:
        document.add("files", _lines(lock.files))
    platforms = tomlkit.table(is_super_table=True)
    for platform in lock.platforms:
        platforms.add(platform.platform, _platform_table(platform))
    document.add("platforms", platforms)
    # tomlkit sets a table's blank line after it; the last one would end the file.
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def write(path: Path, lock: model.Lock) -> None:
    """Replace the file in one step."""
    atomic.write(path, dumps(lock).encode())


def read(path: Path) -> model.Lock:
    """Read a cog.lock.

    Raises:
        LockUnusable: it is missing, has conflicts, is not valid TOML, was edited by hand, or is of a newer schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LockUnusable(
            f"there is no `{path.name}` here", where=str(path.parent), hint="run `cog lock`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LockUnusable(f"it cannot be read: {error}", where=path.name, hint=_RESOLVE) from None
    return loads(text, name=path.name)


def loads(text: str, *, name: str = "cog.lock") -> model.Lock:
    """Read a lock's text; `name` stands in the errors. Raises LockUnusable."""
    import tomllib

    text = text.replace("\r\n", "\n")
    if conflict := _CONFLICT.search(text):
        raise LockUnusable(
            "it has merge-conflict markers",
            where=f"{name}:{_line(text, conflict.start())}",
            hint="resolve afresh from one side: `cog lock --ours` or `cog lock --theirs`",
        )
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        where = f"{name}:{place[1]}" if place else name
        message = str(error)[: place.start()] if place else str(error)
        raise LockUnusable(f"it is not valid TOML: {message}", where=where, hint=_RESOLVE) from None
    schema = data.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > model.SCHEMA:
        raise LockUnusable(
            f"its schema is {schema}, this cogfreeze reads up to {model.SCHEMA}",
            where=name,
            hint="install a newer cogfreeze, as whoever wrote the lock did",
        )
    try:
        lock = _lock(data)
        for at, problem in problems(lock):
            raise _Unexpected(problem, at)
    except _Unexpected as error:
        where = f"{name}:{error.line(text)}"
        raise LockUnusable(f"{error}; was it edited by hand?", where=where, hint=_RESOLVE) from None
    return lock


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line of a lock's text that keys and `[index]`es lead to."""
    return _Unexpected("", path).line(text)


# Writing


def _table(record: Any, *, without: tuple[str, ...] = ()) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in _items(record):
        if key not in without:
            table.add(key, _lines(value) if isinstance(value, tuple) else value)
    return table


def _items(record: Any) -> list[tuple[str, Any]]:
    """The record's fields, less those at their default: a line says only what it must."""
    found = []
    for field in fields(record):
        value = getattr(record, field.name)
        if value is not None and value != () and value != field.default:
            found.append((field.name, value))
    return found


def _lines(values: tuple[Any, ...]) -> Any:
    """An array with one element a line; records become inline tables."""
    import tomlkit

    array = tomlkit.array()
    for value in values:
        array.append(value if isinstance(value, str) else _inline(value))
    return array.multiline(multiline=True)


def _inline(record: Any) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    for key, value in _items(record):
        table.append(key, list(value) if isinstance(value, tuple) else value)
    return table


def _inputs_table(inputs: tuple[tuple[str, model.InputValue], ...]) -> Any:
    import tomlkit

    table = tomlkit.table(is_super_table=True)
    for key, value in inputs:
        section, name = key.split(".", 1)
        if section not in table:
            table.add(section, tomlkit.table())
        table[section].add(name, _lines(value) if isinstance(value, tuple) else value)
    return table


def _platform_table(lock: model.PlatformLock) -> Any:
    import tomlkit

    table = tomlkit.table(is_super_table=True)
    table.add("base", _table(lock.base))
    if lock.apt:
        table.add("apt", _table(lock.apt))
    if lock.build_apt:
        table.add("build_apt", _table(lock.build_apt))
    table.add("python", _table(lock.python, without=("interpreter", "sdk")))
    for name, record in (("interpreter", lock.python.interpreter), ("sdk", lock.python.sdk)):
        if record:
            table["python"].add(name, _table(record))
    if lock.image:
        table.add("image", _table(lock.image))
    return table


# Reading


class _Unexpected(Exception):
    """Something that `cog lock` does not write; `path` is the keys and indexes that lead to it."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path

    def under(self, key: str) -> _Unexpected:
        return _Unexpected(self.args[0], (key, *self.path))

    def __str__(self) -> str:
        return f"`{_dotted(self.path)}` {self.args[0]}" if self.path else str(self.args[0])

    def line(self, text: str) -> int:
        """The line that the path leads to: a table's header, one of its keys, an element of its array."""
        start, rest = 0, self.path
        for length in range(len(self.path), 0, -1):
            header = text.find(f"[{_dotted(self.path[:length])}]\n")
            if header >= 0:
                start, rest = header, self.path[length:]
                break
        if rest and (found := re.compile(rf'^"?{re.escape(rest[0])}"? = ', re.MULTILINE).search(text, start)):
            start = found.start()
            if len(rest) > 1 and rest[1].startswith("["):
                for _ in range(int(rest[1][1:-1]) + 1):
                    start = text.find("\n", start) + 1
        return _line(text, start)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(key if re.fullmatch(r"[\w-]+|\[\d+\]", key) else f'"{key}"' for key in path).replace(".[", "[")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _lock(data: dict[str, Any]) -> model.Lock:
    values = dict(data)
    inputs = values.pop("inputs", None)
    platforms = values.pop("platforms", None)
    if not isinstance(platforms, dict) or not platforms:
        raise _Unexpected("must be a table with a section for each platform", ("platforms",))
    read: dict[str, Any] = {"inputs": _inputs(inputs)}
    read["platforms"] = tuple(_platform(name, value) for name, value in sorted(platforms.items()))
    return _record(model.Lock, values, given=read)


def _platform(name: str, value: Any) -> model.PlatformLock:
    if not isinstance(value, dict):
        raise _Unexpected("must be a table", ("platforms", name))
    try:
        return _record(model.PlatformLock, value, given={"platform": name})
    except _Unexpected as error:
        raise error.under(name).under("platforms") from None


def _inputs(value: Any) -> tuple[tuple[str, model.InputValue], ...]:
    if not isinstance(value, dict):
        raise _Unexpected("must be a table", ("inputs",))
    found: list[tuple[str, model.InputValue]] = []
    for section, entries in value.items():
        if not isinstance(entries, dict):
            raise _Unexpected("must be a table", ("inputs", section))
        for key, entry in entries.items():
            is_list = isinstance(entry, list) and all(isinstance(each, str) for each in entry)
            if not is_list and not isinstance(entry, str | bool | int):
                raise _Unexpected(
                    "must be a string, a number, true, false or a list of strings", ("inputs", section, key)
                )
            found.append((f"{section}.{key}", tuple(entry) if isinstance(entry, list) else entry))
    return tuple(sorted(found))


@cache  # the same few records are read hundreds of times
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: type[Record], values: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Record:
    """Make a record from a table: every key known, every required one there, every value of its type."""
    hints = _hints(kind)  # type: ignore[arg-type]  # a class can be hashed
    read: dict[str, Any] = dict(given or {})
    for key, value in values.items():
        if key not in hints or key in read:
            raise _Unexpected("is unknown", (key,))
        try:
            read[key] = _value(hints[key], value)
        except _Unexpected as error:
            raise error.under(key) from None
    try:
        return kind(**read)
    except TypeError:
        missing = [field.name for field in fields(kind) if field.name not in read and _required(field)]  # type: ignore[arg-type]
        raise _Unexpected("is missing", (missing[0],)) from None


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
        origin = get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise _Unexpected("must be a list")
        return tuple(_element(get_args(kind)[0], each, index) for index, each in enumerate(value))
    if kind in (str, int):
        # TOML tells booleans from integers; Python's bool is an int.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _Unexpected("must be a string" if kind is str else "must be a whole number")
        return value
    if not isinstance(value, dict):
        raise _Unexpected("must be a table")
    return _record(kind, value)


def _element(kind: Any, value: Any, index: int) -> Any:
    try:
        return _value(kind, value)
    except _Unexpected as error:
        raise error.under(f"[{index}]") from None
