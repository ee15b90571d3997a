"""Asking the application inside, on behalf of the client outside."""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable, Dict, List, Tuple

from cogserve.http.web import Disconnected, Receive, Scope, Send
from cogserve.protocol import Problem, encode

# What describes the outer body or asks for another kind of answer.
_OWN = (b"accept", b"content-length", b"content-type", b"expect", b"prefer", b"transfer-encoding")


class Inside:
    """The application, for one request of a client: when that client leaves, what it asked for is cancelled."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Any], scope: Scope, receive: Receive) -> None:
        self._app = app
        self._receive = receive
        self.scope = scope

    async def get(self, path: str) -> int:
        """Return the status of a GET."""
        status, _ = await self._collect("GET", path, b"", ())
        return status

    async def predict(self, values: Dict[str, Any]) -> Dict[str, Any]:
        """Run a prediction and return its answer, whose status is `succeeded`.

        Raises:
            Problem: it was refused, or it failed; the body is `{"error": …}`.
            Disconnected: the client left.
        """
        body = encode({"input": values})
        status, answered = await self._collect("POST", "/predictions", body, ())
        return outcome(status, answered)

    async def stream(self, values: Dict[str, Any], each: Callable[[str, Any], Awaitable[None]]) -> None:
        """Run a prediction and call `each` with the name and data of each event.

        Raises:
            Problem: it was refused before the first event.
            Disconnected: the client left.
        """
        status: List[int] = []
        rest = b""

        async def send(message: Dict[str, Any]) -> None:
            nonlocal rest
            if message["type"] == "http.response.start":
                status.append(message["status"])
                return
            rest += message.get("body", b"")
            if status[0] != 200:
                return
            *events, rest = rest.split(b"\n\n")
            for event in events:
                await _call(event, each)

        await self._run(
            "POST", "/predictions", encode({"input": values}), ((b"accept", b"text/event-stream"),), send
        )
        if not status:
            raise Disconnected
        if status[0] != 200:
            outcome(status[0], rest)

    async def _collect(
        self, method: str, path: str, body: bytes, headers: Tuple[Tuple[bytes, bytes], ...]
    ) -> Tuple[int, bytes]:
        status: List[int] = []
        pieces: List[bytes] = []

        async def send(message: Dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            else:
                pieces.append(bytes(message.get("body", b"")))

        await self._run(method, path, body, headers, send)
        if not status:
            raise Disconnected
        return status[0], b"".join(pieces)

    async def _run(
        self, method: str, path: str, body: bytes, headers: Tuple[Tuple[bytes, bytes], ...], send: Send
    ) -> None:
        given = False

        async def receive() -> Dict[str, Any]:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await self._receive()

        kept = [(name, value) for name, value in self.scope["headers"] if name not in _OWN]
        scope = {
            **self.scope,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [*kept, (b"content-type", b"application/json"), *headers],
            "extensions": {},
        }
        await self._app(scope, receive, send)


def outcome(status: int, body: bytes) -> Dict[str, Any]:
    """Return an answer to a prediction that succeeded.

    Raises:
        Problem: 400 for what the client should change, 500 for a prediction that did not succeed, and what the
            server itself answered otherwise.
    """
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    if status == 422:
        mistakes = [(".".join(map(str, each["loc"][2:])), each["msg"]) for each in found.get("detail", ())]
        text = "; ".join(f"input `{name}`: {message}" if name else message for name, message in mistakes)
        raise Problem(400, {"error": text})
    if status != 200:
        retry_after = 1 if status == 503 else None
        raise Problem(status, {"error": str(found.get("error", "The server refused"))}, retry_after=retry_after)
    if found.get("status") != "succeeded":
        raise Problem(500, {"error": str(found.get("error") or f"The prediction was {found.get('status')}")})
    return dict(found)


async def _call(event: bytes, each: Callable[[str, Any], Awaitable[None]]) -> None:
    fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line and line[:1] != b":")
    if b"data" in fields:
        await each(fields.get(b"event", b"").decode(), json.loads(fields[b"data"]))
