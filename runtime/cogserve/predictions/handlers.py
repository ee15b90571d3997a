"""The handlers of `/predictions` and `/trainings`: two names of the same thing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

import trio

from cogserve.files.guard import Guard, Refused
from cogserve.http.web import (
    Bodies,
    Receive,
    Scope,
    Send,
    answer,
    answer_prediction,
    headers_of,
    rfc3339,
    wait_disconnected,
)
from cogserve.predictions.events import Streams
from cogserve.predictions.prediction import Event, Prediction, State
from cogserve.protocol import (
    EVENTS,
    ID,
    ID_RULE,
    LONG,
    PredictionRequest,
    Problem,
    decode_input,
    decode_request,
    detail,
    encode,
    failed,
)

if TYPE_CHECKING:
    from cogserve.predictions.scheduler import Scheduler
    from cogserve.schema.inputs import InputSchema
    from cogserve.settings import Settings

# Takes a prediction, the webhook's URL, and the events that it wants (None for all).
Follow = Callable[[Prediction, str, Optional[List[str]]], None]

# Of inputs that the predictor does not know, in the logs.
MAX_NAMED = 20
LONGEST_NAME = 100
NO_STREAMING = "This model does not support streaming responses. Add @cog.streaming to predict() to enable SSE."


class Handlers:
    """Answers requests for predictions.

    Args:
        follow: sends a prediction's events to a webhook.
        schema: what the inputs are; None where that is not known, and then everything is taken.
    """

    def __init__(
        self,
        settings: Settings,
        scheduler: Scheduler,
        follow: Follow,
        guard: Guard,
        schema: Optional[InputSchema],
    ) -> None:
        self._settings = settings
        self._scheduler = scheduler
        self._follow = follow
        self._guard = guard
        self._schema = schema
        self._streams = Streams()
        self._bodies = Bodies(
            settings.max_body, settings.body_timeout, settings.max_inflight, lambda: scheduler.input_bytes
        )

    async def create(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        id: Optional[str] = None,  # noqa: A002
    ) -> None:
        """POST, or PUT where an id stands in the path."""
        headers: Dict[bytes, bytes] = dict(scope["headers"])
        streaming = b"text/event-stream" in headers.get(b"accept", b"")
        complete = scope["extensions"].get("cog.complete", False)
        body = await self._bodies.read(receive, headers.get(b"content-length"), complete=complete)
        request = decode_request(body if _is_json(headers) else b"")
        if streaming:
            self._allow_streaming(scope)
        self._require_training(scope["path"])
        given_id = self._id(request, id)
        if id is not None:
            found = self._scheduler.registry.find(id)
            if found is not None and not found.turned_away:
                await self._answer_again(found, receive, send, streaming=streaming)
                return
        refusal = self._scheduler.refusal()
        if refusal is not None:
            raise refusal
        prediction = self._accept(request, given_id, headers)
        if streaming:
            if await self._streams.follow(prediction, receive, send):
                self._scheduler.cancel(prediction)
        elif headers.get(b"prefer") == b"respond-async":
            await answer(send, 202, encode({"id": prediction.id, "status": "starting"}))
        else:
            await self._answer_at_end(prediction, scope, receive, send)

    async def cancel(self, send: Send, id: str) -> None:  # noqa: A002
        prediction = self._scheduler.registry.find(id)
        if prediction is None or prediction.finished:
            await answer(send, 404, b"{}")
            return
        self._scheduler.cancel(prediction)
        await answer(send, 200, b"{}")

    async def get(self, send: Send, id: str) -> None:  # noqa: A002
        prediction = self._scheduler.registry.find(id)
        if prediction is None:
            raise Problem(404, {"error": f"There is no prediction {id}, or it ended too long ago"})
        prediction.told = prediction.told or prediction.finished
        body = prediction.snapshot()
        body["created_at"] = rfc3339(prediction.created_at)
        for name, moment in (("started_at", prediction.running_at), ("completed_at", prediction.finished_at)):
            if moment is not None:
                body[name] = rfc3339(prediction.created_at + moment - prediction.accepted_at)
        await answer_prediction(send, body)

    def _accept(self, request: PredictionRequest, id: str, headers: Dict[bytes, bytes]) -> Prediction:  # noqa: A002
        """Check everything, and hand the prediction to the scheduler."""
        if id in self._scheduler.registry.live:
            raise Problem(409, failed(f"A prediction with the id {id} is running already"))
        data = bytes(request.input)
        values = decode_input(data)
        unknown = []
        if self._schema is not None:
            checked = self._schema.check(values)
            values, unknown = checked.values, checked.unknown
            self._check_urls(values)
            if checked.changed or data == b"null":
                data = encode(values)
        elif data == b"null":
            data = b"{}"
        self._check_webhook(request)
        streaming = self._schema is not None and self._schema.streaming
        prediction = Prediction(
            id,
            data,
            context=request.context,
            trace=_trace(headers),
            # Nobody can ask for the events of a model that does not stream.
            history=self._settings.stream_history if streaming or request.webhook else 0,
        )
        for name in unknown[:MAX_NAMED]:
            shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
            prediction.add_log(f"input `{shown}` is not known to this predictor and was left out\n", "stderr")
        if len(unknown) > MAX_NAMED:
            prediction.add_log(f"and {len(unknown) - MAX_NAMED} more, which were left out too\n", "stderr")
        self._scheduler.submit(prediction, values, self._schema.files if self._schema is not None else ())
        if request.webhook:
            self._follow(prediction, request.webhook, request.webhook_events_filter)
        return prediction

    def _id(self, request: PredictionRequest, path_id: Optional[str]) -> str:
        for given, loc in ((path_id, ["path", "prediction_id"]), (request.id, ["body", "id"])):
            if given is not None and not ID.fullmatch(given):
                raise Problem(422, detail((list(loc), f"A prediction's ID has {ID_RULE}", "value_error")))
        if path_id is None:
            return request.id if request.id is not None else f"pred_{os.urandom(16).hex()}"
        if request.id is not None and request.id != path_id:
            message = "prediction ID must match the ID supplied in the URL"
            raise Problem(422, detail((["body", "id"], message, "value_error")))
        return path_id

    def _require_training(self, path: str) -> None:
        if path.startswith("/trainings") and self._settings.mode != "train":
            raise Problem(404, {"error": "This server runs predictions, not trainings: POST /predictions"})

    def _allow_streaming(self, scope: Scope) -> None:
        if self._schema is None or not self._schema.streaming or scope["path"].startswith("/trainings"):
            raise Problem(406, {"error": NO_STREAMING})

    def _check_urls(self, values: Dict[str, Any]) -> None:
        """Refuse a URL that can be seen to lead where this server does not go; the rest is seen when fetched."""
        for field in self._schema.files if self._schema is not None else ():
            value = values.get(field)
            for url in value if isinstance(value, list) else (value,):
                if isinstance(url, str) and url[:5].lower() != "data:":
                    try:
                        self._guard.precheck(url)
                    except Refused as error:
                        raise Problem(422, detail((["body", "input", field], str(error), "value_error"))) from None

    def _check_webhook(self, request: PredictionRequest) -> None:
        for event in request.webhook_events_filter or ():
            if event not in EVENTS:
                message = f"Input should be one of {', '.join(EVENTS)}"
                raise Problem(422, detail((["body", "webhook_events_filter"], message, "value_error")))
        if request.webhook:
            try:
                self._guard.precheck(request.webhook)
            except Refused as error:
                raise Problem(422, detail((["body", "webhook"], str(error), "value_error"))) from None

    async def _answer_at_end(self, prediction: Prediction, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer when a prediction has ended; where the client leaves before, cancel it."""
        extensions = scope["extensions"]
        answer_now = extensions.get("cog.answer_now")
        answered = False

        def ended() -> None:
            # What most wait for does not wait for this task's turn: with one client, that is a fifth of its time.
            nonlocal answered
            if prediction.state is State.SUCCEEDED and prediction.output_size < LONG and answer_now is not None:
                answered = prediction.told = True
                body = encode(prediction.snapshot())
                answer_now(200, headers_of(len(body)), body)

        await _wait(prediction, extensions.get("cog.on_gone"), receive, ended)
        if not answered:
            await self._answer_finished(prediction, send)

    async def _answer_finished(self, prediction: Prediction, send: Send) -> None:
        """Answer with the end; if it has not come, the client has gone, and the prediction is cancelled."""
        if not prediction.finished:
            self._scheduler.cancel(prediction)
            return
        prediction.told = True
        if prediction.invalid is not None:
            field, message = prediction.invalid
            raise Problem(422, detail((["body", "input", field], message, "value_error")))
        if prediction.state is State.FAILED and prediction.expired:
            retry_after = self._scheduler.admission.retry_after()
            raise Problem(503, failed(prediction.error or ""), retry_after=retry_after)
        await answer_prediction(send, prediction.snapshot())

    async def _answer_again(
        self, prediction: Prediction, receive: Receive, send: Send, *, streaming: bool
    ) -> None:
        """Answer a PUT whose prediction there is already: it is not run a second time."""
        if streaming:
            await self._streams.follow(prediction, receive, send)
        elif prediction.finished:
            prediction.told = True
            await answer_prediction(send, prediction.snapshot())
        else:
            await answer(send, 202, encode({**prediction.snapshot(), "input": prediction.given}))


async def _wait(
    prediction: Prediction,
    on_gone: Optional[Callable[[Callable[[], None]], None]],
    receive: Receive,
    ended: Callable[[], None],
) -> None:
    """Return when a prediction has ended, or its client has gone; call `ended` in the moment of its end."""
    if prediction.finished:
        return
    if on_gone is None:
        with trio.CancelScope() as waiting:
            prediction.listen(lambda event: waiting.cancel() if event[0] == "completed" else None)
            await wait_disconnected(receive)
        return
    either = trio.Event()

    def hear(event: Event) -> None:
        if event[0] == "completed":
            either.set()
            ended()

    on_gone(either.set)
    forget = prediction.listen(hear)
    try:
        await either.wait()
    finally:
        forget()


def _is_json(headers: Dict[bytes, bytes]) -> bool:
    """Whether the body is to be read. One without a type counts as absent, as Cog has it.

    Raises:
        Problem: 415, it is of another type.
    """
    kind = headers.get(b"content-type")
    if kind is None:
        return False
    essence = kind.partition(b";")[0].strip().lower()
    if essence == b"application/json" or (essence.startswith(b"application/") and essence.endswith(b"+json")):
        return True
    raise Problem(415, {"error": "Expected request with `Content-Type: application/json`"})


def route(path: str) -> Optional[Tuple[str, bool]]:
    """Take apart a path below `/predictions/` or `/trainings/`: the id, and whether it is to be cancelled."""
    _, _, rest = path[1:].partition("/")
    if rest.endswith("/cancel"):
        return rest[: -len("/cancel")], True
    return (rest, False) if rest and "/" not in rest else None


def _trace(headers: Dict[bytes, bytes]) -> Dict[str, str]:
    """Return the W3C trace context of a request's headers, to be carried on."""
    found = {}
    for name in (b"traceparent", b"tracestate"):
        value = headers.get(name)
        if value is not None and len(value) <= 512 and value.isascii():
            found[name.decode()] = value.decode()
    return found
