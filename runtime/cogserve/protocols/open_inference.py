"""The Open Inference Protocol, version 2, over HTTP: https://github.com/kserve/open-inference-protocol

Each input of the predictor is a tensor of one item; a list is a tensor of all its items. Text, files (a data URI
or an address), secrets and objects (as JSON) are `BYTES`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from cogserve import __version__
from cogserve.http.web import Send, answer
from cogserve.protocol import Problem, encode

if TYPE_CHECKING:
    from cogserve.protocols.inside import Inside
    from cogserve.protocols.model import Field, Model

VERSION = "1"
DATATYPES = {"integer": "INT64", "number": "FP64", "boolean": "BOOL"}
WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
REAL = ("FP16", "FP32", "FP64", "BF16")
JSON = {"content_type": "application/json"}


class OpenInference:
    """Answers `/v2` and everything below it."""

    prefix = "/v2"

    def __init__(self, model: Model) -> None:
        self._model = model

    @staticmethod
    def error(_status: int, message: str) -> Dict[str, Any]:
        """Return an error as this protocol writes it."""
        return {"error": message}

    async def answer(self, inside: Inside, body: bytes, send: Send) -> None:
        """Answer one request.

        Raises:
            Problem: it is refused, or the prediction failed.
        """
        path, method = inside.scope["path"].rstrip("/"), inside.scope["method"]
        if path.endswith("/infer"):
            self._require_model(path[: -len("/infer")])
            _require_method(method, "POST")
            _require_json_only(inside.scope["headers"])
            await answer(send, 200, encode(await self._infer(inside, body)))
            return
        _require_method(method, "GET")
        status, found = await self._look_up(inside, path)
        await answer(send, status, encode(found))

    async def _look_up(self, inside: Inside, path: str) -> Tuple[int, Dict[str, Any]]:
        name = self._model.name
        if path == "/v2":
            return 200, {"name": "cogfreeze", "version": __version__, "extensions": []}
        if path == "/v2/health/live":
            live = await inside.get("/livez") == 200
            return (200 if live else 503), {"live": live}
        if path == "/v2/health/ready":
            ready = await inside.get("/readyz") == 200
            # The specification writes `live` here, and the clients read `ready`.
            return (200 if ready else 503), {"live": ready, "ready": ready}
        if path == "/v2/models":
            return 200, {"models": [name]}
        if path.endswith("/ready"):
            self._require_model(path[: -len("/ready")])
            ready = await inside.get("/readyz") == 200
            return (200 if ready else 503), {"name": name, "ready": ready}
        self._require_model(path)
        return 200, {
            "name": name,
            "versions": [VERSION],
            "platform": "cogfreeze",
            "inputs": [_metadata(each) for each in self._model.inputs.values()],
            "outputs": [_metadata(each) for each in self._model.outputs],
        }

    def _require_model(self, path: str) -> None:
        known = f"/v2/models/{self._model.name}"
        if path not in (known, f"{known}/versions/{VERSION}"):
            raise Problem(404, {"error": f"There is only the model `{self._model.name}`, version {VERSION}"})

    async def _infer(self, inside: Inside, body: bytes) -> Dict[str, Any]:
        request = _decoded(body)
        tensors = request.get("inputs")
        if not isinstance(tensors, list):
            raise Problem(400, {"error": "`inputs` is not a list of tensors"})
        values: Dict[str, Any] = {}
        for tensor in tensors:
            name, value = self._value(tensor)
            if name in values:
                raise Problem(400, {"error": f"input `{name}` is given twice"})
            values[name] = value
        wanted = _wanted(request, [each.name for each in self._model.outputs])
        prediction = await inside.predict(values)
        outputs = [
            each for each in self._tensors(prediction.get("output")) if wanted is None or each["name"] in wanted
        ]
        answered = {"model_name": self._model.name, "model_version": VERSION, "outputs": outputs}
        return {**answered, "id": str(request.get("id") or prediction["id"])}

    def _value(self, tensor: Any) -> Tuple[str, Any]:
        """Return an input's name and value, as the predictor takes it."""
        name = tensor.get("name") if isinstance(tensor, dict) else None
        field = self._model.inputs.get(name) if isinstance(name, str) else None
        if field is None:
            known = ", ".join(self._model.inputs) or "none"
            raise Problem(400, {"error": f"there is no input `{name}`; there are: {known}"})
        items = _flat(tensor.get("data"))
        shape = tensor.get("shape")
        whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
        if not whole or math.prod(shape) != len(items):
            raise Problem(400, {"error": f"input `{field.name}`: shape {shape} does not fit {len(items)} items"})
        converted = [_item(field, tensor.get("datatype"), item) for item in items]
        if field.listed:
            return field.name, converted
        if len(converted) != 1:
            raise Problem(400, {"error": f"input `{field.name}` takes one item, not {len(converted)}"})
        return field.name, converted[0]

    def _tensors(self, output: Any) -> List[Dict[str, Any]]:
        if self._model.concatenates and isinstance(output, list):
            output = "".join(map(str, output))
        fields = self._model.outputs
        if isinstance(output, dict) and [each.name for each in fields] != ["output"]:
            return [_tensor(name, value) for name, value in output.items()]
        return [_tensor("output", output)]


def _metadata(field: Field) -> Dict[str, Any]:
    return {
        "name": field.name,
        "datatype": DATATYPES.get(field.type, "BYTES"),
        "shape": [-1] if field.listed else [1],
    }


def _decoded(body: bytes) -> Dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, {"error": f"The body is not JSON: {error}"}) from None
    if not isinstance(request, dict):
        raise Problem(400, {"error": "The body is not an object"})
    return request


def _wanted(request: Dict[str, Any], known: List[str]) -> Optional[List[str]]:
    outputs = request.get("outputs")
    if not outputs:
        return None
    if not isinstance(outputs, list):
        raise Problem(400, {"error": "`outputs` is not a list"})
    names = [each.get("name") if isinstance(each, dict) else None for each in outputs]
    for name in names:
        if name not in known:
            raise Problem(400, {"error": f"there is no output `{name}`; there are: {', '.join(known)}"})
    return [str(name) for name in names]


def _flat(data: Any) -> List[Any]:
    """Return the items of nested lists, in row-major order."""
    items: List[Any] = []
    stack = [data] if isinstance(data, list) else []
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        else:
            items.append(item)
    return items


def _item(field: Field, datatype: Any, item: Any) -> Any:
    """Return an item as JSON for the predictor, which checks it against its own schema."""
    fits = (
        (datatype == "BYTES" and isinstance(item, str))
        or (datatype == "BOOL" and isinstance(item, (bool, int)) and item in (0, 1))
        or (datatype in WHOLE and type(item) is int)
        or (datatype in REAL and type(item) in (int, float))
    )
    if not fits:
        raise Problem(400, {"error": f"input `{field.name}`: an item is not of the datatype {datatype}"})
    if datatype == "BOOL":
        return bool(item)
    if datatype in REAL and field.type == "integer" and float(item).is_integer():
        return int(item)
    if datatype == "BYTES" and field.type not in ("string", *DATATYPES):
        try:
            return json.loads(item)
        except (ValueError, RecursionError):
            raise Problem(400, {"error": f"input `{field.name}`: an item is not JSON"}) from None
    return item


def _tensor(name: str, value: Any) -> Dict[str, Any]:
    """Return an output as a tensor; what is no list of one kind of scalars is JSON text."""
    items = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in items}
    for datatype, types in (("BOOL", {bool}), ("INT64", {int}), ("FP64", {int, float}), ("BYTES", {str})):
        if kinds and kinds <= types:
            return {"name": name, "datatype": datatype, "shape": [len(items)], "data": items}
    text = encode(value).decode()
    return {"name": name, "datatype": "BYTES", "shape": [1], "data": [text], "parameters": JSON}


def _require_method(method: str, wanted: str) -> None:
    if method != wanted:
        raise Problem(405, {"error": f"Use {wanted} here"})


def _require_json_only(headers: List[Tuple[bytes, bytes]]) -> None:
    if any(name == b"inference-header-content-length" for name, _ in headers):
        raise Problem(400, {"error": "Binary tensors are not supported: send the data as JSON"})
