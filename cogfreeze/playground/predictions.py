"""Predictions on a server that has no `GET /predictions/{id}`: what the page asks for is kept here.

The playground itself waits for the server's answer. Output and logs that come before it are what the server sends
by webhooks, where they can reach this machine.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

ENDS = ("succeeded", "failed", "canceled")
KEPT = 100
# Seconds in which a server refuses what it will not run.
REFUSAL = 1.0


class Predictions:
    """The newest predictions, by id. Safe to use from several threads."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def get(self, id_: str) -> dict[str, Any] | None:
        """Return a prediction's latest state; None for one that was not started here."""
        with self._lock:
            return self._states.get(id_)

    def update(self, id_: str, news: dict[str, Any]) -> None:
        """Take what a webhook says; not for predictions that are unknown here or have ended."""
        with self._lock:
            state = self._states.get(id_)
            if state is not None and state["status"] not in ENDS:
                keys = ("status", "output", "logs", "metrics", "error")
                known: dict[str, Any] = {key: news[key] for key in keys if key in news}
                self._states[id_] = {**state, **known}

    def start(self, id_: str, ask: Callable[[], requests.Response]) -> requests.Response | None:
        """Run a prediction in a thread.

        Args:
            ask: sends the request and returns the answer at the prediction's end.

        Returns:
            The server's answer where it refuses at once; None where the prediction runs.
        """
        refused: list[requests.Response] = []
        answered = threading.Event()
        with self._lock:
            while len(self._states) >= KEPT:
                del self._states[next(iter(self._states))]
            self._states[id_] = {"id": id_, "status": "starting"}

        def run() -> None:
            answer, state = _outcome(id_, ask)
            if answer is not None:
                refused.append(answer)
            with self._lock:
                self._states[id_] = {**self._states.get(id_, {}), **state}
            answered.set()

        threading.Thread(target=run, daemon=True).start()
        answered.wait(REFUSAL)
        return refused[0] if refused else None


def _outcome(id_: str, ask: Callable[[], requests.Response]) -> tuple[requests.Response | None, dict[str, Any]]:
    """Return the answer where it is a refusal, and the prediction's last state."""
    import requests

    try:
        answer = ask()
        body = answer.json()
    except (requests.RequestException, ValueError) as error:
        return None, {"id": id_, "status": "failed", "error": f"the server gave no usable answer: {error}"}
    if answer.status_code == 200 and isinstance(body, dict):
        status = body.get("status")
        return None, {**body, "id": id_, "status": status if status in ENDS else "failed"}
    return answer, {"id": id_, "status": "failed", "error": f"the server answered {answer.status_code}"}
