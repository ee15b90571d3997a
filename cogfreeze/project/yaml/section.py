"""One mapping of a declaration, read key by key.

Each method reads one key, checks it, and returns its value or the default. Mistakes are kept in the document, so
that all of a file's mistakes are reported at once. The keys that were read are the ones that exist: `finish`
reports every other one as unknown.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cogfreeze.grammar import Grammar, Refused, shown
from cogfreeze.project.yaml.text import spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cogfreeze.project.yaml.text import Document, Path

# What other tools call the list of environment variables.
_VARIABLES = frozenset({"env", "envs", "env_vars", "environment_variables"})


def kind(value: object) -> str:
    """Return the type of a value, in plain words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"


def _seen(value: object) -> str:
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return f"`{shown(str(value))}`" if plain else kind(value)


def _quotes(value: object) -> str | None:
    return "put it in quotes" if isinstance(value, int | float) else None


def _about(path: Path, message: str) -> str:
    return f"`{spelled(path)}`{'' if message.startswith(':') else ' '}{message}"


class Section:
    """A mapping at `path` of `document`.

    Attributes:
        known: the keys that were read and have a meaning, for hints.
        broken: it has another type, which has been reported; it reads as empty.
    """

    def __init__(self, document: Document, value: Mapping[str, Any], path: Path = ()) -> None:
        self.document = document
        self.value = value
        self.path = path
        self.known: list[str] = []
        self._accepted: set[str] = set()
        self.broken = False

    def get(self, key: str) -> Any:
        """Return the value as it is, or None if there is none; the key counts as known."""
        if key not in self._accepted:
            self._accepted.add(key)
            self.known.append(key)
        return self.value.get(key)

    def _retired(self, key: str) -> bool:
        """Accept a key without suggesting it in hints; return whether it is set."""
        self._accepted.add(key)
        return self.value.get(key) is not None

    def mistake(self, message: str, *path: str | int, hint: str | None = None) -> None:
        """Keep a mistake about the value at `path` below this mapping; its name begins the message."""
        whole = (*self.path, *path)
        self.document.mistake(whole, _about(whole, message), hint)

    def warn(self, message: str, *path: str | int) -> None:
        """Keep a warning about the value at `path`; its name begins the message."""
        whole = (*self.path, *path)
        self.document.warn(whole, _about(whole, message))

    def wrong_type(self, expected: str, value: object, *path: str | int, hint: str | None = None) -> None:
        """Keep the mistake that a value does not have the type `expected`."""
        self.mistake(f"must be {expected}, is {kind(value)}", *path, hint=hint)

    def checked(self, grammar: Grammar, value: object, *path: str | int) -> str | None:
        """Return `value` if it is text of this grammar; otherwise None, and keep a mistake."""
        if not isinstance(value, str):
            self.wrong_type("text", value, *path, hint=_quotes(value))
            return None
        try:
            return grammar.check(value)
        except Refused as refused:
            self.mistake(f": {refused.message}", *path, hint=refused.allowed)
            return None

    def require(self, key: str) -> None:
        """Keep a mistake where a key has no value."""
        if self.get(key) is None and not self.broken:
            self.mistake(f"has no `{key}`", hint=f"add `{key}: …`")

    def text(self, key: str, grammar: Grammar) -> str | None:
        """Return a text, or None if there is none."""
        value = self.get(key)
        return None if value is None else self.checked(grammar, value, key)

    def version(self, key: str, grammar: Grammar) -> str | None:
        """Return a version: text, or a number that YAML keeps as it was typed (`3.11`, not `3.10`)."""
        value = self.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = self.document.written.get((*self.path, key), str(value))
            if str(value) != written:
                self.mistake(f"is the number {value} to YAML", key, hint=f'put it in quotes: `{key}: "{written}"`')
                return None
            value = written
        return None if value is None else self.checked(grammar, value, key)

    def flag(self, key: str) -> bool:
        """Return true or false; false if there is none."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.wrong_type("true or false", value, key, hint="write `true` or `false` without quotes")
        return False

    def whole_number(self, key: str, default: int | None, *, least: int, most: int) -> int | None:
        """Return a whole number between `least` and `most`."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.mistake(f"must be a whole number, is {_seen(value)}", key)
            return default
        if not least <= value <= most:
            self.mistake(f"must be between {least} and {most:,}", key)
            return default
        return value

    def parsed(self, key: str, default: float | None, parse: Callable[[Any], float]) -> float | None:
        """Return what `parse` makes of the value.

        Args:
            parse: raises ValueError with what the value must be: `a number of seconds …`.
        """
        value = self.get(key)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            self.mistake(f"must be {error}, is {_seen(value)}", key)
            return default

    def items(self, key: str, of: str) -> list[Any]:
        """Return a list's items as they are; an empty list if there is none."""
        value = self.get(key)
        if value is None or isinstance(value, list):
            return value or []
        hint = f"write it on its own line: `- {shown(value)}`" if isinstance(value, str) else None
        self.wrong_type(f"a list of {of}", value, key, hint=hint)
        return []

    def texts(self, key: str, check: Callable[[str, int], str | None] | Grammar) -> tuple[str, ...]:
        """Return a list of texts without duplicates, in the file's order.

        Args:
            check: a grammar, or a function of an item and its index that returns it, normalised, or None.
        """
        found: dict[str, None] = {}
        for index, item in enumerate(self.items(key, "strings")):
            if isinstance(check, Grammar):
                value = self.checked(check, item, key, index)
            elif isinstance(item, str):
                value = check(item, index)
            else:
                self.wrong_type("text", item, key, index, hint=_quotes(item))
                continue
            if value is not None:
                found[value] = None
        return tuple(found)

    def section(self, *path: str | int) -> Section:
        """Return the mapping at `path`; an empty one if there is none."""
        value: Any = self.get(path[0]) if isinstance(path[0], str) else None
        for each in path[1:]:
            value = value[each]
        section = Section(self.document, value if isinstance(value, dict) else {}, (*self.path, *path))
        if value is not None and not isinstance(value, dict):
            self.wrong_type("a mapping", value, *path)
            section.broken = True
        return section

    def ignored(self, key: str, why: str) -> None:
        """Accept a key of Cog's that has no meaning here, with a warning if it is set."""
        if self._retired(key):
            self.warn(f"has no effect: {why}", key)

    def unsupported(self, key: str, hint: str) -> None:
        """Refuse a key of Cog's that would have a meaning."""
        if self._retired(key):
            self.mistake("is not supported yet", key, hint=hint)

    def finish(self, elsewhere: Mapping[str, list[str]] | None = None) -> None:
        """Report every key that was not read as unknown, except top-level keys that begin with `x-`.

        The latter are for YAML anchors, as in Compose files.

        Args:
            elsewhere: the known keys of other sections, by the section's name, for keys in the wrong place.
        """
        for key in self.value:
            if key not in self._accepted and not (key.startswith("x-") and not self.path):
                self.mistake("is not a key", key, hint=self._nearest(key, elsewhere or {}))

    def _nearest(self, key: str, elsewhere: Mapping[str, list[str]]) -> str:
        if key in _VARIABLES and len(self.path) < 2:
            return "environment variables are a list of `NAME=value` in `environment`, at the top level"
        for name, keys in elsewhere.items():
            if key in keys:
                return (
                    f"`{key}` belongs in `{name}`"
                    if name
                    else f"`{key}` belongs at the top level, outside `{spelled(self.path)}`"
                )
        near = get_close_matches(key, self.known, n=1, cutoff=0.6)
        if near:
            return f"did you mean `{near[0]}`?"
        for name, keys in elsewhere.items():
            near = get_close_matches(key, keys, n=1, cutoff=0.75)
            if near:
                return (
                    f"did you mean `{name}.{near[0]}`?" if name else f"did you mean `{near[0]}`, at the top level?"
                )
        return "the keys here are " + ", ".join(f"`{each}`" for each in sorted(self.known))
