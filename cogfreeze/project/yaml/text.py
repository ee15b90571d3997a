"""YAML text as plain values, each with its line.

PyYAML composes the nodes; only this module sees them. The rules are stricter than YAML's, because a declaration
should not surprise: keys are text and appear only once, dates are text, and aliases cannot blow the file up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import ProjectError, ProjectErrors
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    import yaml

# Far beyond any declaration.
MOST_VALUES = 10_000
DEEPEST = 32

_MERGE = "tag:yaml.org,2002:merge"

Path = tuple[str | int, ...]


def spelled(path: Path) -> str:
    """Return a path as people write it: `build.run[0].command`."""
    return shown("".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).removeprefix("."))


@dataclass(slots=True)
class Document:
    """A YAML file whose top is a mapping.

    Attributes:
        file: its name, for messages.
        value: what it says; mappings, lists, str, int, float, bool, and None for nothing.
        lines: the line of each value by its path: where its key stands, or the item of a list.
        written: each number as it was typed, by its path.
        mistakes: the mistakes, each with its line.
        warnings: the warnings, each with its line.
    """

    file: str
    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    mistakes: list[tuple[int, ProjectError]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def where(self, path: Path) -> str:
        """Return `file:line` of the value at `path`."""
        return f"{self.file}:{self.line(path)}"

    def mistake(self, path: Path, message: str, hint: str | None = None) -> None:
        """Keep a mistake about the value at `path` for the end."""
        self.mistake_at(self.line(path), message, hint, key=spelled(path))

    def mistake_at(self, line: int, message: str, hint: str | None = None, *, key: str | None = None) -> None:
        """Keep a mistake on a line for the end."""
        where = f"{self.file}:{line}"
        self.mistakes.append((line, ProjectError(message, where=where, hint=hint, key=key or None)))

    def warn(self, path: Path, message: str) -> None:
        """Keep a warning about the value at `path` for the end."""
        self.warnings.append((self.line(path), f"{self.where(path)}: {message}"))

    def refuse(self) -> None:
        """Raise the mistakes that were kept, in the order of the file, if there are any.

        Raises:
            ProjectErrors: there were mistakes.
        """
        if self.mistakes:
            raise ProjectErrors([error for _, error in sorted(self.mistakes, key=lambda each: each[0])])


class _TooMuch(Exception):
    """The file is deeper or bigger than a declaration can be; args are the node, the message."""


def parse(text: str, file: str) -> Document:
    """Read YAML text; `file` is its name for messages. An empty one is an empty mapping.

    Raises:
        ProjectErrors: it is no YAML, or its top is no mapping. Duplicate and other bad keys are kept in the
            document's `mistakes` instead, to be told with what else is wrong.
    """
    import yaml

    document = Document(file)
    try:
        loader = _loader_class()(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        hint = f"remove the character U+{error.character:04X}"
        raise fatal(file, line, "is not YAML: it contains an invisible character", hint) from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(file, text, error) from None
    except RecursionError:
        raise fatal(file, None, "is nested too deeply") from None
    if node is None:
        return document
    try:
        value = _Reading(document, loader).value(node, ())
    except _TooMuch as error:
        culprit, message = error.args
        raise fatal(file, culprit.start_mark.line + 1, message) from None
    if value is not None and not isinstance(value, dict):
        raise fatal(
            file, node.start_mark.line + 1, "must contain keys and values, such as `predict: predict.py:Predictor`"
        )
    document.value = value or {}
    return document


def fatal(file: str, line: int | None, message: str, hint: str | None = None) -> ProjectErrors:
    """Return the one mistake that ends the reading of a file."""
    where = file if line is None else f"{file}:{line}"
    return ProjectErrors([ProjectError(message, where=where, hint=hint)])


def _not_yaml(file: str, text: str, error: yaml.MarkedYAMLError) -> ProjectErrors:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or error.context or "it cannot be read"
    hint = "check the indentation and the quotes there"
    if mark and mark.index < len(text) and text[mark.index] == "\t":
        problem, hint = "a tab cannot indent", "indent with spaces"
    elif "mapping values are not allowed" in problem:
        problem, hint = (
            "a second `:` on the line",
            "check the indentation, and put text that contains `: ` in quotes",
        )
    elif "single document" in problem or "expected a single document" in (error.context or ""):
        problem, hint = "it contains more than one document", "remove everything from the second `---` on"
    return fatal(file, line, f"is not YAML: {problem}", hint)


@cache
def _loader_class() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML's plain types, less dates: `2024-01-01` is text here."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


class _Reading:
    """Turns the nodes of one document into values; counts them, an alias as often as it is used."""

    def __init__(self, document: Document, loader: yaml.SafeLoader) -> None:
        self.document = document
        self.loader = loader
        self.count = 0
        self.depth = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        import yaml

        self.count += 1
        if self.count > MOST_VALUES:
            raise _TooMuch(node, f"contains more than {MOST_VALUES:,} values, counting aliases")
        if self.depth > DEEPEST:  # by its own count: what `<<` names is not deeper by its path
            raise _TooMuch(node, f"is nested more than {DEEPEST} levels deep")
        self.depth += 1
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._item(each, (*path, index)) for index, each in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self.depth -= 1

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self.document.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        import yaml

        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError):
            what = f"`{spelled(path)}`" if path else "the file"
            self.document.mistake(path, f"{what} does not fit its type", "put it in quotes")
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.document.written[path] = node.value
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                self._merge(value, path, merged)
        for key, value in node.value:
            if key.tag != _MERGE:
                self._entry(key, value, path, own)
        return {**merged, **own}

    def _merge(self, node: yaml.Node, path: Path, merged: dict[str, Any]) -> None:
        import yaml

        # The first source that has a key wins, so the last one is read first, lines and all.
        for source in reversed(node.value if isinstance(node, yaml.SequenceNode) else [node]):
            value = self.value(source, path) if isinstance(source, yaml.MappingNode) else None
            if value is None:
                line = source.start_mark.line + 1
                hint = "write `<<: *name`, where `&name` is a mapping"
                self.document.mistake_at(line, "`<<` must name a mapping", hint)
            else:
                merged.update(value)

    def _entry(self, key: yaml.Node, value: yaml.Node, path: Path, entries: dict[str, Any]) -> None:
        import yaml

        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            name = f"`{shown(key.value)}`" if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            self.document.mistake_at(line, f"a key must be text, is {name}", "put it in quotes, or remove it")
            return
        inner = (*path, key.value)
        if key.value in entries:
            first = self.document.line(inner)
            self.document.mistake_at(line, f"`{spelled(inner)}` is set twice, first on line {first}", "keep one")
            return
        self.document.lines[inner] = line
        entries[key.value] = self.value(value, inner)
