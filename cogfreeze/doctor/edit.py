"""Edits of a YAML text that leave everything else as it is: comments, quotes, indentation and order.

PyYAML gives the position of each value; only those characters are replaced. Every function returns the new text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

Path = tuple[str | int, ...]


class CannotEdit(Exception):  # no failure of the user's
    """The text is written in a way that this module does not edit."""


def is_editable(data: bytes) -> bool:
    """Return whether a file is a YAML mapping."""
    try:
        return isinstance(yaml.safe_load(data.decode()), dict)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return False


def value_at(text: str, path: Path) -> Any:
    """Return the plain value at a path, or None."""
    value = yaml.safe_load(text)
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def replace_value(text: str, path: Path, value: Any) -> str:
    """Replace the value at a path, which must exist."""
    node = _node(text, path)
    start = node.start_mark.index
    new = inline(value)
    if isinstance(value, dict) and isinstance(path[-1], int) and not _sequence(text, path[:-1]).flow_style:
        new = _block(value, _column(text, start))
    return text[:start] + new + text[_end(text, node) :]


def remove_item(text: str, path: Path, index: int) -> str:
    """Remove one item of a list; a list that would be empty goes with its key."""
    node = _sequence(text, path)
    if len(node.value) == 1:
        return remove_key(text, path)
    item = node.value[index]
    if node.flow_style:
        if index + 1 < len(node.value):
            return text[: item.start_mark.index] + text[node.value[index + 1].start_mark.index :]
        before = node.value[index - 1]
        return text[: _end(text, before)] + text[_end(text, item) :]
    return _without_lines(text, _dash(text, item), _end(text, item))


def append_items(text: str, path: Path, values: Sequence[Any]) -> str:
    """Append to a list, which is created if there is none."""
    if not values:
        return text
    try:
        node = _node(text, path)
    except CannotEdit:
        return _new_key(text, path, values)
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return _new_key(remove_key(text, path), path, values)
    if not isinstance(node, yaml.SequenceNode):
        raise CannotEdit
    if node.flow_style:
        end = node.end_mark.index - 1
        start = _end(text, node.value[-1]) if node.value else node.start_mark.index + 1
        separator = ", " if node.value else ""
        return text[:start] + separator + ", ".join(map(inline, values)) + text[end:]
    last = node.value[-1]
    indent = " " * _column(text, _dash(text, last))
    end = _end(text, last)
    return text[:end] + "".join(f"\n{indent}- {inline(each)}" for each in values) + text[end:]


def insert_value(text: str, path: Path, value: Any) -> str:
    """Add a key with a value to a mapping that is there."""
    mapping = _node(text, path[:-1])
    if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
        raise CannotEdit
    end = _end(text, mapping.value[-1][1])
    if mapping.flow_style:
        return f"{text[:end]}, {path[-1]}: {inline(value)}{text[end:]}"
    indent = " " * _column(text, mapping.value[0][0].start_mark.index)
    return f"{text[:end]}\n{indent}{path[-1]}: {inline(value)}{text[end:]}"


def remove_key(text: str, path: Path) -> str:
    """Remove a key with its value."""
    mapping, key, value = _pair(text, path)
    if len(mapping.value) == 1:
        return remove_key(text, path[:-1]) if len(path) > 1 else ""
    if mapping.flow_style:
        place = [each for each, _ in mapping.value].index(key)
        if place + 1 < len(mapping.value):
            return text[: key.start_mark.index] + text[mapping.value[place + 1][0].start_mark.index :]
        return text[: _end(text, mapping.value[place - 1][1])] + text[_end(text, value) :]
    return _without_lines(text, key.start_mark.index, _end(text, value))


def rename_key(text: str, path: Path, name: str) -> str:
    """Give a key another name."""
    _, key, _ = _pair(text, path)
    return text[: key.start_mark.index] + name + text[key.end_mark.index :]


def inline(value: Any) -> str:
    """Return a value as YAML on one line, for a place in any list or mapping."""
    return yaml.safe_dump([value], default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)[1:-2]


def _block(value: Any, column: int) -> str:
    """Return a value as YAML over several lines, for a place that begins at a column."""

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, False)

    lines = yaml.dump(value, Dumper=Dumper, width=10**6, allow_unicode=True, sort_keys=False).splitlines()
    return f"\n{' ' * column}".join(lines)


def _new_key(text: str, path: Path, values: Sequence[Any]) -> str:
    """Add a key with a list to the mapping that it belongs to, before `run` if that is there."""
    name = str(path[-1])
    try:
        mapping = _node(text, path[:-1])
    except CannotEdit:
        items = "".join(f"    - {inline(each)}\n" for each in values)
        ending = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{ending}{path[0]}:\n  {name}:\n{items}"
    if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
        raise CannotEdit
    if mapping.flow_style:
        end = _end(text, mapping.value[-1][1])
        return f"{text[:end]}, {name}: [{', '.join(map(inline, values))}]{text[end:]}"
    column = _column(text, mapping.value[0][0].start_mark.index)
    inner = " " * (column + _step(text, mapping))
    lines = "".join(f"\n{inner}- {inline(each)}" for each in values)
    entry = f"{' ' * column}{name}:{lines}\n"
    before = next((key for key, _ in mapping.value if key.value == "run" and len(path) > 1), None)
    if before is not None:
        start = before.start_mark.index - column
        return text[:start] + entry + text[start:]
    end = _end(text, mapping.value[-1][1])
    return text[:end] + "\n" + entry.rstrip("\n") + text[end:]


def _step(text: str, mapping: yaml.MappingNode) -> int:
    """Return by how much the lists of a mapping are indented."""
    for key, value in mapping.value:
        if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
            return _column(text, _dash(text, value.value[0])) - _column(text, key.start_mark.index)
    return 2


def _node(text: str, path: Path) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            node = None
    if node is None:
        raise CannotEdit
    return node


def _sequence(text: str, path: Path) -> yaml.SequenceNode:
    node = _node(text, path)
    if not isinstance(node, yaml.SequenceNode):
        raise CannotEdit
    return node


def _pair(text: str, path: Path) -> tuple[yaml.MappingNode, yaml.Node, yaml.Node]:
    mapping = _node(text, path[:-1])
    if isinstance(mapping, yaml.MappingNode):
        for key, value in mapping.value:
            if key.value == path[-1]:
                return mapping, key, value
    raise CannotEdit


def _end(text: str, node: yaml.Node) -> int:
    """Return where the characters of a value end; comments and blank lines after it are not its own."""
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return node.start_mark.index + len(text[node.start_mark.index : node.end_mark.index].rstrip())
    return int(node.end_mark.index)


def _dash(text: str, item: yaml.Node) -> int:
    """Return the position of the dash of a block list's item, which must begin its line."""
    start = text.rfind("\n", 0, item.start_mark.index) + 1
    place = start + len(text[start:]) - len(text[start:].lstrip(" "))
    if text[place : place + 1] != "-" or text[place + 1 : item.start_mark.index].strip(" "):
        raise CannotEdit
    return place


def _column(text: str, place: int) -> int:
    return place - text.rfind("\n", 0, place) - 1


def _without_lines(text: str, start: int, end: int) -> str:
    """Return the text without the lines from `start` to `end`."""
    first = text.rfind("\n", 0, start) + 1
    if text[first:start].strip(" "):
        raise CannotEdit
    last = text.find("\n", end)
    return text[:first] + (text[last + 1 :] if last >= 0 else "")
