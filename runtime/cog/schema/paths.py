"""The HTTP API, as the OpenAPI document tells it: the same for every model."""

from __future__ import annotations

from typing import Any, Dict

Json = Dict[str, Any]


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _simple(summary: str, operation: str, answers: Json) -> Json:
    return {"get": {"summary": summary, "operationId": operation, "responses": answers}}


def _errors(*codes: str) -> Json:
    reasons = {
        "400": "The body is not JSON",
        "406": "Server-sent events are not offered by this model",
        "409": "At capacity, or the id is in use",
        "413": "The body is too large",
        "415": "The body is not declared as JSON",
        "503": "Not ready, or the queue is full",
    }
    answers = {code: _answer(reasons[code], _reference("Error")) for code in codes}
    return {**answers, "422": _answer("Validation Error", _reference("HTTPValidationError"))}


def _id(noun: str) -> Json:
    schema = {"title": f"{noun.title()} ID", "type": "string"}
    return {"name": f"{noun}_id", "in": "path", "required": True, "schema": schema}


_PREFER = {
    "name": "prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` answers at once, before the work is done",
    "schema": {"title": "Prefer", "type": "string"},
}


def _running(kind: str, plural: str, noun: str) -> Json:
    """The endpoints of predictions, or of trainings."""
    request = {"content": {"application/json": {"schema": _reference(f"{kind}Request")}}}
    response = _reference(f"{kind}Response")
    answers = {
        "200": _answer("Done: succeeded, failed or canceled", response),
        "202": _answer("Accepted", response),
        **_errors("400", "406", "409", "413", "415", "503"),
    }
    missing = _answer("There is none of this id", {"type": "object"})
    ran = {"requestBody": request, "responses": answers}
    return {
        f"/{plural}": {
            "post": {
                "summary": noun.title(),
                "operationId": f"{noun}_{plural}_post",
                "parameters": [_PREFER],
                **ran,
            }
        },
        f"/{plural}/{{{noun}_id}}": {
            "get": {
                "summary": f"State of one {noun}",
                "operationId": f"{noun}_{plural}_get",
                "parameters": [_id(noun)],
                "responses": {"200": _answer("Its state", response), "404": missing},
            },
            "put": {
                "summary": f"{noun.title()}, once",
                "operationId": f"{noun}_{plural}_put",
                "parameters": [_id(noun), _PREFER],
                **ran,
            },
        },
        f"/{plural}/{{{noun}_id}}/cancel": {
            "post": {
                "summary": f"Cancel one {noun}",
                "operationId": f"cancel_{plural}_post",
                "parameters": [_id(noun)],
                "responses": {"200": _answer("It is being canceled", {"type": "object"}), "404": missing},
            }
        },
    }


def paths(prediction: bool, training: bool, *, streaming: bool = False) -> Json:
    """Return the `paths` of the document of a model that predicts, trains, or both."""
    anything = {"type": "object"}
    text = {"description": "As text", "content": {"text/plain": {"schema": {"type": "string"}}}}
    shutdown = {
        "summary": "Shut down",
        "operationId": "shutdown",
        "responses": {"200": _answer("Going", anything)},
    }
    predictions = _running("Prediction", "predictions", "prediction") if prediction else {}
    if streaming:
        predictions["/predictions"]["post"]["x-cog-streaming"] = True
    return {
        "/": _simple("Root", "root", {"200": _answer("Where to find what", anything)}),
        "/health-check": _simple("Health", "healthcheck", {"200": _answer("The server's state", anything)}),
        "/livez": _simple("Is it alive?", "livez", {"200": text, "503": text}),
        "/readyz": _simple("Is it ready?", "readyz", {"200": text, "503": text}),
        "/metrics": _simple("Metrics", "metrics", {"200": text}),
        "/shutdown": {"post": shutdown},
        **predictions,
        **(_running("Training", "trainings", "training") if training else {}),
    }
