"""The routes: an ASGI application, without a framework."""

from __future__ import annotations

import hashlib
import logging
import platform
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Iterable, List, Optional, Tuple

import msgspec

from cogserve import __version__
from cogserve.health import Health, Status
from cogserve.http.origins import refusal
from cogserve.http.web import CLOSE, JSON, TEXT, Disconnected, Header, Receive, Scope, Send, answer, answer_problem
from cogserve.predictions.handlers import Handlers, route
from cogserve.protocol import Problem, encode
from cogserve.schema import page

if TYPE_CHECKING:
    from cogserve.predictions.scheduler import Scheduler
    from cogserve.worker.supervisor import Supervisor

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

HTML = (b"content-type", b"text/html; charset=utf-8")
VARY = (b"vary", b"accept")
# The policy for scripts comes with the page.
PAGE = (
    VARY,
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
METRICS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
TOML = (b"content-type", b"application/toml")
NOT_FOUND = Problem(404, {"error": "Not found"})

log = logging.getLogger("cogserve.http")


class App:
    """Answers requests.

    Args:
        openapi: the document's bytes, or None.
        lock: the bytes of cog.lock, or None.
        shutdown: begins the drain.
        page: the page at `/` for browsers and its Content-Security-Policy; None for none.
        allowed_hosts: see `http.origins`.
    """

    def __init__(
        self,
        health: Health,
        supervisor: Supervisor,
        scheduler: Scheduler,
        handlers: Handlers,
        openapi: Optional[bytes],
        lock: Optional[bytes],
        shutdown: Callable[[], None],
        training: bool,
        page: Optional[Tuple[str, str]] = None,
        allowed_hosts: Tuple[str, ...] = (),
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._health = health
        self._supervisor = supervisor
        self._scheduler = scheduler
        self._handlers = handlers
        self._openapi = openapi
        self._lock = lock
        self._shutdown_begins = shutdown
        self._page = page[0].encode() if page is not None else b""
        self._page_headers = (
            (HTML, *PAGE, (b"content-security-policy", page[1].encode())) if page is not None else ()
        )
        self._discovery = encode(_discovery(training=training))
        self._lock_json = encode(_lock_body(lock)) if lock is not None else b""
        self._routes: Dict[str, Dict[str, Handler]] = {
            "/": {"GET": self._root},
            "/health-check": {"GET": self._health_check},
            "/livez": {"GET": self._livez},
            "/readyz": {"GET": self._readyz},
            "/metrics": {"GET": self._metrics},
            "/docs": {"GET": self._docs},
            "/openapi.json": {"GET": self._openapi_json},
            "/cog/lock": {"GET": self._lock_of},
            "/shutdown": {"POST": self._shutdown},
            "/predictions": {"POST": handlers.create},
            "/trainings": {"POST": handlers.create},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        send = self._closing(scope, send)
        try:
            await self._dispatch(scope, receive, send)
        except Problem as problem:
            await answer_problem(send, problem)
        except Disconnected:
            pass

    def _closing(self, scope: Scope, send: Send) -> Send:
        """Return `send` with every answer of a server that shuts down saying that the connection ends with it.

        What counts is the moment of the answer: a client must not keep a connection on which it asked before, and
        find the server closed when it asks again.
        """
        health = self._health
        extensions = scope.get("extensions", {})
        answer_now = extensions.get("cog.answer_now")
        if answer_now is not None:
            # It would not say so; False means that the answer goes the other way.
            extensions["cog.answer_now"] = lambda *parts: not health.draining and answer_now(*parts)

        async def wrapped(message: Dict[str, Any]) -> None:
            if health.draining and message["type"] == "http.response.start":
                headers: List[Header] = list(message["headers"])
                if CLOSE not in headers:
                    headers.append(CLOSE)
                message = {**message, "headers": headers}
            await send(message)

        return wrapped

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        refused = refusal(dict(scope["headers"]), self._allowed_hosts, changes=method not in ("GET", "HEAD"))
        if refused is not None:
            raise Problem(403, {"error": refused})
        handlers = self._routes.get(path)
        if handlers is None:
            await self._dispatch_by_id(path, method, scope, receive, send)
            return
        handler = handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            raise _not_allowed(handlers)
        await handler(scope, receive, send)

    async def _dispatch_by_id(self, path: str, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        if not path.startswith(("/predictions/", "/trainings/")):
            raise NOT_FOUND
        found = route(path)
        if found is None:
            raise NOT_FOUND
        id, cancelling = found  # noqa: A001
        if cancelling:
            if method != "POST":
                raise _not_allowed(["POST"])
            await self._handlers.cancel(send, id)
        elif method == "PUT":
            await self._handlers.create(scope, receive, send, id)
        elif method in ("GET", "HEAD"):
            await self._handlers.get(scope, send, id)
        else:
            raise _not_allowed(["GET", "PUT"])

    async def _root(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """The other routes as JSON; to browsers, the page."""
        accept = dict(scope["headers"]).get(b"accept", b"")
        if self._page and b"text/html" in accept:
            await answer(send, 200, self._page, self._page_headers)
        else:
            await answer(send, 200, self._discovery, (JSON, VARY))

    async def _openapi_json(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        if self._openapi is None:
            raise Problem(503, {"error": "OpenAPI schema not available"})
        await answer(send, 200, self._openapi)

    async def _docs(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, 200, page.page(self._openapi), (HTML, page.POLICY))

    async def _lock_of(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """What runs here: the lock, by digest; as TOML for those who ask for it."""
        if self._lock is None:
            raise Problem(404, {"error": "This server was not built from a cog.lock"})
        accept = dict(scope["headers"]).get(b"accept", b"")
        if b"application/toml" in accept or b"text/plain" in accept:
            await answer(send, 200, self._lock, (TOML,))
        else:
            await answer(send, 200, self._lock_json)

    async def _health_check(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        status, error = await self._status()
        body: Dict[str, Any] = {"status": status.value, "setup": self._health.setup.body(), "version": _versions()}
        if error is not None:
            body["user_healthcheck_error"] = error
        await answer(send, 200, encode(body))

    async def _livez(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Whether to let the container live: not where only a new one can help."""
        await answer(send, 200 if self._health.alive else 503, self._health.status.value.encode(), (TEXT,))

    async def _readyz(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Whether to send requests here. A server whose slots are all taken is ready as long as it may queue."""
        if self._health.draining:
            await answer(send, 503, b"DRAINING", (TEXT,))
            return
        status, _ = await self._status()
        await answer(send, 200 if status in (Status.READY, Status.BUSY) else 503, status.value.encode(), (TEXT,))

    async def _metrics(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        admission, setup, budget = self._scheduler.admission, self._health.setup, self._scheduler.budget
        gauges: List[Tuple[str, str, Any]] = [
            ("cog_ready", "1 if predictions can start.", int(self._health.ready)),
            ("cog_predictions_running", "Predictions on the worker.", len(admission.running)),
            ("cog_predictions_waiting", "Predictions that wait for a slot.", admission.waiting),
            ("cog_predictions_inside", "Predictions that have not ended.", admission.inside),
            ("cog_slots", "Predictions that may run at once.", admission.slots),
            ("cog_queue_limit", "Predictions that may wait.", admission.queue),
            (
                "cog_request_bytes",
                "Bytes of the inputs of predictions that have not ended.",
                self._scheduler.input_bytes,
            ),
            (
                "cog_memory_bytes",
                "Bytes that clients and the model make the server hold.",
                budget.held,
            ),
            ("cog_memory_limit_bytes", "COG_MAX_MEMORY.", budget.limit),
            ("cog_results_kept", "Results of ended predictions that are kept.", self._scheduler.registry.kept),
            ("cog_worker_restarts_total", "Workers that were replaced.", self._health.restarts),
        ]
        if setup.seconds is not None:
            gauges.append(("cog_setup_seconds", "How long the model's setup took.", setup.seconds))
        text = self._scheduler.metrics.text(gauges)
        await answer(send, 200, text.encode(), (METRICS,))

    async def _shutdown(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, 200, b"{}")
        self._shutdown_begins()

    async def _status(self) -> Tuple[Status, Optional[str]]:
        if self._health.status is not Status.READY:
            return self._health.status, None
        if self._scheduler.admission.free <= 0:
            return Status.BUSY, None
        error = await self._supervisor.healthcheck()
        return (Status.READY if error is None else Status.UNHEALTHY), error


async def _live(receive: Receive, send: Send) -> None:
    """Go along with the server's start and end; nothing hangs on them here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _not_allowed(methods: Iterable[str]) -> Problem:
    allowed = sorted(methods)
    return Problem(405, {"error": f"Use {' or '.join(allowed)} here"}, allow=", ".join(allowed))


def _discovery(*, training: bool) -> Dict[str, str]:
    body = {
        "cog_version": __version__,
        "docs_url": "/docs",
        "openapi_url": "/openapi.json",
        "shutdown_url": "/shutdown",
        "healthcheck_url": "/health-check",
        "predictions_url": "/predictions",
        "predictions_idempotent_url": "/predictions/{prediction_id}",
        "predictions_cancel_url": "/predictions/{prediction_id}/cancel",
    }
    if training:
        body.update(
            trainings_url="/trainings",
            trainings_idempotent_url="/trainings/{training_id}",
            trainings_cancel_url="/trainings/{training_id}/cancel",
        )
    return body


def _versions() -> Dict[str, str]:
    return {"coglet": __version__, "python_sdk": __version__, "python": platform.python_version()}


def _lock_body(lock: bytes) -> Dict[str, Any]:
    body: Dict[str, Any] = {"digest": "sha256:" + hashlib.sha256(lock).hexdigest()}
    try:
        body["lock"] = msgspec.toml.decode(lock)
    except (ImportError, msgspec.DecodeError):
        body["text"] = lock.decode("utf-8", "replace")
    return body
