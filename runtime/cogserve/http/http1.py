"""HTTP/1.1 on a C parser: one task per connection, one write per short answer.

The task that reads a request also calls the application to answer it. Rules:

1. What `reader` refuses is answered with its status, unless an answer has begun, and the connection is closed.
2. Pipelined requests are answered in order, one after another. While one is answered, nothing is read.
3. The application limits bodies. `connections` limits the time of heads and of idle connections, and notices
   clients that disconnect, for all connections at once.
4. A read waits before it reads, so a cancelled read has taken nothing.
5. While the application waits for an event, whoever causes the event can write its answer (`cog.answer_now`),
   before the application's own task has its turn. What the socket does not take then, the task writes.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Iterable, Optional, Tuple, Union
from urllib.parse import unquote

import trio

from cogserve.http.limits import next_deadline
from cogserve.http.reader import BadRequest, Reader, Request

if TYPE_CHECKING:
    from cogserve.http.connections import Connections, Member

READ = 64 * 1024
READ_BODY = 512 * 1024
SMALL_BODY_SECONDS = 1.0
REST_OF_BODY = 64 * 1024
REST_SECONDS = 1.0
LINGER_SECONDS = 1.0
LINGER_BYTES = 16 * 1024 * 1024
ONE_WRITE = 64 * 1024

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}

log = logging.getLogger("cogserve.http")

App = Callable[[Dict[str, Any], Any, Any], Awaitable[None]]


class Gone(Exception):
    """The client has disconnected, or reads too slowly."""


class Connection:
    """Serves one connection, from its first byte to its last.

    Args:
        app: the ASGI application.
        sock: connected and non-blocking; it is not closed here.
        member: the connection's entry in `connections`.
        connections: all of them.
        write_timeout: seconds that a client may lag behind the rate at which it must read.
        ending: returns whether the server is about to end.
    """

    def __init__(
        self,
        app: App,
        sock: Any,
        member: Member,
        connections: Connections,
        *,
        write_timeout: float,
        ending: Callable[[], bool],
    ) -> None:
        self.member = member
        self._app = app
        self._socket = sock
        self._fd = sock.fileno()
        self._connections = connections
        self._write_timeout = write_timeout
        self._ending = ending
        self._reader = Reader()
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "scheme": "http",
            "root_path": "",
            "client": sock.getpeername()[:2],
            "server": sock.getsockname()[:2],
        }

    async def serve(self) -> None:
        """Answer requests until the connection ends."""
        try:
            while True:
                request = await self._next()
                if request is None or not await self._answer(request):
                    break
        except BadRequest as bad:
            with contextlib.suppress(Gone):
                await self.write(_plain(bad.status))
        except Gone:
            return
        await self._linger()

    async def _next(self) -> Optional[Request]:
        """Return the next request when its head is complete; None if there will be none."""
        reader = self._reader
        if not reader.ready:
            if self._ending():
                return None
            self._connections.mark_idle(self.member)
            while not reader.ready:
                if reader.bad is not None:
                    raise reader.bad
                await self._feed(READ)
        else:
            await trio.lowlevel.checkpoint()  # a client that sends many at once must not keep others waiting
        request = reader.ready.popleft()
        self._connections.mark_busy(self.member)
        if not request.complete and 0 < request.length <= READ and not request.expects:
            # Wait here for a small body, so that the application gets it complete.
            with trio.move_on_after(SMALL_BODY_SECONDS):
                while not request.complete:
                    await self._feed(READ)
                    self._check(request)
        return request

    async def _feed(self, size: int) -> None:
        data = await self.receive(size)
        if not data:
            raise Gone
        self._reader.feed(data)

    async def _answer(self, request: Request) -> bool:
        """Let the application answer; return whether the connection goes on."""
        path, _, query = request.target.partition(b"?")
        if not path.startswith(b"/"):
            path = b"/" + path.partition(b"://")[2].partition(b"/")[2]  # the form that proxies get
        text = path.decode("latin-1")
        scope = {
            **self._scope,
            "http_version": request.version,
            "method": request.method.decode("latin-1"),
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
        }
        answer = Answer(self, request)
        scope["extensions"] = {
            "cog.on_gone": answer.on_gone,
            "cog.complete": request.complete,
            "cog.answer_now": answer.now,
        }
        try:
            await self._app(scope, answer.receive, answer.send)
        except Exception:
            log.exception("%s %s failed", scope["method"], text)
        finally:
            answer.over = True
        self.member.on_gone = None
        if answer.bad is not None and not answer.started:
            raise answer.bad
        if answer.gone or (answer.started and not answer.complete):
            raise Gone  # a partial answer must not look complete
        if not answer.started:
            raise BadRequest(500)
        if answer.rest:
            await self.write(answer.rest)
        return answer.keep_alive and (request.complete or await self._skip_rest(request))

    async def _skip_rest(self, request: Request) -> bool:
        """Read what the application has left of a body; return whether that was little."""
        limit = request.read + REST_OF_BODY
        with trio.move_on_after(REST_SECONDS), contextlib.suppress(BadRequest):
            while not request.complete and request.read <= limit:
                await self.read_body(request)
                request.body.clear()
        return request.complete

    async def read_body(self, request: Request) -> None:
        """Read more of a body.

        Raises:
            Gone: the client has disconnected.
            BadRequest: it is malformed.
        """
        self._check(request)
        await self._feed(READ if request.read < READ else READ_BODY)
        self._check(request)

    def _check(self, request: Request) -> None:
        if not request.complete and self._reader.bad is not None:
            raise self._reader.bad

    async def receive(self, size: int) -> bytes:
        """Return the next bytes from the client; empty if it has disconnected."""
        while True:
            await trio.lowlevel.wait_readable(self._fd)
            try:
                return os.read(self._fd, size)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    def write_now(self, data: Union[bytes, memoryview]) -> int:
        """Write what the socket takes without waiting, and return how many bytes.

        Raises:
            Gone: the client has disconnected.
        """
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            raise Gone from None

    async def write(self, data: Union[bytes, memoryview]) -> None:
        """Write everything.

        Raises:
            Gone: the client has disconnected, or reads too slowly.
        """
        rest = memoryview(data)
        deadline = None
        while True:
            written = self.write_now(rest)
            rest = rest[written:]
            if not rest:
                return
            deadline = next_deadline(deadline, written, self._write_timeout)
            with trio.move_on_at(deadline) as scope:
                await trio.lowlevel.wait_writable(self._fd)
            if scope.cancelled_caught:
                log.info("a connection is closed: the client reads too slowly")
                raise Gone

    async def _linger(self) -> None:
        """Close our side, and read on for a moment: else the client may see a reset instead of the answer."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        left = LINGER_BYTES
        with trio.move_on_after(LINGER_SECONDS):
            while left > 0:
                data = await self.receive(READ_BODY)
                if not data:
                    return
                left -= len(data)


class Answer:
    """The answer to one request: ASGI's `receive` and `send`.

    Attributes:
        gone: the client has disconnected; everything that is sent is ignored.
        over: the application has returned; everything that is sent later is ignored.
        bad: what is wrong with the request's body.
        rest: what the socket did not take of an answer that was written with `now`.
    """

    __slots__ = (
        *("_chunked", "_connection", "_expects", "_given", "_head", "_request"),
        *("bad", "complete", "gone", "keep_alive", "over", "rest", "started"),
    )

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._request = request
        self._head = b""
        self._chunked = False
        self._given = False  # whether the application has had the whole body
        self._expects = request.expects and not request.complete
        self.started = False
        self.complete = False
        self.gone = False
        self.over = False
        self.keep_alive = request.keep_alive
        self.bad: Optional[BadRequest] = None
        self.rest = b""

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client disconnects. Cheaper than waiting for that in `receive`."""

        def gone() -> None:
            self.gone = True
            self._connection.member.on_gone = None
            callback()

        self._connection.member.on_gone = gone

    async def receive(self) -> Dict[str, Any]:
        request = self._request
        if self._given:
            if not self.gone:
                gone = trio.Event()
                self.on_gone(gone.set)
                await gone.wait()
            return {"type": "http.disconnect"}
        try:
            if self._expects:
                self._expects = False
                await self._connection.write(CONTINUE)
            while not request.body and not request.complete:
                await self._connection.read_body(request)
        except BadRequest as bad:
            self.bad = bad
            return {"type": "http.disconnect"}
        except Gone:
            self.gone = True
            return {"type": "http.disconnect"}
        body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
        request.body.clear()
        self._given = request.complete
        return {"type": "http.request", "body": body, "more_body": not request.complete}

    def now(self, status: int, headers: Iterable[Tuple[bytes, bytes]], body: bytes) -> bool:
        """Write the whole answer, from any task, without waiting for the one that serves the connection.

        What the socket does not take at once is written when the application returns.

        Returns:
            Whether the client is still there.
        """
        if self.gone or self.over or self.started:
            return False
        self.started = self.complete = True
        data = self._head_of(status, headers) + (body if self._request.method != b"HEAD" else b"")
        try:
            self.rest = data[self._connection.write_now(data) :]
        except Gone:
            self.gone = True
        return not self.gone

    async def send(self, message: Dict[str, Any]) -> None:
        if self.gone or self.complete:
            return
        if message["type"] == "http.response.start":
            self.started = True
            self._head = self._head_of(message["status"], message.get("headers", ()))
            return
        data = message.get("body", b"") if self._request.method != b"HEAD" else b""
        more = message.get("more_body", False)
        head, self._head = self._head, b""
        tail = b""
        if self._chunked and self._request.method != b"HEAD":
            if data:
                head, tail = head + b"%x\r\n" % len(data), b"\r\n"
            if not more:
                tail += b"0\r\n\r\n"
        try:
            if len(data) > ONE_WRITE:  # not worth a copy
                for part in (head, data, tail):
                    if part:
                        await self._connection.write(part)
            elif head or data or tail:
                await self._connection.write(b"".join((head, data, tail)))
        except Gone:
            self.gone = True
        self.complete = not more

    def _head_of(self, status: int, headers: Iterable[Tuple[bytes, bytes]]) -> bytes:
        lines = [STATUS_LINES[status], b"date: ", _date(int(time.time())), b"\r\n"]
        self._chunked = True
        for name, value in headers:
            if name == b"connection":
                self.keep_alive = self.keep_alive and value != b"close"
                continue
            if name == b"content-length":
                self._chunked = False
            lines += (name, b": ", value, b"\r\n")
        if self._chunked:
            if self._request.version == "1.0":
                self._chunked = self.keep_alive = False
            else:
                lines.append(b"transfer-encoding: chunked\r\n")
        if self._expects and not self._request.complete:
            self.keep_alive = False  # whether the body still comes is not known
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        elif self._request.version == "1.0":
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)


def _plain(status: int) -> bytes:
    """Return the whole answer to an invalid request."""
    body = b'{"error":"%b"}' % HTTPStatus(status).phrase.encode()
    return b"%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        STATUS_LINES[status],
        len(body),
        body,
    )


@functools.lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """Return the value of a `date` header."""
    return formatdate(second, usegmt=True).encode()
