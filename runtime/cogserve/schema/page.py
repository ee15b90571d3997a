"""The page at `/docs`: the model's inputs and outputs, without scripts or external resources."""

from __future__ import annotations

import html
import json
from typing import Any, Dict, Iterable, Optional

POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}"
    "pre{background:#f4f4f4;padding:1rem;overflow:auto}"
)
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "pattern")


def page(openapi: Optional[bytes]) -> bytes:
    """Return the page for an OpenAPI document."""
    schemas = json.loads(openapi).get("components", {}).get("schemas", {}) if openapi is not None else {}
    inputs = schemas.get("Input", {}).get("properties", {})
    ordered = sorted(inputs.items(), key=lambda item: item[1].get("x-order", 0))
    required = schemas.get("Input", {}).get("required", [])
    rows = "".join(_row(name, _resolved(part, schemas), name in required) for name, part in ordered)
    example = json.dumps({"input": {name: part.get("default", "…") for name, part in ordered}}, ensure_ascii=False)
    body = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Predictions</title><style>{STYLE}</style>"
        "<h1>Predictions</h1><p>The whole description: <a href=/openapi.json>/openapi.json</a></p>"
        f"<h2>Input</h2><table><tr><th>name<th>type<th>default<th>limits<th>description{rows}</table>"
        f"<h2>Output</h2><pre>{_escaped(schemas.get('Output', {}))}</pre>"
        "<h2>Ask</h2><pre>curl -X POST -H 'Content-Type: application/json' "
        f"-d '{html.escape(example)}' http://HOST:PORT/predictions</pre></html>"
    )
    return body.encode()


def _resolved(part: Dict[str, Any], schemas: Dict[str, Any]) -> Dict[str, Any]:
    """Return a property with its references resolved."""
    for inner in part.get("allOf", ()):
        part = {**schemas.get(str(inner.get("$ref", "")).rpartition("/")[2], {}), **part}
    return part


def _row(name: str, part: Dict[str, Any], required: bool) -> str:
    kind = part.get("type", "")
    if part.get("items"):
        kind += f" of {part['items'].get('type', '')}"
    if part.get("format"):
        kind += f" ({part['format']})"
    limits = [f"{key} {part[key]}" for key in LIMITS if key in part]
    limits += [f"one of {json.dumps(part['enum'], ensure_ascii=False)}"] if "enum" in part else []
    default = "required" if required else json.dumps(part.get("default"), ensure_ascii=False)
    return _cells((name, kind, default, ", ".join(limits), str(part.get("description", ""))))


def _cells(texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(text)}" for text in texts)


def _escaped(value: Any) -> str:
    return html.escape(json.dumps(value, indent=2, ensure_ascii=False))
