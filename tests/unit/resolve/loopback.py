"""A web server on loopback whose answers a test decides: a mirror, a registry, or one that misbehaves."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


@dataclass
class Answer:
    """What the server says.

    `cut` sends so many bytes of the body and then drops the connection. `pause` sends half of it, sets the first
    event, and waits for the second one before the rest.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: tuple[threading.Event, threading.Event] | None = None


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: bytes = b""


def ranged(body: bytes, asked: Asked) -> Answer:
    """Answer as a server that gives parts does."""
    start = asked.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
    if not start:
        return Answer(body=body)
    if int(start) >= len(body):
        return Answer(416)
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return Answer(206, body[int(start) :], {"Content-Range": span})


@contextmanager
def serving(
    respond: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Asked]]]:
    """Serve on a free port; yields the base URL, and every request so far."""
    log: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            log.append(asked)
            answer = respond(asked)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            body = answer.body if answer.cut is None else answer.body[: answer.cut]
            self.close_connection = self.close_connection or answer.cut is not None
            with suppress(ConnectionError):  # the client may have left
                if answer.pause:
                    half, body = body[: len(body) // 2], body[len(body) // 2 :]
                    self.wfile.write(half)
                    answer.pause[0].set()
                    answer.pause[1].wait(30)
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address) -> None:
            # A client that has seen enough, or doesn't trust us, breaks off: no failure of the server's.
            if not isinstance(sys.exception(), OSError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", log
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
