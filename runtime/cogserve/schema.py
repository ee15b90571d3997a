"""Is this input what the predictor takes? Decided by the OpenAPI document that was made from its source.

Only what `cog.schema` writes is understood: types, enums, bounds, lengths, patterns, lists, objects,
references. An unknown keyword is ignored, so a document of a newer kind admits too much, never too little;
the worker then decides.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import msgspec

from cogserve.protocol import Problem, detail

Place = List[Union[str, int]]
# Takes a value and its place, returns the value to use; collects nothing, raises at the first mistake.
Check = Callable[[Any, Place], Any]

FILE_URL = re.compile(r"(data:|https?://)", re.IGNORECASE)


class Mistake(Exception):
    """A value that does not fit: where below the field, and why."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Checked(msgspec.Struct):
    """An input that fits.

    Args:
        values: the fields that the predictor knows.
        unknown: names of the others, which are left out.
        changed: whether `values` differ from what was sent.
    """

    values: Dict[str, Any]
    unknown: List[str]
    changed: bool


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
        self._checks = {field: self._compile(part) for field, part in properties.items()}
        # Fields whose values are files: a URL, or a list of them.
        self.files = tuple(field for field, part in properties.items() if self._is_file(part))
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
        values: Dict[str, Any] = {}
        unknown: List[str] = []
        mistakes: List[Tuple[Place, str, str]] = []
        changed = False
        for field, value in given.items():
            check = self._checks.get(field)
            if check is None:
                unknown.append(field)
                continue
            try:
                values[field] = used = check(value, [])
                changed = changed or used is not value
            except Mistake as mistake:
                mistakes.append((["body", "input", field, *mistake.place], mistake.message, "value_error"))
        mistakes += [
            (["body", "input", field], "Field required", "value_error.missing")
            for field in self._required
            if field not in given
        ]
        if mistakes:
            raise Problem(422, detail(*mistakes))
        return Checked(values, unknown, changed or bool(unknown))

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
        checks: List[Check] = []
        if "type" in schema:
            checks.append(self._by_type(schema))
        if "enum" in schema:
            checks.append(_enum(schema["enum"]))
        checks += [self._compile(part) for part in schema.get("allOf", ())]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                checks.append(_any_of([self._compile(part) for part in schema[key]]))
        return _all_of(checks, nullable=bool(schema.get("nullable")))

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
            return _string(schema)
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        if kind == "array":
            return _array(schema, self._compile(schema.get("items", {})))
        if kind == "object":
            more = schema.get("additionalProperties")
            return _object(
                {name: self._compile(part) for name, part in schema.get("properties", {}).items()},
                tuple(schema.get("required", ())),
                self._compile(more) if isinstance(more, dict) else None,
            )
        if kind == "boolean":
            return _boolean
        return _anything


def _streams(document: Dict[str, Any]) -> bool:
    """Whether the model offers events: as `cog.schema` says at the top, or as Cog's own documents do below."""
    operation = document
    for key in ("paths", "/predictions", "post"):
        operation = operation.get(key) or {}
    return document.get("x-cog-streaming") is True or operation.get("x-cog-streaming") is True


def load(data: bytes) -> Dict[str, Any]:
    """Return the OpenAPI document in `data`.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(data)
    if not isinstance(document, dict) or "openapi" not in document:
        raise ValueError("it is no OpenAPI document")
    return document


def _anything(value: Any, _place: Place) -> Any:
    return value


def _boolean(value: Any, place: Place) -> Any:
    if value is True or value is False:
        return value
    raise Mistake("Input should be a valid boolean", place)


def _all_of(checks: List[Check], *, nullable: bool) -> Check:
    if not checks:
        return _anything
    if len(checks) == 1 and not nullable:
        return checks[0]

    def check(value: Any, place: Place) -> Any:
        if value is None and nullable:
            return value
        for part in checks:
            value = part(value, place)
        return value

    return check


def _any_of(checks: List[Check]) -> Check:
    def check(value: Any, place: Place) -> Any:
        messages = []
        for part in checks:
            try:
                return part(value, place)
            except Mistake as mistake:
                messages.append(mistake.message)
        raise Mistake(" or ".join(dict.fromkeys(messages)), place)

    return check


def _enum(choices: List[Any]) -> Check:
    shown = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
    # 1 and true are equal in Python, but not in JSON.
    exact = {(isinstance(choice, bool), choice) for choice in choices if not isinstance(choice, (list, dict))}

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, (list, dict)) or (isinstance(value, bool), value) not in exact:
            raise Mistake(f"Input should be one of {shown}", place)
        return value

    return check


def _string(schema: Dict[str, Any]) -> Check:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    pattern = re.compile(schema["pattern"]) if schema.get("pattern") else None
    is_file = schema.get("format") == "uri"

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            raise Mistake("Input should be a valid string", place)
        if is_file and not FILE_URL.match(value):
            raise Mistake("Input should be a data URI, or an http or https URL", place)
        if len(value) < least:
            raise Mistake(f"String should have at least {_count(least, 'character')}", place)
        if most is not None and len(value) > most:
            raise Mistake(f"String should have at most {_count(most, 'character')}", place)
        if pattern is not None and not pattern.search(value):
            raise Mistake(f"String should match pattern '{pattern.pattern}'", place)
        return value

    return check


def _number(schema: Dict[str, Any], *, whole: bool) -> Check:
    least, most = schema.get("minimum"), schema.get("maximum")

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Mistake(f"Input should be a valid {'integer' if whole else 'number'}", place)
        if whole and isinstance(value, float):
            if not value.is_integer():
                raise Mistake("Input should be a valid integer, got a number with a fractional part", place)
            value = int(value)
        if least is not None and value < least:
            raise Mistake(f"Input should be greater than or equal to {least}", place)
        if most is not None and value > most:
            raise Mistake(f"Input should be less than or equal to {most}", place)
        return value

    return check


def _array(schema: Dict[str, Any], item: Check) -> Check:
    least, most = schema.get("minItems", 0), schema.get("maxItems")

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            raise Mistake("Input should be a valid list", place)
        if len(value) < least:
            raise Mistake(f"List should have at least {_count(least, 'item')}", place)
        if most is not None and len(value) > most:
            raise Mistake(f"List should have at most {_count(most, 'item')}", place)
        used = [item(part, [*place, index]) for index, part in enumerate(value)]
        return value if all(one is other for one, other in zip(used, value)) else used

    return check


def _object(properties: Dict[str, Check], required: Tuple[str, ...], more: Optional[Check]) -> Check:
    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise Mistake("Input should be a valid object", place)
        for name in required:
            if name not in value:
                raise Mistake("Field required", [*place, name])
        if not properties and more is None:
            return value  # whatever is in it, and however much
        used = dict(value)
        for name, part in value.items():
            one = properties.get(name, more)
            if one is not None:
                used[name] = one(part, [*place, name])
        return value if all(used[name] is part for name, part in value.items()) else used

    return check


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
