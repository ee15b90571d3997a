"""Signatures → the OpenAPI 3.0.2 document, in Cog's shape.

It has Cog's extensions: `x-order` (an input's place in the signature), `x-cog-array-type` and
`x-cog-array-display` (an output that comes in pieces), `x-cog-secret`, `x-cog-accept`, `x-cog-streaming` (on `POST
/predictions`, where Cog's clients look for it, and at the top of the document beside `x-cog-concurrency`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, Optional

from cog.schema import kinds
from cog.schema.paths import Json, paths

if TYPE_CHECKING:
    from cog.schema.inputs import Parameter
    from cog.schema.kinds import Kind
    from cog.schema.signature import Signature

_LIMITS = {"ge": "minimum", "le": "maximum", "regex": "pattern", "description": "description"}
_LENGTHS = {"min_length": ("minLength", "minItems"), "max_length": ("maxLength", "maxItems")}
_SIMPLE: Dict[type, Json] = {
    kinds.File: {"type": "string", "format": "uri"},
    kinds.SecretText: {"type": "string", "format": "password", "writeOnly": True, "x-cog-secret": True},
    kinds.Moment: {"type": "string", "format": "date-time"},
    kinds.Nothing: {"nullable": True},
    kinds.Anything: {},
}


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _schema(kind: Kind) -> Json:
    """The schema of an output, or of a value inside an input."""
    if isinstance(kind, kinds.Scalar):
        return {"type": kind.type}
    if isinstance(kind, kinds.Choice):
        return {"type": kind.type, "enum": list(kind.values)}
    if isinstance(kind, kinds.ListOf):
        return {"type": "array", "items": _schema(kind.item)}
    if isinstance(kind, kinds.Stream):
        display = {"x-cog-array-display": "concatenate"} if kind.concatenate else {}
        return {"type": "array", "items": _schema(kind.item), "x-cog-array-type": "iterator", **display}
    if isinstance(kind, kinds.Mapping):
        values = _schema(kind.values)
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    if isinstance(kind, kinds.Nullable):
        return {**_schema(kind.kind), "nullable": True}
    if isinstance(kind, kinds.OneOf):
        return {"anyOf": [_schema(option) for option in kind.options]}
    if isinstance(kind, kinds.Record):
        return _record(kind)
    return dict(_SIMPLE[type(kind)])


def _record(kind: kinds.Record) -> Json:
    properties = {
        field.name: {**_schema(field.kind), "title": _title(field.name), "x-order": order}
        for order, field in enumerate(kind.fields)
    }
    required = [field.name for field in kind.fields if field.required]
    return {
        "title": kind.name,
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _input_schema(kind: Kind) -> Json:
    """The schema of an input. As in Cog, the contents of a dict are not checked."""
    if isinstance(kind, (kinds.Anything, kinds.Mapping)) or (isinstance(kind, kinds.Record) and kind.typed_dict):
        return {"type": "object"}
    if isinstance(kind, kinds.ListOf):
        items = {} if isinstance(kind.item, kinds.Anything) else _input_schema(kind.item)
        return {"type": "array", "items": items}
    if isinstance(kind, kinds.Nullable):
        return {**_input_schema(kind.kind), "nullable": True}
    return _schema(kind)


class _Components:
    """The components' schemas, and the names that are taken."""

    def __init__(self) -> None:
        self.schemas: Dict[str, Json] = _fixed()

    def enumeration(self, name: str, prefix: str, kind: kinds.Choice) -> Json:
        """Add the choices of an input under its name, and return the reference to them."""
        schema = {"title": name, "description": "An enumeration.", "type": kind.type, "enum": list(kind.values)}
        while self.schemas.get(name, schema) != schema:
            name = f"{prefix}_{name}"
        self.schemas[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def add(self, prefix: str, signature: Signature) -> None:
        """Add the inputs and the output of one signature: `Input` and `Output`, or `TrainingInput` …"""
        properties = {
            parameter.name: {**self._property(prefix, parameter), "x-order": order}
            for order, parameter in enumerate(signature.parameters)
        }
        required = [parameter.name for parameter in signature.parameters if parameter.required]
        self.schemas[f"{prefix}Input"] = {
            "title": f"{prefix}Input",
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
        }
        self.schemas[f"{prefix}Output"] = {**_schema(signature.output), "title": f"{prefix}Output"}
        noun = prefix or "Prediction"
        self.schemas[f"{noun}Request"] = _request(noun, f"{prefix}Input")
        self.schemas[f"{noun}Response"] = _response(noun, f"{prefix}Input", f"{prefix}Output")

    def _property(self, prefix: str, parameter: Parameter) -> Json:
        given, kind = parameter.given, parameter.inner
        choices = self._choices(parameter)
        if choices is None:
            schema = {**_input_schema(parameter.kind), "title": _title(parameter.name)}
        else:
            reference = self.enumeration(parameter.name, prefix or "Input", choices)
            if isinstance(kind, kinds.ListOf):
                schema = {"title": _title(parameter.name), "type": "array", "items": reference}
            else:
                schema = {"allOf": [reference]}
            if isinstance(parameter.kind, kinds.Nullable):
                schema["nullable"] = True
        schema.update((word, given[name]) for name, word in _LIMITS.items() if name in given)
        is_list = isinstance(kind, kinds.ListOf)
        schema.update((words[is_list], given[name]) for name, words in _LENGTHS.items() if name in given)
        if given.get("deprecated"):
            schema["deprecated"] = True
        if "accept" in given:
            schema["x-cog-accept"] = given["accept"]
        if given.get("default") is not None:
            schema["default"] = given["default"]
        elif "default" in given:
            schema.update(default=None, nullable=True)
        return schema

    def _choices(self, parameter: Parameter) -> Optional[kinds.Choice]:
        """The choices of the value, or of each item of a list."""
        kind = parameter.single
        if isinstance(kind, kinds.Choice):
            return kind
        if isinstance(kind, kinds.Scalar) and "choices" in parameter.given:
            return kinds.Choice(kind.type, tuple(parameter.given["choices"]))
        return None


def _string(title: str, **more: Any) -> Json:
    return {"title": title, "type": "string", **more}


def _request(noun: str, inputs: str) -> Json:
    events = {"type": "string", "enum": ["start", "output", "logs", "completed"]}
    properties: Json = {
        "id": _string("Id"),
        "input": {"$ref": f"#/components/schemas/{inputs}"},
        "context": {"title": "Context", "type": "object", "additionalProperties": {"type": "string"}},
        "webhook": _string("Webhook", format="uri", minLength=1, maxLength=65536),
        "webhook_events_filter": {
            "title": "Webhook Events Filter",
            "type": "array",
            "items": events,
            "default": ["start", "output", "logs", "completed"],
        },
    }
    return {"title": f"{noun}Request", "type": "object", "properties": properties}


def _response(noun: str, inputs: str, output: str) -> Json:
    moments = {
        name: _string(_title(name), format="date-time") for name in ("created_at", "started_at", "completed_at")
    }
    properties: Json = {
        "id": _string("Id"),
        "status": {"$ref": "#/components/schemas/Status"},
        "input": {"$ref": f"#/components/schemas/{inputs}"},
        "output": {"$ref": f"#/components/schemas/{output}"},
        "error": _string("Error"),
        "logs": _string("Logs", default=""),
        "metrics": {"title": "Metrics", "type": "object"},
        **moments,
    }
    return {"title": f"{noun}Response", "type": "object", "properties": properties}


def _fixed() -> Dict[str, Json]:
    """The components that every model has."""
    location = {
        "title": "Location",
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    }
    wrong = {"loc": location, "msg": _string("Message"), "type": _string("Error Type")}
    statuses = ["starting", "processing", "succeeded", "canceled", "failed"]
    details = {"title": "Detail", "type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}}
    return {
        "Status": {"title": "Status", "description": "An enumeration.", "type": "string", "enum": statuses},
        "Error": {
            "title": "Error",
            "type": "object",
            "properties": {"error": _string("Error"), "status": _string("Status")},
        },
        "ValidationError": {
            "title": "ValidationError",
            "type": "object",
            "required": ["loc", "msg", "type"],
            "properties": wrong,
        },
        "HTTPValidationError": {
            "title": "HTTPValidationError",
            "type": "object",
            "properties": {"detail": details},
        },
    }


def document(predict: Optional[Signature], train: Optional[Signature]) -> Json:
    """Return the OpenAPI document of a model that predicts, trains, or both."""
    components = _Components()
    marks: Json = {}
    streaming = predict is not None and predict.streaming
    if predict is not None:
        components.add("", predict)
        marks = {"x-cog-streaming": True} if streaming else {}
        if predict.concurrent is not None:
            marks["x-cog-concurrency"] = predict.concurrent
    if train is not None:
        components.add("Training", train)
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": paths(predict is not None, train is not None, streaming=streaming),
        "components": {"schemas": components.schemas},
        **marks,
    }


def text(described: Json) -> str:
    """Return the document as canonical JSON: sorted, indented, with a final newline."""
    return json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
