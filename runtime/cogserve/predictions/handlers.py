"""The HTTP handlers of `/predictions` and `/trainings`, which are two names for the same thing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

import msgspec
import trio

from cogserve.files.guard import Guard, Refused
from cogserve.http.web import (
    Bodies,
    Receive,
    Scope,
    Send,
    answer,
    headers_of,
    rfc3339,
    wait_disconnected,
)
from cogserve.predictions.encoding import SHORT, answer_prediction
from cogserve.predictions.events import Streams
from cogserve.predictions.prediction import Event, Prediction, State
from cogserve.protocol import (
    EVENTS,
    ID,
    ID_RULE,
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

# How many unknown inputs are named in the logs.
MAX_NAMED = 20
LONGEST_NAME = 100
MAX_CONTEXT = 1024 * 1024
NO_STREAMING = "This model does not support streaming responses. Add @cog.streaming to predict() to enable SSE."


class Handlers:
    """Handles requests for predictions.

    Args:
        guard: which URLs are allowed.
        follow: sends a prediction's events to a webhook.
        schema: what the inputs are; None if that is not known, and then every input is accepted.
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
            settings.max_body,
            settings.body_timeout,
            settings.max_inflight,
            lambda: scheduler.input_bytes,
            scheduler.budget,
        )

    async def create(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        id: Optional[str] = None,  # noqa: A002
    ) -> None:
        """Handle POST, or PUT with an id in the path."""
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
            if found is not None and not found.turned_away and not (found.finished and found.may_run_again):
                await self._answer_again(found, receive, send, streaming=streaming)
                return
            if found is None:
                self._refuse_dropped(id)
        refusal = self._scheduler.refusal()
        if refusal is not None:
            raise refusal
        prediction = await self._accept(request, given_id, headers)
        if streaming:
            if await self._streams.follow(prediction, receive, send) and not prediction.detached:
                self._scheduler.cancel(prediction, may_run_again=True)
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

    async def get(self, scope: Scope, send: Send, id: str) -> None:  # noqa: A002
        prediction = self._scheduler.registry.find(id)
        if prediction is None:
            self._refuse_dropped(id)
            raise Problem(404, {"error": f"There is no prediction {id}, or it ended too long ago"})
        finished = prediction.finished
        times = {"created_at": rfc3339(prediction.created_at)}
        for name, moment in (("started_at", prediction.running_at), ("completed_at", prediction.finished_at)):
            if moment is not None:
                times[name] = rfc3339(prediction.created_at + moment - prediction.accepted_at)
        await answer_prediction(send, prediction, times)
        prediction.delivered = prediction.delivered or (finished and scope["method"] == "GET")

    def _refuse_dropped(self, id: str) -> None:  # noqa: A002
        reason = self._scheduler.registry.why_dropped(id)
        if reason is not None:
            raise Problem(410, {"error": f"Prediction {id} has ended, and its result is gone: {reason}"})

    async def _accept(self, request: PredictionRequest, id: str, headers: Dict[bytes, bytes]) -> Prediction:  # noqa: A002
        """Check everything, and hand the prediction to the scheduler."""
        if id in self._scheduler.registry.live:
            raise Problem(409, failed(f"A prediction with the id {id} is already running"))
        data, values, unknown = await self._checked_input(bytes(request.input))
        if id in self._scheduler.registry.live:  # the checks may have waited
            raise Problem(409, failed(f"A prediction with the id {id} is already running"))
        _check_context(request.context)
        self._check_webhook(request)
        streaming = self._schema is not None and self._schema.streaming
        prediction = Prediction(
            id,
            data,
            context=request.context,
            trace=_trace(headers),
            # Nobody can ask for the events of a model that does not stream.
            history=self._settings.stream_history if streaming or request.webhook else None,
            budget=self._scheduler.budget,
        )
        _log_unknown(prediction, unknown)
        try:
            self._scheduler.submit(prediction, values, self._schema.files if self._schema is not None else ())
        except Problem:
            prediction.release()
            raise
        if request.webhook:
            self._follow(prediction, request.webhook, request.webhook_events_filter)
        return prediction

    async def _checked_input(self, data: bytes) -> Tuple[bytes, Dict[str, Any], List[str]]:
        """Return an input as JSON, its values, and the names of unknown ones that were left out.

        Raises:
            Problem: 400 or 422.
        """
        values = decode_input(data)
        if self._schema is None:
            return (b"{}" if data == b"null" else data), values, []
        checked = self._schema.check(values)
        await self._schema.settle(checked)
        await self._check_urls(checked.values)
        if checked.changed or data == b"null":
            data = encode(checked.values)
        return data, checked.values, checked.unknown

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

    async def _check_urls(self, values: Dict[str, Any]) -> None:
        """Refuse URLs that are known to be forbidden; the others are checked when they are fetched."""
        for field in self._schema.files if self._schema is not None else ():
            value = values.get(field)
            for number, url in enumerate(value if isinstance(value, list) else (value,)):
                if number % 100 == 99:
                    await trio.lowlevel.checkpoint()
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
        """Answer when a prediction has ended; if the client leaves before, cancel it."""
        extensions = scope["extensions"]
        answer_now = extensions.get("cog.answer_now")
        answered = False

        def ended() -> None:
            # The most frequent answer does not wait for this task's turn, which takes a fifth of a short request.
            nonlocal answered
            if prediction.state is State.SUCCEEDED and prediction.size < SHORT and answer_now is not None:
                body = encode(prediction.snapshot())
                answered = answer_now(200, headers_of(len(body)), body)
                prediction.delivered = answered

        await _wait(prediction, extensions.get("cog.on_gone"), receive, ended)
        if not answered:
            await self._answer_finished(prediction, send)

    async def _answer_finished(self, prediction: Prediction, send: Send) -> None:
        """Answer with the result. If there is none yet, the client has left, and the prediction is cancelled."""
        if not prediction.finished:
            if not prediction.detached:
                self._scheduler.cancel(prediction, may_run_again=True)
            return
        if prediction.invalid is not None:
            field, message = prediction.invalid
            raise Problem(422, detail((["body", "input", field], message, "value_error")))
        if prediction.state is State.FAILED and prediction.expired:
            retry_after = self._scheduler.admission.retry_after()
            raise Problem(503, failed(prediction.error or ""), retry_after=retry_after)
        await answer_prediction(send, prediction, {})
        prediction.delivered = True

    async def _answer_again(
        self, prediction: Prediction, receive: Receive, send: Send, *, streaming: bool
    ) -> None:
        """Answer a PUT of an id that has run or is running: it is not run a second time.

        From now on the prediction does not depend on the connection that started it, which may be a dead one that
        this client has given up.
        """
        prediction.detached = True
        if streaming:
            await self._streams.follow(prediction, receive, send, late=True)
        elif prediction.finished:
            await answer_prediction(send, prediction, {})
            prediction.delivered = True
        else:
            given = prediction.given if prediction.given is not None else b"{}"
            shown = self._schema.hide_secrets(given) if self._schema is not None else msgspec.Raw(given)
            await answer_prediction(send, prediction, {"input": shown}, status=202)


def _check_context(context: Optional[Dict[str, str]]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in (context or {}).items())
    if size > MAX_CONTEXT:
        message = f"The context has {size} bytes, more than the limit of {MAX_CONTEXT}"
        raise Problem(422, detail((["body", "context"], message, "value_error")))


def _log_unknown(prediction: Prediction, names: List[str]) -> None:
    """Name the inputs that the predictor does not have in the prediction's logs."""
    for name in names[:MAX_NAMED]:
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        prediction.add_log(f"input `{shown}` is unknown to this predictor and was ignored\n", "stderr")
    if len(names) > MAX_NAMED:
        prediction.add_log(f"and {len(names) - MAX_NAMED} more unknown inputs were ignored\n", "stderr")


async def _wait(
    prediction: Prediction,
    on_gone: Optional[Callable[[Callable[[], None]], None]],
    receive: Receive,
    ended: Callable[[], None],
) -> None:
    """Return when a prediction has ended, or its client has left; call `ended` at the moment of its end."""
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
    """Whether to read the body. One without a type counts as absent, as in Cog.

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
    """Split a path below `/predictions/` or `/trainings/`: the id, and whether it ends in `/cancel`."""
    _, _, rest = path[1:].partition("/")
    if rest.endswith("/cancel"):
        return rest[: -len("/cancel")], True
    return (rest, False) if rest and "/" not in rest else None


def _trace(headers: Dict[bytes, bytes]) -> Dict[str, str]:
    """Return the W3C trace context of a request's headers, for its webhooks."""
    found = {}
    for name in (b"traceparent", b"tracestate"):
        value = headers.get(name)
        if value is not None and len(value) <= 512 and value.isascii():
            found[name.decode()] = value.decode()
    return found
