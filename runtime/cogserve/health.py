"""The state behind `/health-check`, `/readyz` and `/livez`, kept by the supervisor and the shutdown."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any, Dict, Optional

MAX_SETUP_LOGS = 1024 * 1024


class Status(enum.Enum):
    STARTING = "STARTING"
    READY = "READY"
    BUSY = "BUSY"
    SETUP_FAILED = "SETUP_FAILED"
    DEFUNCT = "DEFUNCT"
    UNHEALTHY = "UNHEALTHY"


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat()


class Setup:
    """The last run of the predictor's setup."""

    def __init__(self) -> None:
        self.started_at = _now()
        self.completed_at: Optional[str] = None
        self.status = "starting"
        self.logs = ""
        self.seconds: Optional[float] = None

    def complete(self, status: str, seconds: Optional[float] = None) -> None:
        self.completed_at = _now()
        self.status = status
        self.seconds = seconds

    def add_log(self, text: str) -> None:
        self.logs = (self.logs + text)[-MAX_SETUP_LOGS:]

    def body(self) -> Dict[str, Any]:
        result: Dict[str, Any] = {"started_at": self.started_at}
        if self.completed_at is not None:
            result["completed_at"] = self.completed_at
        result["status"] = self.status
        if self.logs:
            result["logs"] = self.logs
        return result


class Health:
    """The server's state.

    Attributes:
        status: STARTING, READY, SETUP_FAILED or DEFUNCT; BUSY and UNHEALTHY are determined on request.
        was_ready: whether a worker has been ready before; while a crashed one is replaced, predictions are
            accepted and wait.
        draining: whether the server is shutting down.
    """

    def __init__(self) -> None:
        self.status = Status.STARTING
        self.setup = Setup()
        self.was_ready = False
        self.draining = False
        self.restarts = 0

    @property
    def alive(self) -> bool:
        """Whether a restart of the container would not help."""
        return self.status not in (Status.SETUP_FAILED, Status.DEFUNCT)

    @property
    def ready(self) -> bool:
        return self.status is Status.READY and not self.draining
