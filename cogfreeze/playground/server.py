"""The web server in front of a target: the page, and everything else passed on."""

from __future__ import annotations

import json
import re
import secrets
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cogfreeze.playground.page import read_page
from cogfreeze.playground.predictions import Predictions

if TYPE_CHECKING:
    import requests

    from cogfreeze.playground.target import Target

# Of one hop alone; and the length, which the next hop finds anew.
_HOP = {
    "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_PREDICTION = re.compile(r"/(?:predictions|trainings)/([A-Za-z0-9_.:~-]{1,128})")
_MOST = 1024 * 1024 * 1024
_PIECE = 64 * 1024
# What tells the page that something is amiss, if the target closes a connection in the middle.
_BAD_GATEWAY = "the server behind this page does not answer"


class Playground(ThreadingHTTPServer):
    """The page at one address, and the target behind it.

    Args:
        host, port: to listen at.
        webhook_host: the name by which the target reaches this machine; None where it cannot.
    """

    daemon_threads = True

    def __init__(self, target: Target, host: str, port: int, webhook_host: str | None) -> None:
        self.target = target
        self.predictions = Predictions()
        self.page, self.policy = read_page()
        self.secret = secrets.token_urlsafe(16)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.webhook = f"http://{webhook_host}:{self.server_port}/webhook/{self.secret}" if webhook_host else None

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Playground

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self._from_here():
            return
        found = _PREDICTION.fullmatch(urlsplit(self.path).path)
        state = self.server.predictions.get(found[1]) if found else None
        if self.path == "/" and "text/html" in self.headers.get("Accept", ""):
            headers = {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Security-Policy": self.server.policy,
                "Cache-Control": "no-cache",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            }
            self._answer(HTTPStatus.OK, self.server.page, headers)
        elif state is not None:
            self._answer_json(HTTPStatus.OK, state)
        else:
            self._pass_on(None)

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path.startswith("/webhook/"):
            self._take_webhook(body)
        elif self._from_here():
            self._pass_on(body)

    def do_PUT(self) -> None:
        body = self._body()
        if body is None or not self._from_here():
            return
        found = _PREDICTION.fullmatch(urlsplit(self.path).path)
        if found and not self.server.target.polls and self.headers.get("Prefer") == "respond-async":
            self._start(found[1], body)
        else:
            self._pass_on(body)

    def _start(self, id_: str, body: bytes) -> None:
        """Run a prediction for the page, which then asks here how it is."""
        headers = {"Content-Type": "application/json"}

        def ask() -> requests.Response:
            if self.server.webhook is not None:
                answer = self.server.target.ask("PUT", self.path, headers, self._with_webhook(body, id_))
                # A server may refuse webhooks to private addresses; the prediction does without.
                if answer.status_code != HTTPStatus.UNPROCESSABLE_ENTITY or "webhook" not in answer.text:
                    return answer
            return self.server.target.ask("PUT", self.path, headers, body)

        refusal = self.server.predictions.start(id_, ask)
        if refusal is not None:
            self._answer(refusal.status_code, refusal.content, {"Content-Type": "application/json"})
        else:
            self._answer_json(HTTPStatus.ACCEPTED, {"id": id_, "status": "starting"})

    def _with_webhook(self, body: bytes, id_: str) -> bytes:
        try:
            request = json.loads(body)
            events = ["start", "output", "logs"]
            request |= {"webhook": f"{self.server.webhook}/{id_}", "webhook_events_filter": events}
        except (ValueError, TypeError):
            return body
        return json.dumps(request).encode()

    def _take_webhook(self, body: bytes) -> None:
        _, _, secret, id_ = [*self.path.split("/", 3), "", "", ""][:4]
        if not secrets.compare_digest(secret, self.server.secret):
            self._answer_json(HTTPStatus.NOT_FOUND, {"error": "Not found"})
            return
        try:
            news = json.loads(body)
        except ValueError:
            news = None
        if isinstance(news, dict):
            self.server.predictions.update(id_, news)
        self._answer_json(HTTPStatus.OK, {})

    def _pass_on(self, body: bytes | None) -> None:
        import requests

        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        # What comes back is passed on as it is, so it has to come in a form that the browser asked for.
        headers.setdefault("Accept-Encoding", "identity")
        headers.pop("Origin", None)
        try:
            answer = self.server.target.ask(self.command, self.path, headers, body)
        except requests.RequestException:
            self._answer_json(HTTPStatus.BAD_GATEWAY, {"error": _BAD_GATEWAY})
            return
        with answer:
            self._relay(answer)

    def _relay(self, answer: requests.Response) -> None:
        """Write the target's answer as it comes, so that streams are live."""
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            while piece := answer.raw.read1(_PIECE):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, Exception) as error:  # noqa: BLE001  # urllib3 has many; the answer has begun already
            self.close_connection = True
            self.log_error("an answer ended early: %s", error)

    def _body(self) -> bytes | None:
        """Return the request's body; None where it was refused."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MOST or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._answer_json(HTTPStatus.LENGTH_REQUIRED, {"error": "Send a body with its Content-Length"})
            return None
        return self.rfile.read(int(length))

    def _from_here(self) -> bool:
        """Refuse other sites' pages, names that lead here but are not ours, and paths that are none."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        own = self.server.server_address[0]
        names = {"127.0.0.1", "localhost", "[::1]"} if own in ("127.0.0.1", "::1") else None
        fits = names is None or host.rpartition(":")[0] in names or host in names
        if fits and self.path.startswith("/") and (origin is None or origin.partition("://")[2] == host):
            return True
        self.close_connection = True
        self._answer_json(HTTPStatus.FORBIDDEN, {"error": "Only this page may ask here"})
        return False

    def _answer_json(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the page shows what goes wrong."""
