"""A prediction's input from the command line: `-i name=value`, `-i name=@file`, or one JSON object.

The OpenAPI document gives the type of each input. Every mistake is found here, before a model is set up.
"""

from __future__ import annotations

import base64
import json
import math
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.client import checks, media
from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Property = dict[str, Any]
Schema = dict[str, Any]

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
_PLACEHOLDERS = {
    "integer": "INTEGER",
    "number": "NUMBER",
    "boolean": "true|false",
    "object": "JSON",
    "array": "ITEM",
}


class _Mistake(Exception):
    """A mistake in one value, as the end of a sentence that names the input; and a hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def inputs_from(pairs: Iterable[str], schema: Schema) -> dict[str, Any]:
    """Return the input object for `name=value` pairs, with the types of the schema.

    A list is given by repeating the name, or as one JSON array. `@file` is a data URI of the file if the input is
    a file, and otherwise the file's text; `@@` stands for a text that begins with one `@`.

    Args:
        pairs: `name=value` or `name=@file`, in the order of the command line.
        schema: the server's whole OpenAPI document.

    Raises:
        UsageError: malformed pairs, unknown or missing names, invalid values, unreadable files: all
            mistakes in one error.
    """
    properties = _properties(schema)
    words: dict[str, list[str]] = {}
    mistakes: list[_Mistake] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            mistakes.append(_Mistake(f"`{pair}` is not `name=value`", "write `-i name=value` or `-i name=@file`"))
        else:
            words.setdefault(name, []).append(value)
    mistakes += _naming_mistakes(words, properties, _required(schema))
    inputs: dict[str, Any] = {}
    for name, values in words.items():
        if name not in properties:
            continue
        try:
            inputs[name] = _from_words(values, properties[name])
        except _Mistake as mistake:
            mistakes.append(_Mistake(f"input `{name}` {mistake}", mistake.hint))
        else:
            mistakes += _value_mistakes(name, inputs[name], properties[name])
    _raise(mistakes)
    return inputs


def inputs_from_json(text: str, schema: Schema) -> dict[str, Any]:
    """Return the input object in a JSON text; `@file` stands for a file if the input is a file.

    Raises:
        UsageError: not a JSON object, unknown or missing names, invalid values, unreadable files.
    """
    try:
        inputs = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except ValueError as error:
        raise UsageError(
            f"the input is not valid JSON: {error}", hint='write it like `{"name": "value"}`'
        ) from None
    if not isinstance(inputs, dict):
        raise UsageError("the input is not a JSON object", hint='write it like `{"name": "value"}`')
    properties = _properties(schema)
    mistakes = _naming_mistakes(inputs, properties, _required(schema))
    for name, value in inputs.items():
        try:
            inputs[name] = _with_files(value, properties.get(name, {}))
        except _Mistake as mistake:
            mistakes.append(_Mistake(f"input `{name}` {mistake}", mistake.hint))
        else:
            mistakes += _value_mistakes(name, inputs[name], properties.get(name, {}))
    _raise(mistakes)
    return inputs


def data_uri(path: Path) -> str:
    """Return a file as a data URI, with its media type and its name.

    Raises:
        OSError: the file cannot be read.
    """
    return media.data_uri_head(path.name, always_named=True) + base64.b64encode(path.read_bytes()).decode()


def _properties(schema: Schema) -> dict[str, Property]:
    """Return the inputs by name, with references to other parts of the document resolved."""
    parts = schema.get("components", {}).get("schemas", {})

    def flat(given: Property) -> Property:
        merged = {key: value for key, value in given.items() if key not in ("allOf", "$ref")}
        for each in (*given.get("allOf", ()), *([given] if "$ref" in given else ())):
            merged = {**parts.get(str(each.get("$ref", "")).rpartition("/")[2], each), **merged}
        if "items" in merged:
            merged["items"] = flat(merged["items"])
        return merged

    return {name: flat(each) for name, each in parts.get("Input", {}).get("properties", {}).items()}


def _required(schema: Schema) -> Sequence[str]:
    names: Sequence[str] = schema.get("components", {}).get("schemas", {}).get("Input", {}).get("required", ())
    return names


def _naming_mistakes(
    given: Mapping[str, object], properties: Mapping[str, Property], required: Sequence[str]
) -> list[_Mistake]:
    mistakes = []
    for name in given:
        if name not in properties:
            near = get_close_matches(name, properties, n=1, cutoff=0.7)
            known = ", ".join(f"`{each}`" for each in properties) or "no inputs"
            hint = f"did you mean `{near[0]}`?" if near else f"the model's inputs are {known}"
            mistakes.append(_Mistake(f"the model has no input `{name}`", hint))
    mistakes += [
        _Mistake(f"input `{name}` is missing", f"add `-i {name}={_placeholder(properties[name])}`")
        for name in required
        if name not in given
    ]
    return mistakes


def _value_mistakes(name: str, value: Any, declared: Property) -> list[_Mistake]:
    return [_Mistake(f"input `{name}` {mistake}") for mistake in checks.mistakes(value, declared)]


def _placeholder(declared: Property) -> str:
    if _is_file(declared):
        return "@FILE"
    if declared.get("type") == "array":
        return _placeholder(declared.get("items", {}))
    return _PLACEHOLDERS.get(str(declared.get("type")), "VALUE")


def _raise(mistakes: Sequence[_Mistake]) -> None:
    if mistakes:
        hints = dict.fromkeys(each.hint for each in mistakes if each.hint)
        raise UsageError("; ".join(map(str, mistakes)), hint="; ".join(hints) or None)


def _is_file(declared: Property) -> bool:
    return declared.get("type") == "string" and declared.get("format") == "uri"


def _from_words(values: list[str], declared: Property) -> Any:
    if declared.get("type") == "array":
        item = declared.get("items", {})
        if len(values) == 1 and values[0].lstrip().startswith("["):
            return _with_files(_parsed(values[0], list, "JSON array"), declared)
        return [_from_word(value, item) for value in values]
    if len(values) > 1:
        raise _Mistake("was given more than once, but is not a list")
    return _from_word(values[0], declared)


def _from_word(word: str, declared: Property) -> Any:
    if _is_file(declared):
        return _file_input(word)
    if word.startswith("@@"):
        word = word[1:]
    elif word.startswith("@"):
        word = _read(word[1:]).decode("utf-8", "replace")
    return _typed(word, declared)


def _typed(word: str, declared: Property) -> Any:
    """Convert a word to the declared type; in a union, to the first that fits, with text last."""
    if "anyOf" in declared:
        for each in sorted(declared["anyOf"], key=lambda one: one.get("type") == "string"):
            try:
                value = _typed(word, each)
                return int(value) if isinstance(value, float) and re.fullmatch(r"[+-]?\d+", word) else value
            except _Mistake:
                continue
        raise _Mistake(f"cannot be `{word}`")
    kind = declared.get("type")
    if kind in ("integer", "number"):
        try:
            return int(word) if kind == "integer" else _finite(word)
        except ValueError:
            raise _Mistake(f"must be {'an integer' if kind == 'integer' else 'a number'}, not `{word}`") from None
    if kind == "boolean":
        if word.lower() not in _BOOLEANS:
            raise _Mistake(f"must be `true` or `false`, not `{word}`")
        return _BOOLEANS[word.lower()]
    if kind == "object":
        return _parsed(word, dict, "JSON object")
    if kind == "array":
        return _parsed(word, list, "JSON array")
    return word


def _finite(word: str) -> float:
    """Parse a number, refusing `NaN` and `Infinity`, which JSON does not have."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"`{word}` is not a JSON number")
    return number


def _parsed(text: str, kind: type, name: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except ValueError as error:
        raise _Mistake(f"must be a {name}: {error}") from None
    if not isinstance(value, kind):
        raise _Mistake(f"must be a {name}")
    return value


def _with_files(value: Any, declared: Property) -> Any:
    """Return a JSON value with every `@file` of a file input replaced by the file."""
    if isinstance(value, list) and declared.get("type") == "array":
        return [_with_files(each, declared.get("items", {})) for each in value]
    return _file_input(value) if isinstance(value, str) and _is_file(declared) else value


def _file_input(word: str) -> str:
    if word.startswith("@"):
        path = Path(word[1:]).expanduser()
        try:
            return data_uri(path)
        except OSError as error:
            raise _unreadable(path, error) from None
    if not word.startswith(("data:", "http://", "https://")):
        raise _Mistake("must be a file or a URL", f"to send the file `{word}`, write `@{word}`")
    return word


def _read(name: str) -> bytes:
    path = Path(name).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> _Mistake:
    return _Mistake(f"cannot read the file `{path}`: {error.strerror}")
