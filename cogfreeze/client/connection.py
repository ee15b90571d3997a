"""A client of the prediction server: wait until it is ready, predict, cancel."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import PredictionFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

# Seconds between two checks of a server that is starting.
INTERVAL = 0.05
# Timeout in seconds for requests that do not involve the model.
PROMPT = 10.0
PRINTED = "see its output above"
_EVENTS = "text/event-stream"
# Final states of a server that is not ready.
_ENDS = {"SETUP_FAILED": "`setup()` failed", "DEFUNCT": "the model's process exited repeatedly"}


class Client:
    """One server at one address.

    Args:
        base_url: `http://host:port`.
        exit_status: returns the exit status of the server's process, None while it runs. For a server that we did
            not start it always returns None.
    """

    def __init__(self, base_url: str, exit_status: Callable[[], int | None] = lambda: None) -> None:
        import requests

        self._base = base_url.rstrip("/")
        self._exit_status = exit_status
        self._web = requests.Session()
        # Never use a proxy for a loopback address.
        self._web.trust_env = False

    def schema(self, *, timeout: float) -> dict[str, Any]:
        """Wait for the server, and return its OpenAPI document.

        Raises:
            PredictionFailed: the server exited, answered with an error, or did not answer within `timeout`
            seconds.
        """
        answer = self._first_answer("/openapi.json", time.monotonic() + timeout)
        if answer.status_code != 200:
            raise PredictionFailed(f"the server has no OpenAPI document: {_said(answer)}")
        document: dict[str, Any] = answer.json()
        return document

    def wait_ready(self, *, timeout: float) -> None:
        """Return when the model is set up.

        Raises:
            PredictionFailed: setup() failed, the server exited, or `timeout` seconds passed.
        """
        deadline = time.monotonic() + timeout
        while True:
            health = self._first_answer("/health-check", deadline).json()
            status = health.get("status")
            if status in ("READY", "BUSY"):
                return
            if status in _ENDS:
                line = _error_line(str((health.get("setup") or {}).get("logs") or ""))
                raise PredictionFailed(f"{_ENDS[status]}{line and ': '}{line}", hint=PRINTED)
            if time.monotonic() > deadline:
                raise _too_slow(timeout)
            time.sleep(INTERVAL)

    def predict(self, inputs: dict[str, Any], *, on_chunk: Callable[[Any], None] | None = None) -> dict[str, Any]:
        """Run one prediction and return the server's whole answer: `output`, `logs`, `metrics`, `status`.

        An interrupt cancels it.

        Args:
            on_chunk: called with each piece of the output of a streaming model.

        Raises:
            UsageError: the server rejected the input; the message has every reason.
            PredictionFailed: the model or the server failed.
        """
        import requests

        # We choose the id, so that the prediction can be canceled before the server answers.
        address = f"{self._base}/predictions/cli-{secrets.token_hex(8)}"
        headers = {"Accept": _EVENTS} if on_chunk else {}
        try:
            answer = self._web.put(
                address, json={"input": inputs}, headers=headers, timeout=(PROMPT, None), stream=bool(on_chunk)
            )
            _require_taken(answer)
            prediction = _followed(answer, on_chunk) if on_chunk else dict(answer.json())
        except requests.RequestException as error:
            raise self._gone("while the prediction ran", error) from None
        except (KeyboardInterrupt, SystemExit):
            self._cancel(address)
            raise
        if prediction.get("status") != "succeeded":
            raise _failed(prediction)
        return prediction

    def _cancel(self, address: str) -> None:
        """Cancel a prediction; if the server is gone, so is the prediction."""
        import requests

        with suppress(requests.RequestException):
            self._web.post(f"{address}/cancel", timeout=PROMPT)

    def _first_answer(self, path: str, deadline: float) -> requests.Response:
        """GET a path, retrying while nothing listens there yet."""
        import requests

        began = time.monotonic()
        while True:
            try:
                return self._web.get(self._base + path, timeout=PROMPT)
            except requests.RequestException as error:
                if self._exit_status() is not None:
                    raise self._gone("before it was ready", error) from None
                if time.monotonic() > deadline:
                    raise _too_slow(deadline - began) from None
                time.sleep(INTERVAL)

    def _gone(self, when: str, error: Exception) -> PredictionFailed:
        status = self._exit_status()
        if status is None:
            return PredictionFailed(f"the server did not answer {when}: {error}")
        how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
        return PredictionFailed(f"the server exited {how} {when}", hint=PRINTED)


def _require_taken(answer: requests.Response) -> None:
    if answer.status_code == 422:
        raise _refused(answer)
    if answer.status_code == 413:
        raise UsageError(
            f"the input is too large: {_said(answer)}",
            hint="raise `server.max_body` in cog.yaml, or give a URL for the server to download",
        )
    if answer.status_code != 200:
        raise PredictionFailed(f"the server answered {answer.status_code}: {_said(answer)}")


def _followed(answer: requests.Response, on_chunk: Callable[[Any], None]) -> dict[str, Any]:
    """Read server-sent events until the last one, which has the whole prediction."""
    import json

    kind, last = "", dict[str, Any]()
    for line in answer.iter_lines():
        name, _, value = line.partition(b": ")
        if name == b"event":
            kind = value.decode()
        elif name == b"data" and kind == "output":
            on_chunk(json.loads(value)["chunk"])
        elif name == b"data" and kind == "completed":
            last = json.loads(value)
    if not last:
        raise PredictionFailed("the server ended the stream before the prediction was done")
    return last


def _too_slow(timeout: float) -> PredictionFailed:
    return PredictionFailed(
        f"the model was not ready after {timeout:.0f} s", hint="allow more time with `--setup-timeout SECONDS`"
    )


def _failed(prediction: dict[str, Any]) -> PredictionFailed:
    """Return the error of a prediction; of an exception, the first line with its type, as in the traceback."""
    error = str(prediction.get("error") or f"the prediction was {prediction.get('status')}")
    line = _error_line(str(prediction.get("logs") or ""))
    first = error.partition("\n")[0]
    raised = line == first or line.endswith(f": {first}")
    return PredictionFailed(line, hint=PRINTED) if raised else PredictionFailed(error)


def _error_line(logs: str) -> str:
    """Return the first line of the exception in the last traceback of some logs; without one, their last line."""
    lines = logs.strip().splitlines()
    for start in reversed(range(len(lines))):
        if lines[start] == "Traceback (most recent call last):":
            return next((line for line in lines[start + 1 :] if line.strip() and not line.startswith(" ")), "")
    return lines[-1] if lines else ""


def _said(answer: requests.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text.strip()[:200] or answer.reason
    return str((body.get("error") or body.get("detail")) if isinstance(body, dict) else body)


def _refused(answer: requests.Response) -> UsageError:
    """Turn a 422 into one clause per reason: `input `min_score`: must be at most 1`."""
    try:
        details = [(".".join(map(str, each["loc"][2:])), each["msg"]) for each in answer.json()["detail"]]
    except (ValueError, KeyError, TypeError, IndexError):
        return UsageError(f"the server rejected the input: {_said(answer)}")
    return UsageError("; ".join(f"input `{name}`: {message}" for name, message in details))
