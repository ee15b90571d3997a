"""What clients do to connections. After each, the next good request succeeds; on both parsers."""

import contextlib
import json
import os
import resource
import socket
import time

import h2.config
import h2.connection
import pytest

from tests.server.serving import Server

SOURCE = """
import time
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, text: str, size: int = 1, seconds: float = 0) -> str:
        time.sleep(seconds)
        return text * size
"""
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(request, tmp_path_factory):
    settings = {"COG_HTTP_PARSER": request.param, "COG_MAX_BODY": "100000", "COG_QUEUE": "100"}
    settings.update(COG_KEEP_ALIVE="1", COG_BODY_TIMEOUT="0.5")
    server = Server(tmp_path_factory.mktemp("project"), SOURCE, **settings).wait_until_ready()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def next_request_succeeds(request):
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        assert server.predict(text="good").json["output"] == "good"
        assert "Traceback" not in server.output


def exchange(server, *pieces, timeout=5.0):
    """Send, and return all that comes until the connection ends or nothing has come for `timeout` seconds."""
    with server.open() as connection:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return read(connection, timeout)


def read(connection, timeout=5.0):
    connection.settimeout(timeout)
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while data := connection.recv(65536):
            received += data
    return received


def status(answer):
    return int(answer.split()[1]) if answer else None


def h2_request(*headers):
    config = h2.config.H2Configuration(
        header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=True)
    return connection.data_to_send()


REST = ((b":scheme", b"http"), (b":authority", b"x"))


@pytest.mark.parametrize(
    "headers",
    [
        ((b":method", b"GET"), (b":path", b"/"), *REST),
        ((b":method", b"GET"), (b":path", "/é".encode()), *REST),
        ((b":method", "GÉT".encode()), (b":path", b"/"), *REST),
        ((b":method", b"CONNECT"), (b":authority", b"x")),
    ],
    ids=["good", "path", "method", "connect"],
)
def test_http2_in_the_clear_is_refused_and_ends_nothing(server, headers):
    assert status(exchange(server, h2_request(*headers))) in (400, 505)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Content-Length: +3\r\n\r\nabc",
        HEAD + b"Content-Length: -1\r\n\r\nabc",
        HEAD + b"Content-Length: 0x3\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nabc",
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_read(server, request_bytes):
    answer = exchange(server, request_bytes + GET)

    assert status(answer) in (400, 408, 501, 505)  # 408: of a chunk so long, the rest has not come
    assert answer.count(b"HTTP/1.1 ") == 1


def test_what_came_before_a_bad_request_is_answered(server):
    body = b'{"input": {"text": "before"}}'

    answer = exchange(server, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"nonsense\r\n\r\n" + GET)

    good, _, bad = answer.partition(b"HTTP/1.1 400")
    assert b'"output":"before"' in good
    assert b"HTTP/1.1" not in bad


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000,
    ],
    ids=["header", "target", "many", "endless"],
)
def test_a_head_that_is_too_long_is_refused(server, head):
    assert status(exchange(server, head)) in (431, 400, 414)


def test_a_drip_fed_head_is_let_go_in_time(server):
    with server.open() as connection, contextlib.suppress(ConnectionError):
        begun = time.monotonic()
        while time.monotonic() - begun < 10:
            connection.sendall(b"X")
            time.sleep(0.1)

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 90000\r\n\r\n", b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"],
    ids=["long", "short", "chunked"],
)
def test_a_drip_fed_body_is_let_go_in_time(server, framing):
    with server.open() as connection:
        connection.sendall(HEAD + framing)
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begun < 10 and not connection_has_answer(connection):
                connection.sendall(b"1\r\nx\r\n" if b"chunked" in framing else b"x")
                time.sleep(0.05)
        answer = read(connection)

    assert time.monotonic() - begun < 5
    assert status(answer) == 408


def test_a_body_that_comes_when_its_connection_had_idled_long_is_taken(server):
    """A request has begun, so what is over is the time to idle, not its own."""
    body = b'{"input": {"text": "late"}}'
    with server.open() as connection:
        time.sleep(0.8)
        connection.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        time.sleep(0.45)
        connection.sendall(body)

        assert b'"output":"late"' in read(connection)


def connection_has_answer(connection):
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.setblocking(True)


def test_a_million_chunks_of_one_byte_cost_little(server):
    before = cpu_seconds(server.process.pid)

    answer = exchange(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n" * 10_000] * 100)

    assert status(answer) in (413, None)  # None: a reset overtook the answer
    assert cpu_seconds(server.process.pid) - before < 1


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_and_not_read(server, chunked):
    if chunked:
        pieces = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 100]
    else:
        pieces = [HEAD + b"Content-Length: 6553600\r\n\r\n", *[b"x" * 65536] * 100]

    answer = exchange(server, *pieces)

    assert status(answer) == 413
    assert b"connection: close" in answer.lower()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_client_that_asks_first_is_not_made_to_send_too_much(server):
    answer = exchange(server, HEAD + b"Expect: 100-continue\r\nContent-Length: 6553600\r\n\r\n")
    assert status(answer) in (413, 100)

    body = b'{"input": {"text": "asked"}}'
    with server.open() as connection:
        connection.sendall(
            HEAD + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert b'"asked"' in read(connection)


def test_pipelined_requests_are_answered_in_order(server):
    bodies = [b'{"input": {"text": "%d"}}' % number for number in range(20)]
    requests = [HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    requests[-1] = requests[-1].replace(b"Host: x", b"Host: x\r\nConnection: close")

    answer = exchange(server, b"".join(requests))

    outputs = [part.partition(b'"output":"')[2].partition(b'"')[0] for part in answer.split(b"HTTP/1.1 200")[1:]]
    assert outputs == [b"%d" % number for number in range(20)]


def test_a_reader_that_is_late_gets_every_answer_whole_and_in_order(server):
    sizes = [50_000 + 40_000 * (number % 2) for number in range(150)]
    bodies = [b'{"input": {"text": "%d", "size": %d}}' % (index % 10, size) for index, size in enumerate(sizes)]
    requests = [HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    requests[-1] = requests[-1].replace(b"Host: x", b"Host: x\r\nConnection: close")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"".join(requests))
        time.sleep(0.5)
        answer = read(connection)

    outputs = [part.partition(b'"output":"')[2].partition(b'"')[0] for part in answer.split(b"HTTP/1.1 200")[1:]]
    assert outputs == [b"%d" % (index % 10) * size for index, size in enumerate(sizes)]


def test_a_request_in_pieces_of_one_byte_is_the_same_request(server):
    body = b'{"input": {"text": "pieces"}}'
    whole = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole += b"%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body)

    with server.open() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(whole)):
            connection.sendall(whole[index : index + 1])
        answer = read(connection)

    assert b'"output":"pieces"' in answer


def test_a_client_that_leaves_is_noticed_though_it_has_sent_more(server):
    body = b'{"id": "left-%d", "input": {"text": "x", "seconds": 60}}' % time.monotonic_ns()
    id = json.loads(body)["id"]  # noqa: A001
    with server.open() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET)
        server.wait_for(id, "processing")
        left = time.monotonic()

    server.wait_for(id, "canceled")
    assert time.monotonic() - left < 2


def test_a_request_cut_short_is_forgotten(server):
    with server.open() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
    with server.open() as connection:
        connection.sendall(HEAD)


@pytest.mark.parametrize("method", [b"OPTIONS * HTTP/1.1", b"GET http://x/livez HTTP/1.1", b"TRACE / HTTP/1.1"])
def test_odd_but_legal_requests_get_an_answer(server, method):
    answer = exchange(server, method + b"\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert status(answer) in (200, 404, 405)


def test_http_1_0_is_answered_and_closed(server):
    answer = exchange(server, b"GET /livez HTTP/1.0\r\n\r\n")

    assert answer.endswith(b"\r\n\r\nREADY")

    body = b'{"input": {"text": "old"}}'
    answer = exchange(server, HEAD.replace(b"1.1", b"1.0") + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert b'"output":"old"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_a_reader_that_never_reads_is_let_go(serve, parser):
    server = serve(SOURCE, COG_HTTP_PARSER=parser, COG_WRITE_TIMEOUT="0.3")
    open_before = descriptors(server)
    with unread_answer(server):
        server.until(lambda: descriptors(server) == open_before, "the connection's end")

    assert server.predict(text="good").json["output"] == "good"


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_a_reader_that_never_reads_does_not_hold_up_the_end(serve, parser):
    server = serve(SOURCE, COG_HTTP_PARSER=parser, COG_WRITE_TIMEOUT="600", COG_DRAIN="1")
    with unread_answer(server):
        server.terminate()
        assert server.wait(timeout=1 + 3) == 0


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))  # noqa: PTH208


@contextlib.contextmanager
def unread_answer(server):
    """A connection on which 50 MB wait to be read; it is there when they do."""
    body = json.dumps({"id": "unread", "input": {"text": "x" * 1000, "size": 50_000}}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.recv(1, socket.MSG_PEEK)
        yield


def test_ten_thousand_idle_connections_leave_room_for_a_good_one(serve):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
    try:
        server = serve(SOURCE)
        with contextlib.ExitStack() as stack:
            for number in range(10_000):
                connection = stack.enter_context(server.open())
                if number % 2:
                    connection.sendall(b"GET /livez HTTP/1.1\r\n")  # half of them have begun to ask
            begun = time.monotonic()
            assert server.predict(text="good").json["output"] == "good"
            assert time.monotonic() - begun < 5
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_when_descriptors_run_out_the_idle_make_room(serve, parser):
    server = serve(SOURCE, COG_HTTP_PARSER=parser, descriptors=160)
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(server.open())
        assert server.predict(text="good").json["output"] == "good"
    assert server.predict(text="good").json["output"] == "good"
