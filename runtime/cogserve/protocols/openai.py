"""OpenAI's routes, for predictors that fit: chat completions, completions, embeddings, models.

A predictor fits the first two if it has an input `messages` or `prompt` and returns text. It fits embeddings if it
has an input for texts and returns numbers. Parameters go to inputs of the same name; others are ignored.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import time
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from cogserve.http.web import Send, answer
from cogserve.protocol import Problem, encode

if TYPE_CHECKING:
    from cogserve.protocols.inside import Inside
    from cogserve.protocols.model import Model

# A parameter of OpenAI's → the inputs that may mean it.
PARAMETERS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "seed": ("seed",),
    "stop": ("stop", "stop_sequences"),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "max_tokens": ("max_tokens", "max_new_tokens", "max_completion_tokens"),
    "max_completion_tokens": ("max_completion_tokens", "max_tokens", "max_new_tokens"),
}
TEXTS = ("texts", "inputs", "sentences", "input", "text", "sentence")
MOST_TEXTS = 256
EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
KINDS = {400: "invalid_request_error", 404: "invalid_request_error", 405: "invalid_request_error"}


class OpenAI:
    """Answers `/v1` and everything below it."""

    prefix = "/v1"

    def __init__(self, model: Model) -> None:
        self._model = model

    @staticmethod
    def error(status: int, message: str) -> Dict[str, Any]:
        """Return an error as this protocol writes it."""
        return {
            "error": {"message": message, "type": KINDS.get(status, "server_error"), "param": None, "code": None}
        }

    async def answer(self, inside: Inside, body: bytes, send: Send) -> None:
        """Answer one request.

        Raises:
            Problem: it is refused, or the prediction failed.
        """
        path, method = inside.scope["path"].rstrip("/"), inside.scope["method"]
        posts = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/v1/embeddings": self._embed,
        }
        if path in posts:
            if method != "POST":
                raise Problem(405, {"error": "Use POST here"})
            await posts[path](inside, self._request(body), send)
        elif path in ("/v1/models", f"/v1/models/{self._model.name}"):
            model = {"id": self._model.name, "object": "model", "created": 0, "owned_by": "cogfreeze"}
            whole = {"object": "list", "data": [model]} if path == "/v1/models" else model
            await answer(send, 200, encode(whole))
        else:
            raise Problem(404, {"error": f"There is no {method} {path}"})

    def _request(self, body: bytes) -> Dict[str, Any]:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Problem(400, {"error": f"The body is not JSON: {error}"}) from None
        if not isinstance(request, dict):
            raise Problem(400, {"error": "The body is not an object"})
        if request.get("model") != self._model.name:
            raise Problem(
                404, {"error": f"The model `{request.get('model')}` does not exist; use `{self._model.name}`"}
            )
        if request.get("n") not in (None, 1):
            raise Problem(400, {"error": "`n` can only be 1"})
        return request

    async def _chat(self, inside: Inside, request: Dict[str, Any], send: Send) -> None:
        values = {**self._from_messages(request.get("messages")), **self._parameters(request)}
        await self._text(inside, request, values, send, chat=True)

    async def _complete(self, inside: Inside, request: Dict[str, Any], send: Send) -> None:
        prompt = request.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise Problem(400, {"error": "`prompt` is not one text"})
        if "prompt" not in self._model.inputs:
            raise Problem(404, {"error": "This model has no input `prompt`"})
        await self._text(inside, request, {"prompt": prompt, **self._parameters(request)}, send, chat=False)

    def _parameters(self, request: Dict[str, Any]) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        for name, inputs in PARAMETERS.items():
            field = self._model.first(*inputs)
            if request.get(name) is not None and field is not None:
                value = request[name]
                found[field.name] = [value] if field.listed and not isinstance(value, list) else value
        return found

    def _from_messages(self, messages: Any) -> Dict[str, Any]:
        """Return the inputs that hold a conversation."""
        if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
            raise Problem(400, {"error": "`messages` is not a list of messages"})
        field = self._model.first("messages")
        if field is not None:
            return {"messages": messages if field.listed else json.dumps(messages, ensure_ascii=False)}
        if "prompt" not in self._model.inputs:
            raise Problem(404, {"error": "This model has neither an input `messages` nor `prompt`"})
        values: Dict[str, Any] = {}
        turns: List[Tuple[str, str]] = []
        system = self._model.first("system_prompt", "system")
        for message in messages:
            role, text = str(message.get("role", "user")), self._content(message.get("content"), values)
            if role in ("system", "developer") and system is not None:
                values[system.name] = "\n".join(filter(None, (values.get(system.name), text)))
            else:
                turns.append((role, text))
        only = len(turns) == 1 and turns[0][0] == "user"
        prompt = turns[0][1] if only else "\n".join(f"{role}: {text}" for role, text in turns) + "\nassistant:"
        return {**values, "prompt": prompt}

    def _content(self, content: Any, values: Dict[str, Any]) -> str:
        """Return the text of a message; a picture goes to the input `image`."""
        if isinstance(content, str) or content is None:
            return content or ""
        texts: List[str] = []
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "text":
                texts.append(str(part.get("text", "")))
            elif isinstance(part, dict) and part.get("type") == "image_url" and "image" in self._model.inputs:
                given = part.get("image_url")
                values["image"] = given.get("url") if isinstance(given, dict) else given
            else:
                raise Problem(400, {"error": "This model does not take such a part of a message"})
        return "\n".join(texts)

    async def _text(
        self, inside: Inside, request: Dict[str, Any], values: Dict[str, Any], send: Send, *, chat: bool
    ) -> None:
        identity = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{os.urandom(12).hex()}",
            "created": int(time.time()),
            "model": self._model.name,
        }
        if request.get("stream") is True:
            await self._streamed(inside, values, send, _Chunks(identity, chat=chat))
            return
        prediction = await inside.predict(values)
        text = _joined(prediction.get("output"))
        part = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        kind = "chat.completion" if chat else "text_completion"
        choice = {"index": 0, "finish_reason": "stop", "logprobs": None, **part}
        await answer(send, 200, encode({**identity, "object": kind, "choices": [choice]}))

    async def _streamed(self, inside: Inside, values: Dict[str, Any], send: Send, chunks: "_Chunks") -> None:
        begun = False

        async def write(data: bytes) -> None:
            nonlocal begun
            if not begun:
                begun = True
                await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
            await send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})

        async def each(event: str, data: Any) -> None:
            if event == "output":
                await write(chunks.text(_joined(data["chunk"])))
            elif event == "completed" and data.get("status") != "succeeded":
                await write(encode(self.error(500, str(data.get("error") or "The prediction was canceled"))))
            elif event == "completed":
                await write(chunks.end())

        if self._model.streams:
            await inside.stream(values, each)
        else:
            prediction = await inside.predict(values)
            await write(chunks.text(_joined(prediction.get("output"))))
            await write(chunks.end())
        await write(b"[DONE]")
        await send({"type": "http.response.body", "body": b""})

    async def _embed(self, inside: Inside, request: Dict[str, Any], send: Send) -> None:
        texts = request.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
            raise Problem(400, {"error": "`input` is not a text or a list of texts"})
        if len(texts) > MOST_TEXTS:
            raise Problem(400, {"error": f"`input` has {len(texts)} texts; {MOST_TEXTS} are allowed"})
        field = self._model.first(*TEXTS)
        if field is None:
            raise Problem(404, {"error": f"This model has none of the inputs {', '.join(TEXTS)}"})
        if field.listed:
            vectors = (await inside.predict({field.name: texts})).get("output")
        else:
            vectors = [(await inside.predict({field.name: each})).get("output") for each in texts]
        if not isinstance(vectors, list) or len(vectors) != len(texts) or not all(map(_is_vector, vectors)):
            raise Problem(500, {"error": "The model does not give one list of numbers for each text"})
        coded = request.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if coded else vector}
            for index, vector in enumerate(vectors)
        ]
        # Required by the clients; this server counts no tokens.
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        await answer(
            send, 200, encode({"object": "list", "data": data, "model": self._model.name, "usage": usage})
        )


class _Chunks:
    """The parts of one streamed answer."""

    def __init__(self, identity: Dict[str, Any], *, chat: bool) -> None:
        self._chat = chat
        self._whole = {**identity, "object": "chat.completion.chunk" if chat else "text_completion"}
        self._first = True

    def text(self, text: str) -> bytes:
        delta = {"role": "assistant", "content": text} if self._first else {"content": text}
        self._first = False
        return self._chunk({"delta": delta} if self._chat else {"text": text}, None)

    def end(self) -> bytes:
        return self._chunk({"delta": {}} if self._chat else {"text": ""}, "stop")

    def _chunk(self, part: Dict[str, Any], reason: Any) -> bytes:
        choice = {"index": 0, "finish_reason": reason, "logprobs": None, **part}
        return encode({**self._whole, "choices": [choice]})


def _joined(output: Any) -> str:
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(each, str) for each in output):
        return "".join(output)
    if output is None:
        return ""
    return encode(output).decode()


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) in (int, float) for each in value)


def _base64(vector: List[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
