"""What the OpenAPI document says of the model, as the protocols need it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

DEPTH = 8


class Field:
    """One input or output.

    Attributes:
        type: `string`, `integer`, `number`, `boolean`, `object` or another; of a list, its items'.
        listed: whether it is a list.
    """

    def __init__(self, name: str, schema: Dict[str, Any], required: bool) -> None:
        self.name = name
        self.required = required
        self.listed = schema.get("type") == "array"
        inner = schema.get("items", {}) if self.listed else schema
        self.type = str(inner.get("type", "any"))


class Model:
    """A model's name, inputs and output."""

    def __init__(self, name: str, document: Dict[str, Any]) -> None:
        self.name = name
        self._schemas: Dict[str, Any] = document.get("components", {}).get("schemas", {})
        declared = self._schemas.get("Input", {})
        required = declared.get("required", ())
        properties = declared.get("properties", {})
        ordered = sorted(properties, key=lambda each: properties[each].get("x-order", 0))
        self.inputs = {each: Field(each, self._resolved(properties[each]), each in required) for each in ordered}
        self.output = self._resolved(self._schemas.get("Output", {}))
        self.concatenates = self.output.get("x-cog-array-display") == "concatenate"
        post = document.get("paths", {}).get("/predictions", {}).get("post", {})
        self.streams = post.get("x-cog-streaming") is True

    @property
    def outputs(self) -> List[Field]:
        """The parts of the output: those of an object, or the whole as `output`."""
        properties = self.output.get("properties")
        if isinstance(properties, dict) and properties:
            ordered = sorted(properties, key=lambda each: properties[each].get("x-order", 0))
            return [Field(name, self._resolved(properties[name]), True) for name in ordered]
        if self.concatenates:
            return [Field("output", {"type": "string"}, True)]
        items = self.output.get("items")
        whole = {**self.output, "items": self._resolved(items)} if isinstance(items, dict) else self.output
        return [Field("output", whole, True)]

    def first(self, *names: str) -> Optional[Field]:
        """Return the first input with one of these names."""
        return next((self.inputs[name] for name in names if name in self.inputs), None)

    def _resolved(self, schema: Dict[str, Any], depth: int = 0) -> Dict[str, Any]:
        """Return a schema with what it refers to put in."""
        if depth > DEPTH:
            return {}
        whole = dict(schema)
        parts = [self._schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], {})]
        parts += list(schema.get("allOf", ()))
        parts += [each for each in schema.get("anyOf", ()) if each.get("type") != "null"][:1]
        for part in parts:
            if part:
                whole = {**self._resolved(part, depth + 1), **whole}
        items = whole.get("items")
        return {**whole, "items": self._resolved(items, depth + 1)} if isinstance(items, dict) else whole
