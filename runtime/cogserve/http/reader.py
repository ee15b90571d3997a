"""Reads HTTP/1.1: bytes in, in whatever pieces; requests out. By a C parser that refuses what is not clear.

1. What the parser refuses ends the connection. Nothing after it is read; what came before it is answered.
2. A request has one host and one length: two, or lengths that are none, are refused.
3. A head is bounded in bytes, and what comes ahead of its turn in number.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, List, Optional, Tuple

import httptools

MAX_HEAD = 32 * 1024
MAX_HEADERS = 128
MAX_PIPELINED = 1000
# Chunks of a body that are no longer on average than this, once there are many of them, are an attack.
MANY_CHUNKS = 1000
SMALL_CHUNK = 16


class BadRequest(Exception):
    """What came is no request that this answers.

    Args:
        status: what the client is told.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """One request, as far as it has come."""

    __slots__ = (
        *("body", "chunks", "complete", "expects", "headers", "keep_alive", "length", "method", "read", "target"),
        "version",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.version = "1.1"
        self.headers: List[Tuple[bytes, bytes]] = []
        self.body: List[bytes] = []  # what has come and was not yet given to the application
        self.read = 0  # bytes of the body so far
        self.chunks = 0
        self.length = 0  # of the body, where it was declared
        self.complete = False
        self.expects = False  # whether the client waits to be told to send the body
        self.keep_alive = True


class Reader:
    """Turns bytes into requests; the `on_` methods are what the parser calls.

    Attributes:
        ready: requests whose heads have come, oldest first.
        bad: why the connection cannot be understood from here on; the requests before it can.
    """

    def __init__(self) -> None:
        self.ready: Deque[Request] = deque()
        self.bad: Optional[BadRequest] = None
        self._parser = httptools.HttpRequestParser(self)
        self._current = Request()
        self._ended = False  # nothing that comes is a request any more
        self._in_head = False
        self._counted = 0  # bytes of the head's parts so far
        self._fed = 0  # bytes since the head began, without the piece in which it began

    def feed(self, data: bytes) -> None:
        """Take bytes; nothing, once something was `bad`."""
        if self.bad is not None or self._ended:
            return
        was_in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing that a client may want to change to is spoken here: it gets its answer, and the end.
            self._current.keep_alive = False
            self._ended = True
        except httptools.HttpParserError as error:
            inner = error.__context__
            self.bad = inner if isinstance(inner, BadRequest) else BadRequest(400)
        if was_in_head and self._in_head:
            self._fed += len(data)
            if self._fed > MAX_HEAD:  # one header that does not end
                self.bad = BadRequest(431)

    def on_message_begin(self) -> None:
        self._current = Request()
        self._in_head = True
        self._counted = self._fed = 0
        if len(self.ready) > MAX_PIPELINED:
            raise BadRequest(400)

    def on_url(self, url: bytes) -> None:
        self._current.target += url
        self._counted += len(url)
        if self._counted > MAX_HEAD:
            raise BadRequest(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._counted += len(name) + len(value)
        headers = self._current.headers
        if self._in_head:
            headers.append((name.lower(), value))
        if self._counted > MAX_HEAD or len(headers) > MAX_HEADERS:
            raise BadRequest(431)

    def on_headers_complete(self) -> None:
        request = self._current
        request.method = self._parser.get_method()
        request.version = self._parser.get_http_version()
        request.keep_alive = self._parser.should_keep_alive()
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
                if value.strip().lower() != b"chunked":  # the parser looks at the last coding alone
                    raise BadRequest(501)
        if hosts > 1 or (not hosts and request.version == "1.1"):
            raise BadRequest(400)
        self._in_head = False
        self.ready.append(request)

    def on_chunk_header(self) -> None:
        request = self._current
        request.chunks += 1
        if request.chunks > MANY_CHUNKS and request.read < request.chunks * SMALL_CHUNK:
            raise BadRequest(413)

    def on_body(self, body: bytes) -> None:
        self._current.body.append(body)
        self._current.read += len(body)

    def on_message_complete(self) -> None:
        self._current.complete = True
