"""hypercorn, and the guards that it needs. The only file that imports it.

1. A connection that fails in any way ends alone. hypercorn lets unexpected exceptions through to the server's
   nursery, where one request can end the process.
2. No HTTP/2 without TLS: an upgrade to it is ignored, and its preface is answered with 505.
3. A client that reads too slowly is disconnected. hypercorn shields its writes, so that such a client would hold
   up the shutdown for ever.
4. A client that disconnects is noticed even if it has already sent the next request.
5. There are at most as many connections as there are descriptors for; beyond that, idle ones are closed.
6. The head and body of an answer are sent in one write, and a client that is still sending can read them.

hypercorn listens, accepts and shuts down. Each connection is served by `http1`, on a C parser; if that is not
installed, or with COG_HTTP_PARSER=h11, by hypercorn's own HTTP/1.1.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import select
import sys
from typing import Any, Awaitable, Callable, List

import h11
import hypercorn.trio.run
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio import serve as hypercorn_serve
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from cogserve.http.connections import Connections, Member
from cogserve.http.limits import MAX_HEAD, MAX_HEADERS, MAX_TARGET

try:
    from cogserve.http import http1
except ImportError:  # without its parser
    http1 = None  # type: ignore[assignment]

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

RECEIVE = 64 * 1024
PIECE = 256 * 1024
LINGER_SECONDS = 1.0
LINGER_BYTES = 16 * 1024 * 1024
LOOK_FOR_HANGUP = 0.25
SPARE_DESCRIPTORS = 64
BACKLOG = 2048

log = logging.getLogger("cogserve.http")


class _Refused(Exception):
    """A connection that must be closed."""


_connections = Connections()


class _Resumption:
    """What hypercorn's parser waits for while a request is answered and the next one has already arrived."""

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._event = trio.Event()

    async def clear(self) -> None:
        self._event = trio.Event()

    async def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        event = self._event
        while not event.is_set():
            with trio.move_on_after(LOOK_FOR_HANGUP):
                await event.wait()
            if not event.is_set() and self._connection.hung_up():
                raise _Refused("the client left")


class _HTTP1(H11Protocol):
    """hypercorn's HTTP/1.1, without upgrades, and without requests of ambiguous length."""

    async def _check_protocol(self, event: h11.Request) -> None:
        if event.http_version not in (b"1.1", b"1.0"):
            await self._refuse(b"505 HTTP Version Not Supported")
        if len(event.target) > MAX_TARGET:
            await self._refuse(b"414 URI Too Long")
        if len(event.headers) > MAX_HEADERS:
            await self._refuse(b"431 Request Header Fields Too Large")
        headers = dict(event.headers)
        if b"transfer-encoding" in headers and b"content-length" in headers:
            # A proxy in front of us may have used the other one.
            await self._refuse(b"400 Bad Request")

    async def _create_stream(self, request: h11.Request) -> None:
        # An offered upgrade is ignored (RFC 9110, 7.8); hypercorn would answer one to websockets.
        kept = [header for header in request.headers if header[0] != b"upgrade"]
        if len(kept) < len(request.headers):
            head = {"method": request.method, "target": request.target, "http_version": request.http_version}
            request = h11.Request(headers=kept, **head)
        await super()._create_stream(request)

    async def _refuse(self, status: bytes) -> None:
        await self.send(RawData(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n" % status))
        await self.send(RawData(b"\r\n"))
        raise _Refused(status.decode())


class _Connection(TCPServer, Member):
    """One connection, with the guards. Created and awaited by hypercorn."""

    write_timeout = 30.0
    parser = "httptools"

    async def run(self) -> None:
        self.scope = trio.CancelScope()
        self.fd = self.stream.socket.fileno()
        self._head = b""
        self._closing = False
        _connections.add(self)
        try:
            with self.scope:
                await (self._serve() if http1 is None or self.parser == "h11" else self._serve_http1())
        except BaseExceptionGroup as group:
            _, failures = group.split((trio.Cancelled, OSError, _Refused))
            if failures is not None:
                log.error("a connection failed", exc_info=failures)
        except (OSError, _Refused):
            pass
        except Exception:
            log.exception("a connection failed")
        finally:
            _connections.remove(self)
            await trio.aclose_forcefully(self.stream)

    async def _serve_http1(self) -> None:
        connection = http1.Connection(
            self.app.app,  # type: ignore[attr-defined]
            self.stream.socket,
            *(self, _connections),
            write_timeout=self.write_timeout,
            ending=self.context.terminated.is_set,
        )
        await connection.serve()

    async def _serve(self) -> None:
        sock = self.stream.socket
        client = parse_socket_addr(sock.family, sock.getpeername())
        server = parse_socket_addr(sock.family, sock.getsockname())
        async with TaskGroup() as task_group:
            self._task_group = task_group
            self.protocol = _HTTP1(  # type: ignore[assignment]
                *(self.app, self.config, self.context, task_group, ConnectionState(self.state), False),
                *(client, server, self.protocol_send),
            )
            self.protocol.can_read = _Resumption(self)  # type: ignore[attr-defined]
            await self.idle_task.restart(task_group, self._idle_timeout)
            try:
                await self._read_data()
            finally:
                # Tell the application that the client has disconnected.
                with trio.CancelScope(shield=True):
                    await self.protocol.handle(Closed())
                await self.idle_task.stop()

    async def _read_data(self) -> None:
        left = LINGER_BYTES
        while left > 0:
            try:
                data = await self.stream.receive_some(RECEIVE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if self._closing:
                left -= len(data)
            else:
                await self.protocol.handle(RawData(bytes(data)))
            if not data:
                return

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            # Keep the head of a final answer, and send it with the first part of the body.
            if not self._head and event.data.startswith(b"HTTP/1.1 ") and event.data[9:10] != b"1":
                self._head = event.data
            else:
                await self._write(event.data)
            return
        await self._write(b"")
        if isinstance(event, Updated):
            (_connections.mark_idle if event.idle else _connections.mark_busy)(self)
            await super().protocol_send(event)
        elif isinstance(event, Closed):
            await self._end()

    async def _write(self, data: bytes) -> None:
        data, self._head = self._head + data, b""
        if not data:
            return
        async with self.send_lock:
            try:
                view = memoryview(data)
                for start in range(0, len(view), PIECE):
                    with trio.fail_after(self.write_timeout):
                        await self.stream.send_all(view[start : start + PIECE])
            except trio.TooSlowError:
                raise _Refused("the client reads too slowly") from None
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())

    async def _end(self) -> None:
        """Close our side, and read on for a moment: else the client may see a reset instead of the answer."""
        if not self._closing:
            self._closing = True
            self.scope.deadline = trio.current_time() + LINGER_SECONDS
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                await self.stream.send_eof()
        await self.protocol.handle(Closed())

    async def _initiate_server_close(self) -> None:
        await self.protocol.handle(Closed())
        self.scope.cancel()

    def hung_up(self) -> bool:
        """Whether the client has disconnected, even if there is unread data from it."""
        poll = select.poll()
        poll.register(self.stream.socket.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))


class _SilentLogger:
    """Sends hypercorn's messages to the server's own log."""

    def __init__(self, _config: Config) -> None:
        self.access_logger = None
        self.error_logger = log

    async def access(self, *_arguments: Any) -> None:
        pass

    async def info(self, message: str, *arguments: Any, **_options: Any) -> None:
        log.debug(message, *arguments)

    async def warning(self, message: str, *arguments: Any, **_options: Any) -> None:
        log.warning(message, *arguments)

    debug = info

    async def error(self, message: str, *arguments: Any, **_options: Any) -> None:
        log.error(message, *arguments)

    critical = error

    async def exception(self, message: str, *arguments: Any, **_options: Any) -> None:
        log.exception(message, *arguments)  # noqa: LOG004 - hypercorn calls this while it handles one


async def serve(
    app: Any,
    host: str,
    port: int,
    *,
    keep_alive: float,
    write_timeout: float,
    graceful: float,
    parser: str,
    stop: Callable[[], Awaitable[None]],
    task_status: "trio.TaskStatus[List[str]]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application until `stop` returns, then until its connections end.

    Args:
        host: an IPv4 or IPv6 address, or a name.
        port: 0 for a free one.
        keep_alive: seconds that a connection may be idle, and that a request's head may take.
        write_timeout: seconds that a client may lag behind while it reads.
        graceful: seconds for which connections may go on after `stop`.
        parser: httptools or h11.
        task_status: reports the URLs.
    """
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.backlog = BACKLOG
    config.h11_max_incomplete_size = MAX_HEAD
    config.keep_alive_timeout = keep_alive
    config.keep_alive_max_requests = sys.maxsize
    config.graceful_timeout = graceful
    config.include_server_header = False
    config.logger_class = _SilentLogger  # type: ignore[assignment]
    _Connection.write_timeout = write_timeout
    _Connection.parser = parser
    _connections.keep_alive = keep_alive
    _connections.limit = _raise_descriptor_limit() - SPARE_DESCRIPTORS
    hypercorn.trio.run.TCPServer = _Connection  # type: ignore[attr-defined]

    async def stop_and_close() -> None:
        await stop()
        _connections.end_idle()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_connections.look_after)
        await hypercorn_serve(app, config, mode="asgi", shutdown_trigger=stop_and_close, task_status=task_status)
        nursery.cancel_scope.cancel()


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        except (OSError, ValueError):
            pass
    return soft
