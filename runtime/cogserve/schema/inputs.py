"""Checks an input against the predictor's OpenAPI document.

It understands what `cog.schema` writes: types, enums, bounds, lengths, patterns, lists, objects, references.
Unknown keywords are ignored, so a newer document accepts too much, never too little; the worker then decides.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Dict, List, Tuple

import msgspec

from cogserve.protocol import Problem, detail, encode
from cogserve.schema import checks
from cogserve.schema.checks import FILE_URL, Check, Mistake, Place
from cogserve.schema.patterns import Deferred, search

HIDDEN = "**********"


class Checked(msgspec.Struct):
    """An input that fits.

    Args:
        values: the fields that the predictor knows.
        unknown: names of the others, which are left out.
        changed: whether `values` differ from what was sent.
        deferred: patterns that are still to be matched; see `settle`.
    """

    values: Dict[str, Any]
    unknown: List[str]
    changed: bool
    deferred: List[Deferred]


class InputSchema:
    """The inputs of one predictor.

    Args:
        document: the OpenAPI document.
        name: which of its schemas describes the input, `Input` or `TrainingInput`.
    """

    def __init__(self, document: Dict[str, Any], name: str = "Input") -> None:
        self._definitions: Dict[str, Any] = document.get("components", {}).get("schemas", {})
        schema = self._definitions.get(name, {})
        properties: Dict[str, Any] = schema.get("properties", {})
        self._required: Tuple[str, ...] = tuple(schema.get("required", ()))
        self._references: Dict[str, Check] = {}
        self._deferred: List[Deferred] = []
        self._checks = {field: self._compile(part) for field, part in properties.items()}
        # Fields whose values are files: a URL, or a list of them.
        self.files = tuple(field for field, part in properties.items() if self._is_file(part))
        # Their defaults that are URLs: fetched if the request has no value.
        self._defaults = {
            field: properties[field]["default"]
            for field in self.files
            if _is_url(properties[field].get("default"))
        }
        self._secrets = [field for field, part in properties.items() if self._is_secret(part)]
        self.streaming = _streams(document)
        declared = document.get("x-cog-concurrency")
        # How many predictions the model says it can run at once.
        self.concurrency = declared if isinstance(declared, int) else 1

    def check(self, given: Any) -> Checked:
        """Return the input to use.

        Raises:
            Problem: 422, with every field that does not fit.
        """
        if not isinstance(given, dict):
            raise Problem(422, detail((["body", "input"], "Input should be a valid object", "value_error")))
        self._deferred = []
        values: Dict[str, Any] = {}
        unknown: List[str] = []
        mistakes: List[Tuple[Place, str, str]] = []
        changed = False
        seen = set()
        for name, value in given.items():
            field = name
            if name not in self._checks and not name.isascii():
                # Python's own form of names; clients may send another form of the same letters.
                normal = unicodedata.normalize("NFKC", name)
                if normal in self._checks and normal not in given:
                    field, changed = normal, True
            seen.add(field)
            check = self._checks.get(field)
            if check is None:
                unknown.append(field)
                continue
            try:
                values[field] = used = check(value, [field])
                changed = changed or used is not value
            except Mistake as mistake:
                mistakes.append((["body", "input", *mistake.place], mistake.message, "value_error"))
        for field, default in self._defaults.items():
            if field not in seen:
                values[field], changed = default, True
        mistakes += [
            (["body", "input", field], "Field required", "value_error.missing")
            for field in self._required
            if field not in seen
        ]
        if mistakes:
            raise Problem(422, detail(*mistakes))
        return Checked(values, unknown, changed or bool(unknown), self._deferred)

    async def settle(self, checked: Checked) -> None:
        """Match the patterns that `check` has deferred, because they may take long.

        Raises:
            Problem: 422, with every field that does not fit.
        """
        messages = await search(checked.deferred)
        mistakes: List[Tuple[Place, str, str]] = [
            (["body", "input", *one.place], message, "value_error")
            for one, message in zip(checked.deferred, messages)
            if message
        ]
        if mistakes:
            raise Problem(422, detail(*mistakes))

    def _defer(self, deferred: Deferred) -> None:
        self._deferred.append(deferred)

    def hide_secrets(self, given: msgspec.Raw) -> msgspec.Raw:
        """Return an input with stars in place of its secrets."""
        if not self._secrets:
            return given
        values = msgspec.json.decode(given)
        for field in self._secrets:
            if isinstance(values.get(field), str):
                values[field] = HIDDEN
            elif isinstance(values.get(field), list):
                values[field] = [HIDDEN] * len(values[field])
        return msgspec.Raw(encode(values))

    def _is_secret(self, schema: Dict[str, Any]) -> bool:
        schema = self._resolve(schema)
        if schema.get("type") == "array":
            schema = self._resolve(schema.get("items", {}))
        return schema.get("format") == "password" or bool(schema.get("x-cog-secret"))

    def _is_file(self, schema: Dict[str, Any]) -> bool:
        schema = self._resolve(schema)
        if schema.get("type") == "array":
            schema = self._resolve(schema.get("items", {}))
        return schema.get("type") == "string" and schema.get("format") == "uri"

    def _resolve(self, schema: Dict[str, Any]) -> Dict[str, Any]:
        for _ in range(16):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            schema = self._definitions.get(reference.rpartition("/")[2], {})
        return schema

    def _compile(self, schema: Dict[str, Any]) -> Check:
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        found: List[Check] = []
        if "type" in schema:
            found.append(self._by_type(schema))
        if "enum" in schema:
            found.append(checks.enum(schema["enum"]))
        found += [self._compile(part) for part in schema.get("allOf", ())]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                found.append(checks.any_of([self._compile(part) for part in schema[key]]))
        return checks.all_of(found, nullable=bool(schema.get("nullable")))

    def _reference(self, reference: str) -> Check:
        # Compiled when first used, as a schema may refer to itself.
        def check(value: Any, place: Place) -> Any:
            compiled = self._references.get(reference)
            if compiled is None:
                target = self._definitions.get(reference.rpartition("/")[2], {})
                compiled = self._references[reference] = self._compile(target)
            return compiled(value, place)

        return check

    def _by_type(self, schema: Dict[str, Any]) -> Check:
        kind = schema["type"]
        if kind == "string":
            return checks.string(schema, self._defer)
        if kind in ("integer", "number"):
            return checks.number(schema, whole=kind == "integer")
        if kind == "array":
            return checks.array(schema, self._compile(schema.get("items", {})))
        if kind == "object":
            more = schema.get("additionalProperties")
            return checks.object_of(
                {name: self._compile(part) for name, part in schema.get("properties", {}).items()},
                tuple(schema.get("required", ())),
                self._compile(more) if isinstance(more, dict) else None,
            )
        if kind == "boolean":
            return checks.boolean
        return checks.anything


def _is_url(value: Any) -> bool:
    """Whether a value is the URL of a file, or a list of nothing else."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_url, value))
    return isinstance(value, str) and FILE_URL.match(value) is not None


def _streams(document: Dict[str, Any]) -> bool:
    """Whether the model streams: said at the top by `cog.schema`, or at the operation in Cog's documents."""
    operation = document
    for key in ("paths", "/predictions", "post"):
        operation = operation.get(key) or {}
    return document.get("x-cog-streaming") is True or operation.get("x-cog-streaming") is True


def load(data: bytes) -> Dict[str, Any]:
    """Return the OpenAPI document in `data`.

    Raises:
        ValueError: it is not one.
    """
    document = json.loads(data)
    if not isinstance(document, dict) or "openapi" not in document:
        raise ValueError("it is not an OpenAPI document")
    return document
