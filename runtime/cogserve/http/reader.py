"""Parses HTTP/1.1: bytes in, in pieces of any size; requests out. On a C parser that refuses what is ambiguous.

1. What the parser refuses ends the connection. Nothing after it is read; the requests before it are answered.
2. A request has one host and one length: two of them, or invalid lengths, are refused.
3. The bytes of a head are limited, and the number of pipelined requests.
4. An offered upgrade is ignored (RFC 9110, 7.8): the body is read as usual, and the connection goes on.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, List, Optional, Tuple

import httptools

from cogserve.http.limits import MANY_PIECES, MAX_HEAD, MAX_HEADERS, MAX_PIPELINED, MAX_TARGET, SMALL_PIECE

# The headers by which the parser finds the end of a request.
FRAMING = (b"content-length", b"transfer-encoding", b"connection")


class BadRequest(Exception):
    """The client did not send a request that this server understands.

    Args:
        status: the HTTP status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """One request, as far as it has arrived."""

    __slots__ = (
        *("body", "chunks", "complete", "expects", "headers", "keep_alive", "length", "method", "read", "target"),
        "version",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.version = "1.1"
        self.headers: List[Tuple[bytes, bytes]] = []
        self.body: List[bytes] = []  # received, and not yet passed to the application
        self.read = 0  # bytes of the body so far
        self.chunks = 0
        self.length = 0  # of the body, where it was declared
        self.complete = False
        self.expects = False  # whether the client waits for `100 Continue` before it sends the body
        self.keep_alive = True


class Reader:
    """Turns bytes into requests; the parser calls the `on_` methods.

    Attributes:
        ready: requests whose heads have arrived, oldest first.
        bad: why nothing more can be read from this connection; None while all is well.
    """

    def __init__(self) -> None:
        self.ready: Deque[Request] = deque()
        self.bad: Optional[BadRequest] = None
        self._parser = httptools.HttpRequestParser(self)
        self._current = Request()
        self._ended = False  # ignore everything from here on
        self._upgrade = False  # whether the current head offers an upgrade, at which the parser stops
        self._repeating = False  # whether the parser is reading the current head for the second time
        self._in_head = False
        self._raw = b""  # the head as it came, as far as it is not complete
        self._counted = 0  # bytes of the head's parts so far
        self._fed = 0  # bytes since the head began, without the piece in which it began

    def feed(self, data: bytes) -> None:
        """Take bytes. They are ignored once something was `bad`."""
        while data and self.bad is None and not self._ended:
            data = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """Take bytes, and return those that are left behind a head that offered an upgrade."""
        was_in_head = self._in_head
        self._raw += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._current.method == b"CONNECT":
                self._ended = True  # what follows would be for the tunnel, which there is not
                return b""
            self._ignore_upgrade()
            self._raw = b""
            return data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            inner = error.__context__
            self.bad = inner if isinstance(inner, BadRequest) else BadRequest(400)
        if was_in_head and self._in_head:
            self._fed += len(data)
            if self._fed > MAX_HEAD:  # one header that does not end
                self.bad = BadRequest(431)
        # A head may begin behind a long body.
        self._raw = self._raw[-2 * MAX_HEAD :] if self._in_head else b""
        return b""

    def _ignore_upgrade(self) -> None:
        """Go on behind a head that offered an upgrade.

        The parser takes what follows for the other protocol. So a new one gets the same head without the offer.
        """
        request = self._current
        self._parser = httptools.HttpRequestParser(self)
        lines = [b"%b / HTTP/%b\r\n" % (request.method, request.version.encode())]
        lines += [b"%b: %b\r\n" % header for header in request.headers if header[0] in FRAMING]
        self._repeating = True
        try:
            self._parser.feed_data(b"".join((*lines, b"\r\n")))
        except httptools.HttpParserError:
            self.bad = BadRequest(400)
        self._repeating = False

    def on_message_begin(self) -> None:
        if self._repeating:
            return
        self._current = Request()
        self._in_head = True
        self._counted = self._fed = 0
        if len(self.ready) > MAX_PIPELINED:
            raise BadRequest(400)

    def on_url(self, url: bytes) -> None:
        if self._repeating:
            return
        self._current.target += url
        self._counted += len(url)
        if self._counted > MAX_TARGET:
            raise BadRequest(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._repeating:
            return
        self._counted += len(name) + len(value)
        headers = self._current.headers
        if self._in_head:
            headers.append((name.lower(), value))
        if self._counted > MAX_HEAD or len(headers) > MAX_HEADERS:
            raise BadRequest(431)

    def on_headers_complete(self) -> None:
        if self._repeating:
            return
        request = self._current
        request.method = self._parser.get_method()
        request.version = self._parser.get_http_version()
        request.keep_alive = self._parser.should_keep_alive()
        if request.version not in ("1.0", "1.1"):
            raise BadRequest(505)
        # The parser also takes several spaces, which others may read differently.
        if b"%b %b HTTP/" % (request.method, request.target) not in self._raw:
            raise BadRequest(400)
        self._read_headers(request)
        self._upgrade = self._parser.should_upgrade()
        if request.method == b"CONNECT":
            request.keep_alive = False
        self._in_head = False
        self.ready.append(request)

    def _read_headers(self, request: Request) -> None:
        hosts = 0
        for name, value in request.headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                request.length = int(value)
            elif name == b"expect":
                request.expects = value.lower() == b"100-continue"
            elif name == b"transfer-encoding":
                if request.version == "1.0":
                    raise BadRequest(400)
                if value.strip().lower() != b"chunked":  # the parser looks only at the last coding
                    raise BadRequest(501)
        if hosts > 1 or (not hosts and request.version == "1.1"):
            raise BadRequest(400)

    def on_chunk_header(self) -> None:
        request = self._current
        request.chunks += 1
        if request.chunks > MANY_PIECES and request.read < request.chunks * SMALL_PIECE:
            raise BadRequest(413)

    def on_body(self, body: bytes) -> None:
        self._current.body.append(body)
        self._current.read += len(body)

    def on_message_complete(self) -> None:
        if self._upgrade and not self._repeating and self._current.method != b"CONNECT":
            self._upgrade = False  # this is only the parser's end of the head: the body has yet to come
            return
        self._upgrade = False
        self._current.complete = True
