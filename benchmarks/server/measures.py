"""What is measured of a running server. Every figure counts successes only."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.server.sides import PATIENCE, Server

HERE = Path(__file__).parent
FILE = 10_000_000
SUCCEEDED = b'"status":"succeeded"'


class Failed(Exception):
    """A server answered otherwise than a measurement needs."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement of one server.

    Attributes:
        value: what is compared: a rate a second; of `start` seconds, of `memory` bytes.
        successes: how many successes it was taken from.
        refused: how many requests were answered 409 or 503.
        broken: how many were answered otherwise, or not at all.
        p99: seconds from one success of a connection to its next that 99 in 100 stayed below.
        processor: seconds of processor time that the server and its processes took meanwhile.
    """

    value: float
    successes: int
    refused: int = 0
    broken: int = 0
    p99: float | None = None
    processor: float = 0.0


def wrk() -> str:
    """Return the load generator's path."""
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("error: wrk is not installed\nhint: `apt-get install wrk`")
    return found


def load(server: Server, connections: int, seconds: float) -> Figure:
    """Have some clients ask for predictions one after another, again at once when they are refused."""
    # wrk takes whole seconds alone.
    command = [wrk(), f"-t{connections}", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "10s"]
    command += ["-s", str(HERE / "count.lua"), f"http://127.0.0.1:{server.port}/predictions"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(output.rpartition("RESULT ")[2])
    return Figure(
        value=result["succeeded"] / result["seconds"],
        successes=result["succeeded"],
        refused=result["refused"],
        broken=result["other"] + result["broken"],
        p99=result["p99"],
    )


def file_in(server: Server, count: int) -> Figure:
    """Send a file as a data URI, one after another."""
    uri = "data:application/octet-stream;base64," + base64.b64encode(os.urandom(FILE)).decode()
    return _sequence(server, {"file": uri}, count, expected=f'"output":{FILE}'.encode())


def file_out(server: Server, count: int) -> Figure:
    """Get a file as a data URI, one after another."""
    return _sequence(server, {"size": FILE}, count, expected=b";base64,", least=FILE * 4 // 3)


def _sequence(server: Server, given: dict[str, object], count: int, *, expected: bytes, least: int = 0) -> Figure:
    request = _request(server, json.dumps({"input": given}).encode())
    body = bytearray()
    seconds = 0.0  # without those in which the client looks through what it got: they are no server's
    with _connected(server) as connection:
        for _ in range(count):
            begun = time.perf_counter()
            connection.sendall(request)
            _answer(connection, body)
            seconds += time.perf_counter() - begun
            if SUCCEEDED not in body or expected not in body or len(body) < least:
                raise Failed(f"an answer of {len(body)} bytes: {bytes(body[:300])!r}")
    return Figure(value=count / seconds, successes=count)


def tokens(server: Server, count: int) -> Figure:
    """Read one stream of server-sent events to its end."""
    body = json.dumps({"input": {"count": count}}).encode()
    received = bytearray()
    with _connected(server) as connection:
        begun = time.perf_counter()
        connection.sendall(_request(server, body, b"Accept: text/event-stream\r\n"))
        while b"event: completed" not in received[-1_000_000:]:
            if not (data := connection.recv(256 * 1024)):
                break
            received += data
            if not received.startswith(b"HTTP/1.1 2"):
                raise Failed(f"no stream: {bytes(received[:300])!r}")
        seconds = time.perf_counter() - begun
        # The last event repeats every token; what is after its name can't hold another event's.
    got = bytes(received).count(b"event: output")
    return Figure(value=got / seconds, successes=got, broken=count - got)


def _request(server: Server, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST /predictions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n" % server.port
    return head + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextlib.contextmanager
def _connected(server: Server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _answer(connection: socket.socket, body: bytearray) -> None:
    """Receive one answer that declares its length, and make `body` its body."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        if not (piece := connection.recv(64 * 1024)):
            raise Failed("the connection ended before its answer")
        data += piece
    head = bytes(data[:end]).lower()
    if b"\r\ncontent-length: " not in head:
        raise Failed(f"an answer without a length: {head!r}")
    length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
    if len(body) != length:
        body[:] = bytes(length)
    at = len(data) - end - 4
    body[:at] = data[end + 4 :]
    with memoryview(body) as view:
        while at < length:
            if not (size := connection.recv_into(view[at:])):
                raise Failed("the connection ended within its answer")
            at += size
