"""What clients and the model may make the server hold, and how long one request may keep it busy."""

import contextlib
import json
import socket
import threading

import pytest

from tests.server.fixtures import shared
from tests.server.serving import PATIENCE

SOURCE = r"""
import os, time
from cog import BasePredictor, ConcatenateIterator, Input, Path

class Predictor(BasePredictor):
    def predict(
        self,
        text: str = "x",
        size: int = 0,
        empty: int = 0,
        gate: str = "",
        file: Path = None,
        slow: str = Input(default="a", regex=r"^(\w+\s?)*$"),
        plain: str = Input(default="a", regex=r"^[a-z]+$"),
    ) -> ConcatenateIterator[str]:
        while gate and not os.path.exists(gate):
            time.sleep(0.01)
        for _ in range(empty):
            yield ""
        yield text + "x" * size
"""
MEGABYTE = 1_000_000
HEAD = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LIMITS = {"COG_MAX_MEMORY": "30MB", "COG_MAX_INFLIGHT": "20MB", "COG_MAX_BODY": "19MB", "COG_RESULTS_TTL": "1"}
server = shared(SOURCE, COG_BODY_TIMEOUT="1.5", COG_WRITE_TIMEOUT="1.5", **LIMITS)


def metric(server, name):
    lines = server.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


# One request may not stop the loop


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": {"file": "data:text/plain" + ";" * 10 * MEGABYTE + ",x"}}, "file"),
        ({"input": {"file": "data:" + "x" * 10 * MEGABYTE}}, "file"),
        ({"input": {"file": "https://example.com/é" + "e" * 5 * MEGABYTE}}, "file"),
        ({"input": {}, "webhook": "https://" + "a." * MEGABYTE + "com/"}, "webhook"),
        ({"input": {}, "webhook": "https://" + "é" * 300 + ".com/"}, "webhook"),
        ({"input": {}, "context": {"key": "x" * 2 * MEGABYTE}}, "context"),
    ],
    ids=["data-head", "data-comma", "path", "host", "label", "context"],
)
def test_texts_of_a_length_that_nobody_needs_are_refused(server, body, field):
    answer = server.post("/predictions", body)

    assert answer.status == 422
    assert field in answer.json["detail"][0]["loc"]
    assert len(answer.body) < 2000


def test_a_pattern_that_takes_long_is_given_up_and_others_are_answered_meanwhile(server):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.predict(slow="a" * 40 + "!")))
    asking.start()
    answered = 0
    while not answers:
        answered += server.get("/livez").status == 200
    asking.join()

    assert answers[0].status == 422
    assert answers[0].json["detail"][0]["loc"] == ["body", "input", "slow"]
    assert "takes more than 1 s" in answers[0].json["detail"][0]["msg"]
    assert answered > 1


def test_patterns_decide_as_before(server):
    assert server.predict(slow="two words").status == 200
    assert server.predict(slow="no!").json["detail"][0]["msg"] == r"String should match pattern '^(\w+\s?)*$'"
    assert server.predict(plain="good").status == 200
    assert server.predict(plain="BAD").status == server.predict(plain="b" * MEGABYTE + "!").status == 422
    assert server.predict(plain="b" * MEGABYTE).status == 200


# Everything that is held is counted


def test_contexts_are_held_as_long_as_their_predictions_run(server, tmp_path):
    gate = tmp_path / "gate"
    before = metric(server, "cog_memory_bytes")
    for number in range(15):
        body = {"id": f"context-{number}", "input": {"gate": str(gate)}, "context": {"key": "x" * MEGABYTE}}
        assert server.post("/predictions", body, Prefer="respond-async").status == 202

    assert metric(server, "cog_memory_bytes") > before + 15 * MEGABYTE
    gate.touch()
    for number in range(15):
        server.wait_for(f"context-{number}")
    assert metric(server, "cog_memory_bytes") < before + MEGABYTE


def test_many_requests_together_are_refused_when_there_is_no_room(server, tmp_path):
    gate = tmp_path / "gate"
    statuses = []
    for _ in range(12):
        body = {"input": {"gate": str(gate), "text": "x" * 2 * MEGABYTE}}
        statuses.append(server.post("/predictions", body, Prefer="respond-async").status)

    assert statuses.count(503) >= 2
    assert metric(server, "cog_memory_bytes") < 30 * MEGABYTE
    gate.touch()
    server.until(lambda: metric(server, "cog_predictions_inside") == 0)
    assert server.predict(text="good").json["output"] == ["good"]


@pytest.mark.parametrize("values", [{"size": 40 * MEGABYTE}, {"empty": 250_000}], ids=["long", "empty"])
def test_an_output_that_does_not_fit_fails_its_prediction_alone(server, values):
    body = server.predict(**values).json

    assert body["status"] == "failed"
    assert "COG_MAX_MEMORY" in body["error"]
    server.until(lambda: server.predict(text="good").json["status"] == "succeeded")


def test_readers_that_stall_hold_no_copies_of_the_result(server):
    assert server.predict(size=8 * MEGABYTE, id="large", asynchronous=True).status == 202
    server.wait_for("large")
    before = metric(server, "process_resident_memory_bytes")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(b"GET /predictions/large HTTP/1.1\r\nHost: x\r\n\r\n")
            reader.recv(1, socket.MSG_PEEK)

        assert metric(server, "process_resident_memory_bytes") < before + 40 * MEGABYTE


# A rate for everyone


def test_a_burst_does_not_buy_the_right_to_be_silent(server):
    with server.open() as connection:
        connection.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n" + b"x" * 5 * MEGABYTE)

        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_reader_that_takes_a_little_now_and_then_is_let_go(server):
    server.predict(size=8 * MEGABYTE, id="dripped", asynchronous=True)
    server.wait_for("dripped")
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(PATIENCE)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(b"GET /predictions/dripped HTTP/1.1\r\nHost: x\r\n\r\n")
        open_before = metric(server, "process_open_fds")

        def one_fewer():
            with contextlib.suppress(ConnectionError):
                reader.recv(100)
            return metric(server, "process_open_fds") < open_before

        server.until(one_fewer)


def test_the_body_that_stalled_longest_makes_room(serve):
    server = serve(SOURCE, COG_BODY_TIMEOUT="60", COG_MAX_BODY="10MB", COG_MAX_INFLIGHT="15MB")
    with server.open() as stalled:
        stalled.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n" + b"x" * 9 * MEGABYTE)
        body = json.dumps({"input": {"text": "x" * 9 * MEGABYTE}}).encode()

        server.until(
            lambda: (
                server.request("POST", "/predictions", body, {"Content-Type": "application/json"}).status == 200
            )
        )

        answer = stalled.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"stalled" in answer
