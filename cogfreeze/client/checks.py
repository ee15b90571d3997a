"""Checks an input value against the OpenAPI document, as the server does, but before a model is set up."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Property = dict[str, Any]

_NOUNS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def mistakes(value: Any, declared: Property) -> Iterator[str]:
    """Yield the mistakes in a value, each as the end of a sentence that names the input.

    Files are not checked here: their values are data URIs by now.

    Args:
        value: a JSON value.
        declared: its declaration, without references.
    """
    if value is None and declared.get("nullable"):
        return
    if "anyOf" in declared and all(list(mistakes(value, each)) for each in declared["anyOf"]):
        yield _not(f"must be {_types(declared['anyOf'])}", value, declared)
        return
    kind = declared.get("type")
    if not _is(value, kind):
        yield _not(f"must be {_NOUNS[str(kind)]}", value, declared)
        return
    if "enum" in declared and not any(_equal(value, choice) for choice in declared["enum"]):
        choices = ", ".join(f"`{choice}`" for choice in declared["enum"])
        yield _not(f"must be one of {choices}", value, declared)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, declared)
    elif isinstance(value, str):
        yield from _string(value, declared)
    elif isinstance(value, list):
        yield from _length(len(value), declared, "Items", "items")
        for index, item in enumerate(value):
            for mistake in mistakes(item, declared.get("items", {})):
                yield f"item {index} {mistake}"


def _types(options: list[Property]) -> str:
    return " or ".join(dict.fromkeys(_NOUNS.get(str(each.get("type")), "another type") for each in options))


def _number(value: float, declared: Property) -> Iterator[str]:
    least, most = declared.get("minimum"), declared.get("maximum")
    if least is not None and value < least:
        yield f"must be at least {least}, not {value}"
    if most is not None and value > most:
        yield f"must be at most {most}, not {value}"


def _string(value: str, declared: Property) -> Iterator[str]:
    if declared.get("format") == "uri":
        return
    yield from _length(len(value), declared, "Length", "characters")
    pattern = declared.get("pattern")
    if pattern is not None and not re.search(pattern, value):
        yield _not(f"must match the pattern `{pattern}`", value, declared)


def _length(length: int, declared: Property, name: str, unit: str) -> Iterator[str]:
    least, most = declared.get(f"min{name}"), declared.get(f"max{name}")
    if least is not None and length < least:
        yield f"must have at least {least} {unit}, not {length}"
    if most is not None and length > most:
        yield f"must have at most {most} {unit}, not {length}"


def _is(value: Any, kind: str | None) -> bool:
    """Return whether a JSON value has a type; 1.0 is an integer, and true is not a number."""
    if kind in ("integer", "number"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and (kind == "number" or value == int(value))
    types = {"string": str, "boolean": bool, "array": list, "object": dict}
    return kind not in types or isinstance(value, types[kind])


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _not(rule: str, value: Any, declared: Property) -> str:
    """Add the value to a rule, shortened; a secret is never shown."""
    if declared.get("format") == "password":
        return rule
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{rule}, not `{text if len(text) <= 60 else text[:57] + '...'}`"
