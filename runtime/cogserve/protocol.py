"""The JSON bodies of Cog's protocol: what clients send, and errors. Encoders and decoders are made once."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple, Union

import msgspec

EVENTS = ("start", "output", "logs", "completed")
ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.:~-]{0,127}")
ID_RULE = "1 to 128 letters, digits and `_`, `-`, `.`, `:`, `~`, not starting with `.` or `:`"

NO_ROOM = "The server holds as many bytes as COG_MAX_MEMORY allows"

encode = msgspec.json.Encoder().encode


class PredictionRequest(msgspec.Struct):
    """The body of a prediction. Other keys are ignored, as Cog does; `input` stays as it was sent."""

    id: Optional[str] = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    context: Optional[Dict[str, str]] = None
    webhook: Optional[str] = None
    webhook_events_filter: Optional[List[str]] = None


class Problem(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        body: the answer's body, to be encoded as JSON.
        retry_after: seconds after which a retry makes sense; None if it does not.
        close: whether to close the connection, because the rest of the request was not read.
        allow: the allowed methods, for a 405.
    """

    def __init__(
        self, status: int, body: Any, *, retry_after: Optional[int] = None, close: bool = False, allow: str = ""
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.retry_after = retry_after
        self.close = close
        self.allow = allow


def detail(*mistakes: Tuple[List[Union[str, int]], str, str]) -> Dict[str, Any]:
    """Return the body of a 422; each mistake is its location, message and type."""
    return {"detail": [{"loc": loc, "msg": message, "type": kind} for loc, message, kind in mistakes]}


def failed(message: str) -> Dict[str, str]:
    """Return the body of a prediction that was not accepted."""
    return {"error": message, "status": "failed"}


_requests = msgspec.json.Decoder(PredictionRequest)
_anything = msgspec.json.Decoder()


def decode_request(body: bytes) -> PredictionRequest:
    """Return the request in a body.

    Raises:
        Problem: 400 if it is not JSON, 422 if it is JSON of another shape.
    """
    if not body:
        return PredictionRequest()
    try:
        return _requests.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        loc: List[Union[str, int]] = ["body"]
        loc += [part for part in re.split(r"[.\[\]`]+", path) if part]
        raise Problem(422, detail((loc, message, "value_error"))) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem(400, {"error": f"The body is not valid JSON: {error}"}) from None


def decode_input(data: bytes) -> Any:
    """Return the value of a request's `input`; null means an empty object.

    Raises:
        Problem: 400 if it is not JSON after all (bad UTF-8, a number out of range, nesting too deep).
    """
    try:
        value = _anything.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Problem(400, {"error": f"The body is not valid JSON: {error}"}) from None
    return {} if value is None else value
