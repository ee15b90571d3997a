"""The server's HTTP client: small, limited, and guarded. Nothing else here opens connections to others."""

from __future__ import annotations

import base64
import errno
import os
import ssl
from typing import AsyncIterator, Awaitable, Callable, Dict, List, Optional, Sequence, Tuple, Union

import h11
import msgspec
import trio

from cogserve.files.guard import Guard, Resolved, Target, parse

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
CONNECT_TIMEOUT = 10.0
IDLE_TIMEOUT = 30.0
CHUNK = 256 * 1024

Headers = List[Tuple[str, str]]
# Takes a piece of the answer's body.
Sink = Callable[[bytes], Awaitable[None]]
# Starts the request's body anew, for each redirect that carries it on.
Body = Callable[[], AsyncIterator[bytes]]


class ExchangeFailed(Exception):
    """There was no usable answer. The message is safe to show to clients."""


class TooLong(ExchangeFailed):
    """The body of the answer is longer than the request's limit."""


class Answer(msgspec.Struct):
    """A server's answer, after redirects."""

    status: int
    headers: Dict[str, str]
    url: str


class Request(msgspec.Struct, kw_only=True):
    """A request.

    Args:
        body: bytes, or a function that yields `length` of them.
        limit: the most bytes of the answer's body that are read.
        timeout: seconds for everything, including redirects.
        trusted: the URL is the operator's own: its origin is not checked for this request.
    """

    method: str
    headers: Headers = []
    body: Union[bytes, Body] = b""
    length: Optional[int] = None
    limit: int = 64 * 1024
    timeout: float = 30.0
    trusted: bool = False


class Client:
    """Makes requests to allowed addresses.

    Args:
        guard: says which addresses are allowed.
        user_agent: the `User-Agent` header.
    """

    def __init__(self, guard: Guard, user_agent: str) -> None:
        self.guard = guard
        self._user_agent = user_agent
        self._tls: Optional[ssl.SSLContext] = None

    async def exchange(self, url: str, request: Request, sink: Optional[Sink] = None) -> Answer:
        """Make a request and return the answer's head; pass the body of a successful one to `sink`.

        Raises:
            Refused: the URL, or one that it redirects to, is not allowed.
            ExchangeFailed: no connection, not HTTP, too slow, too long, too many redirects.
        """
        target = parse(url)
        origin = target.origin
        try:
            with trio.fail_after(request.timeout):
                for _ in range(MAX_REDIRECTS + 1):
                    first = target.origin == origin
                    addresses = await self._addresses(target, guarded=not (first and request.trusted))
                    answer = await self._once(target, addresses, request, sink, first=first)
                    location = answer.headers.get("location")
                    if not _follows(request.method, answer.status) or location is None:
                        return answer
                    target = target.join(location)
        except trio.TooSlowError:
            raise ExchangeFailed(f"no complete answer within {request.timeout:g} seconds") from None
        except (h11.ProtocolError, trio.BrokenResourceError, ssl.SSLError, OSError) as error:
            raise ExchangeFailed(_words(error)) from None
        raise ExchangeFailed(f"more than {MAX_REDIRECTS} redirects")

    async def _addresses(self, target: Target, *, guarded: bool) -> List[Resolved]:
        if not guarded:
            return await self.guard.resolve(target)
        self.guard.precheck(target.url)
        return await self.guard.addresses(target)

    async def _once(
        self,
        target: Target,
        addresses: Sequence[Resolved],
        request: Request,
        sink: Optional[Sink],
        *,
        first: bool,
    ) -> Answer:
        stream = await self._connect(target, addresses)
        try:
            connection = h11.Connection(h11.CLIENT)
            await self._send(stream, connection, target, request, first=first)
            return await _receive(stream, connection, target, request, sink)
        finally:
            await trio.aclose_forcefully(stream)

    async def _connect(self, target: Target, addresses: Sequence[Resolved]) -> trio.abc.Stream:
        failure: Optional[OSError] = None
        for family, address in addresses[:4]:
            sock = trio.socket.socket(family, trio.socket.SOCK_STREAM)
            try:
                with trio.fail_after(CONNECT_TIMEOUT):
                    await sock.connect(address)
                break
            except trio.TooSlowError:
                failure = TimeoutError(errno.ETIMEDOUT, "the connection took too long")
                sock.close()
            except OSError as error:
                failure = error
                sock.close()
            except BaseException:
                sock.close()
                raise
        else:
            raise failure or OSError("the host has no address")
        stream = trio.SocketStream(sock)
        if target.scheme == "http":
            return stream
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=os.environ.get("COG_CA_BUNDLE") or None)
        return trio.SSLStream(stream, self._tls, server_hostname=target.host, https_compatible=True)

    async def _send(
        self, stream: trio.abc.Stream, connection: h11.Connection, target: Target, request: Request, *, first: bool
    ) -> None:
        headers = [("Host", target.host_header), ("User-Agent", self._user_agent), ("Connection", "close")]
        headers += [("Accept", "*/*"), ("Accept-Encoding", "identity")]
        if target.credentials is not None:
            token = base64.b64encode(":".join(target.credentials).encode()).decode()
            headers.append(("Authorization", f"Basic {token}"))
        # A token for the first host is not sent to another one.
        headers += [(name, value) for name, value in request.headers if first or name.lower() != "authorization"]
        body = request.body
        length = len(body) if isinstance(body, bytes) else request.length
        if request.method not in ("GET", "HEAD"):
            headers.append(("Content-Length", str(length)))
        head = connection.send(h11.Request(method=request.method, target=target.path, headers=headers))
        await stream.send_all(head or b"")
        if isinstance(body, bytes):
            if body:
                await stream.send_all(connection.send(h11.Data(data=body)) or b"")
        else:
            async for piece in body():
                await stream.send_all(connection.send(h11.Data(data=piece)) or b"")
        connection.send(h11.EndOfMessage())


async def _receive(
    stream: trio.abc.Stream, connection: h11.Connection, target: Target, request: Request, sink: Optional[Sink]
) -> Answer:
    answer: Optional[Answer] = None
    taken = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await _some(stream)
            if not data and answer is None:
                raise ExchangeFailed("the server closed the connection without an answer")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
            answer = Answer(event.status_code, headers, target.url)
            if not 200 <= answer.status < 300:
                return answer
        elif isinstance(event, h11.Data):
            taken += len(event.data)
            if taken > request.limit:
                if sink is None:
                    break
                raise TooLong(f"more than the limit of {request.limit} bytes")
            if sink is not None:
                await sink(bytes(event.data))
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            break
    if answer is None:
        raise ExchangeFailed("there is no answer")
    return answer


async def _some(stream: trio.abc.Stream) -> bytes:
    with trio.move_on_after(IDLE_TIMEOUT):
        return bytes(await stream.receive_some(CHUNK))
    raise ExchangeFailed(f"nothing came for {IDLE_TIMEOUT:g} seconds")


def _follows(method: str, status: int) -> bool:
    # Only 307 and 308 keep the method and body of a POST or PUT.
    return status in (REDIRECTS if method == "GET" else (307, 308))


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        if error.errno is not None and error.errno > 0:
            return os.strerror(error.errno)  # the error's own text may name the address
        return error.strerror or type(error).__name__
    if isinstance(error, trio.BrokenResourceError) and isinstance(error.__cause__, Exception):
        return _words(error.__cause__)
    # Not the parser's own words: they quote what the other side has sent.
    return "the answer is not valid HTTP" if isinstance(error, h11.ProtocolError) else "the connection broke"
