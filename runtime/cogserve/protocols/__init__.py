"""Other protocols in front of Cog's: the Open Inference Protocol (`/v2`) and OpenAI's routes (`/v1`).

They are translations. Each asks the application as a client would, with a prediction, so that the queue, limits,
cancellation and shutdown are the same. Which ones there are is declared by `server.protocols`; by default none.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterable, List, Optional

from cogserve.http.web import Bodies, Disconnected, Receive, Scope, Send, headers_of
from cogserve.protocol import Problem, encode
from cogserve.protocols.inside import Inside
from cogserve.protocols.model import Model
from cogserve.protocols.open_inference import OpenInference
from cogserve.protocols.openai import OpenAI

OPEN_INFERENCE, OPENAI = "open-inference", "openai"
NAMES = (OPEN_INFERENCE, OPENAI)


class Protocols:
    """An ASGI application in front of another one.

    Args:
        app: Cog's protocol.
        names: the protocols that it speaks besides.
        openapi: the predictor's OpenAPI document; None if there is none.
        model_name: what the protocols call the model.
        bodies: reads requests within the server's limits.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Any],
        names: Iterable[str],
        openapi: Optional[bytes],
        model_name: str,
        bodies: Bodies,
    ) -> None:
        self._app = app
        self._bodies = bodies
        document: Dict[str, Any] = json.loads(openapi) if openapi is not None else {}
        model = Model(model_name, document)
        made: List[Any] = [OpenInference(model)] if OPEN_INFERENCE in names else []
        made += [OpenAI(model)] if OPENAI in names else []
        self._protocols = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        for protocol in self._protocols:
            if scope["type"] == "http" and (path == protocol.prefix or path.startswith(protocol.prefix + "/")):
                await self._answer(protocol, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(self, protocol: Any, scope: Scope, receive: Receive, send: Send) -> None:
        inside = Inside(self._app, scope, receive)
        try:
            headers = dict(scope["headers"])
            complete = scope.get("extensions", {}).get("cog.complete", False)
            body = await self._bodies.read(receive, headers.get(b"content-length"), complete=complete)
            await protocol.answer(inside, body, send)
        except Problem as problem:
            error = protocol.error(problem.status, _text(problem.body))
            headers = {b"retry-after": str(problem.retry_after).encode()} if problem.retry_after else {}
            if problem.close:
                headers[b"connection"] = b"close"
            data = encode(error)
            start = {"type": "http.response.start", "status": problem.status}
            await send({**start, "headers": [*headers_of(len(data)), *headers.items()]})
            await send({"type": "http.response.body", "body": data})
        except Disconnected:
            pass


def _text(body: Any) -> str:
    return str(body.get("error", body)) if isinstance(body, dict) else str(body)


__all__ = ["NAMES", "Protocols"]
