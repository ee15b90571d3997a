"""The types of cog.yaml's values: how each is read, described in a JSON Schema, and printed again."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cogfreeze import grammar as grammars
from cogfreeze.grammar import Grammar, shown
from cogfreeze.project import values

if TYPE_CHECKING:
    from cogfreeze.project.yaml import Section


class Kind:
    """The type of a key's value: how it is read, described and printed."""

    words = ""

    def read(self, section: Section, name: str, default: Any) -> Any:
        """Return the value of `name`, or `default` where there is none; mistakes are kept in the section."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a value."""
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        """Return a value of a record as cog.yaml has it; None where it is left out."""
        return list(value) or None if isinstance(value, tuple) else value

    def variable(self, value: Any) -> str:
        """Return a value as the server's environment variable has it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """One line of text that a grammar accepts."""

    grammar: Grammar
    words = "text"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.text(name, self.grammar) or default

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **_pattern(self.grammar)}


@dataclass(frozen=True, slots=True)
class Reference(Kind):
    """A file and a class or function in it. Its rules are the reader's."""

    words = "`file.py:Name`"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^(?:\./)?(?:{grammars.PREDICTOR.pattern.pattern})$"}


@dataclass(frozen=True, slots=True)
class Version(Kind):
    """A version: text, or a number where YAML keeps it as it was typed."""

    grammar: Grammar
    words = "text"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.version(name, self.grammar) or default

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number"], **_pattern(self.grammar)}


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false."""

    words = "`true` or `false`"

    def read(self, section: Section, name: str, default: Any) -> Any:  # noqa: ARG002  # false where there is none
        return section.flag(name)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number between two bounds."""

    least: int
    most: int
    words = "whole number"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.whole_number(name, default, least=self.least, most=self.most)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Time(Kind):
    """A time in seconds, or with a unit."""

    zero: bool = False
    words = "time"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.parsed(name, default, lambda value: values.duration(value, zero=self.zero))

    def schema(self) -> dict[str, Any]:
        least = {"minimum": 0} if self.zero else {"exclusiveMinimum": 0}
        pattern = f"^(?:{values.DURATION.pattern})$"
        return {
            "type": ["number", "string"],
            **least,
            "maximum": values.LONGEST_DURATION,
            "pattern": pattern,
        }

    def variable(self, value: Any) -> str:
        """Never with an exponent, which the server does not read."""
        return f"{value:f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Size(Kind):
    """A number of bytes, or a size with a unit."""

    words = "size"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.parsed(name, default, values.size)

    def schema(self) -> dict[str, Any]:
        pattern = f"^(?:{values.SIZE.pattern})$"
        return {"type": ["integer", "string"], "minimum": 1, "maximum": values.LARGEST_SIZE, "pattern": pattern}


@dataclass(frozen=True, slots=True)
class Texts(Kind):
    """A list of texts that a grammar accepts, without duplicates, in the file's order."""

    grammar: Grammar
    noun: str

    @property
    def words(self) -> str:  # type: ignore[override]
        return f"list of {self.noun}"

    def read(self, section: Section, name: str, default: Any) -> Any:
        return section.texts(name, self.grammar) or default

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", **_pattern(self.grammar)}}


@dataclass(frozen=True, slots=True)
class PackageNames(Kind):
    """A list of names of Python packages, normalised."""

    words = "list of package names"

    def read(self, section: Section, name: str, default: Any) -> Any:
        from cogfreeze.project.python import normalized

        def check(item: str, index: int) -> str | None:
            found = section.checked(grammars.PACKAGE_NAME, item, name, index)
            return None if found is None else normalized(found)

        return section.texts(name, check) or default

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", **_pattern(grammars.PACKAGE_NAME)}}


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words.

    Attributes:
        choices: the words.
    """

    choices: tuple[str, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        return " or ".join([", ".join(f"`{each}`" for each in self.choices[:-1]), f"`{self.choices[-1]}`"])

    def read(self, section: Section, name: str, default: Any) -> Any:
        value = section.get(name)
        if value is None:
            return default
        if value not in self.choices:
            known = ", ".join(f"`{each}`" for each in self.choices)
            text = f"is `{shown(str(value))}`, which is not one of its values"
            section.mistake(text, name, hint=f"the values are {known}")
            return default
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}


@dataclass(frozen=True, slots=True)
class Choices(Kind):
    """A list of words that are all known.

    Attributes:
        choices: the words.
        one: what one is, for messages: `a check`.
        every: what they are, for hints: `checks`.
        aliases: other spellings of the last part of a word, which a hint corrects.
    """

    choices: tuple[str, ...]
    one: str
    every: str
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:  # type: ignore[override]
        return f"list of {self.every}"

    def read(self, section: Section, name: str, default: Any) -> Any:
        def check(item: str, index: int) -> str | None:
            if item in self.choices:
                return item
            alias = dict(self.aliases).get(item.rpartition("/")[2].lower())
            near = [alias] if alias else get_close_matches(item, self.choices, n=1)
            known = ", ".join(f"`{each}`" for each in self.choices)
            hint = f"did you mean `{near[0]}`?" if near else f"the {self.every} are {known}"
            section.mistake(f"is `{shown(item)}`, which is not {self.one}", name, index, hint=hint)
            return None

        return section.texts(name, check) or default

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"enum": list(self.choices)}}

    def variable(self, value: Any) -> str:
        return ",".join(value)


@dataclass(frozen=True, slots=True)
class Variables(Kind):
    """A list of `NAME=value`. Its rules are the reader's."""

    words = "list of `NAME=value`"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*="}}

    def plain(self, value: Any) -> Any:
        return [f"{name}={text}" for name, text in value] or None


@dataclass(frozen=True, slots=True)
class Requirements(Kind):
    """A list of Python requirements. Its rules are the reader's."""

    words = "list of requirements"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True, slots=True)
class RequirementsPath(Kind):
    """The path of a requirements file. Its rules are the reader's."""

    words = "path"

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def plain(self, value: Any) -> Any:
        # A requirements file is followed by those that it names, which are read with it.
        return value[0].path if value else None


def _pattern(grammar: Grammar) -> dict[str, Any]:
    """A grammar of printable text says more than a pattern can: then only the length."""
    if isinstance(grammar, grammars.Text):
        return {"maxLength": grammar.longest}
    return {"pattern": f"^(?:{grammar.pattern.pattern})$", "maxLength": grammar.longest}
