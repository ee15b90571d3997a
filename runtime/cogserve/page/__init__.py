"""The page at `/`, to try a model in a browser: one self-contained file, made of the files of this folder.

The page is the same for every model: its script makes the form from `/openapi.json`. Scripts and styles run
only if their hash is in the policy, and text from a schema or a model is only ever set as text.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Tuple

FOLDER = os.path.dirname(os.path.abspath(__file__))
# In this order: what a file uses stands before it.
SCRIPTS = (
    "dom",
    "fields",
    "output",
    "files",
    "controls",
    "form",
    "client",
    "snippets",
    "history",
    "about",
    "links",
    "main",
)


def page() -> Tuple[str, str]:
    """Return the page's HTML and its Content-Security-Policy."""
    script = '"use strict";(() => {\n' + "\n".join(_read("scripts", f"{name}.js") for name in SCRIPTS) + "})();\n"
    style = _read("style.css")
    html = _read("index.html")
    html = html.replace("<style></style>", f"<style>{style}</style>", 1)
    html = html.replace("<script></script>", f"<script>{script}</script>", 1)
    return html, policy(script, style)


def policy(script: str, style: str) -> str:
    """Return the policy: our own script and style, this server alone to talk to, and media to look at."""
    media = "'self' data: blob: https:"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "connect-src 'self'",
            f"img-src {media}",
            f"media-src {media}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _read(*names: str) -> str:
    with open(os.path.join(FOLDER, *names), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
