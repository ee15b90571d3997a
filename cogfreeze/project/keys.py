"""What a key of cog.yaml is: type, default, meaning, example, and since when.

Each key is one field of a record in `model.py`, declared by `key(…)`. Everything that has to know the keys is made
from those fields: the reader, `cog config` and its JSON Schema, the server's variables, the tables of
`docs/cog-yaml.md`, and the file that `cog init` writes. To add a key, add a field.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from cogfreeze.project.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cogfreeze.project.yaml import Section

FIRST = "0.1.0"


@dataclass(frozen=True, slots=True)
class Entries(Kind):
    """A list of mappings, each a record of its own. The rules across its keys are the reader's.

    Attributes:
        record: the record of one entry.
        noun: what the entries are.
        short: the key that alone can stand as plain text in place of a mapping.
        constants: keys that each entry must have with one value, and no record keeps.
    """

    record: type
    noun: str
    short: str | None = None
    constants: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:  # type: ignore[override]
        return f"list of {self.noun}"

    def schema(self) -> dict[str, Any]:
        entry = object_schema(self.record, constants=dict(self.constants))
        return {
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, entry]} if self.short else entry,
        }

    def plain(self, value: Any) -> Any:
        return [self._entry(each) for each in value] or None

    def _entry(self, entry: Any) -> Any:
        found = dict(self.constants) | plain(entry)
        others = {name for name, value in found.items() if name != self.short and value is not False}
        return found[self.short] if self.short and not others else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The description of one key.

    Attributes:
        name: as it stands in its mapping; with a dot where it is the only key of a mapping (`concurrency.max`).
        kind: the type of its value.
        meaning: one or two sentences of Markdown.
        example: a value, as YAML on one line.
        default: what holds where it is not set, as Markdown; "" where it must be set.
        since: the first release that has it.
        ours: Cog does not have it.
        variable: the server's environment variable that it sets.
    """

    name: str
    kind: Kind
    meaning: str
    example: str
    default: str
    since: str
    ours: bool
    variable: str | None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the key. A key without a value is as if it were not there."""
        import yaml

        return {
            "description": self.meaning,
            **_or_nothing(self.kind.schema()),
            "examples": [yaml.safe_load(self.example)],
        }


def key(
    kind: Kind,
    initial: Any = MISSING,
    *,
    meaning: str,
    example: str,
    default: str | None = None,
    name: str | None = None,
    since: str = FIRST,
    ours: bool = False,
    variable: str | None = None,
) -> Any:
    """Return a field of a record that is a key of cog.yaml; see `Key`.

    Args:
        initial: the field's default; without one, the record must be given a value.
        default: what the documentation says of the default, where the value itself would not tell it.
        name: the key's name, where the field has another.
    """
    if default is None:
        default = "" if initial is MISSING else _default_words(initial)
    about = {
        "kind": kind,
        "meaning": meaning,
        "example": example,
        "default": default,
        "name": name,
        "since": since,
        "ours": ours,
        "variable": variable,
    }
    return field(default=initial, metadata={"key": about})


def section(*, meaning: str, ours: bool = False, default_factory: Any = MISSING) -> Any:
    """Return a field of a record that is a mapping with keys of its own."""
    return field(default_factory=default_factory, metadata={"section": {"meaning": meaning, "ours": ours}})


def keys_of(record: Any) -> Iterator[tuple[str, Key]]:
    """Yield the field name and description of each key of a record or its class, in order."""
    for each in fields(record):
        if about := each.metadata.get("key"):
            yield each.name, Key(**{**about, "name": about["name"] or each.name})


def sections_of(record: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each section of a record or its class, with its `meaning` and `ours`."""
    for each in fields(record):
        if about := each.metadata.get("section"):
            yield each.name, about


def read(record: type, given: Section, *, apart: Collection[str] = ()) -> dict[str, Any]:
    """Read the keys of a record from a mapping; what is wrong is kept in the section's document.

    Args:
        apart: fields that the caller reads by rules of its own; their keys count as known all the same.

    Returns:
        The values by field name, ready for the record.
    """
    found = {}
    defaults = {each.name: each.default for each in fields(record)}
    for name, about in keys_of(record):
        if name in apart:
            given.get(about.name)
        else:
            initial = defaults[name]
            found[name] = about.kind.read(given, about.name, None if initial is MISSING else initial)
    return found


def plain(record: Any) -> dict[str, Any]:
    """Return a record as the mapping that reads back to it; keys that are not set are left out."""
    found = {}
    for name, about in keys_of(record):
        value = about.kind.plain(getattr(record, name))
        if value is not None:
            found[about.name] = value
    return found


def variables(record: Any) -> Iterator[tuple[str, str]]:
    """Yield the server's variables that the keys of a record set."""
    for name, about in keys_of(record):
        value = getattr(record, name)
        if about.variable is not None and value not in (None, ()):
            yield about.variable, about.kind.variable(value)


def object_schema(record: type, constants: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a mapping with the keys of a record."""
    properties: dict[str, Any] = {name: {"const": value} for name, value in (constants or {}).items()}
    required = list(properties)
    for _, about in keys_of(record):
        properties[about.name] = about.schema
        if not about.default:
            required.append(about.name)
    found = {"type": "object", "additionalProperties": False, "properties": properties}
    return found | ({"required": required} if required else {})


def _or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = schema["type"]
    return schema | {"type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _default_words(value: Any) -> str:
    if value is None:
        return "none"
    if value == ():
        return "`[]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    return f"`{value}`"
