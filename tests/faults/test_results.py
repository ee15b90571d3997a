"""Every prediction ends, its result is kept while somebody is owed it, and a PUT can be tried again."""

import json
import socket

import pytest

from tests.server.fixtures import shared

SOURCE = """
import os, time
from cog import BasePredictor

def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value

class Predictor(BasePredictor):
    def predict(self, text: str = "", size: int = 1, depth: int = 0, gate: str = "", crash: str = "") -> str:
        if depth:
            self.record_metric("deep", nested(depth))
        while gate and not os.path.exists(gate):
            time.sleep(0.01)
        if crash and not os.path.exists(crash):
            open(crash, "w").close()
            os._exit(3)
        return text * size
"""
MEGABYTE = 1_000_000
server = shared(SOURCE, COG_RESULTS_DISK="100MB")


def memory(server):
    lines = server.get("/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("cog_memory_bytes "))


def test_predictions_that_record_what_cannot_be_kept_fail_and_free_their_slots(server):
    for _ in range(70):  # more than there are places
        answer = server.predict(text="x", depth=900)
        assert (answer.status, answer.json["status"]) == (200, "failed")

    assert server.predict(text="good").json["output"] == "good"


def test_a_metric_of_a_size_that_nobody_reads_fails_its_prediction(serve):
    server = serve(SOURCE.replace('record_metric("deep", nested(depth))', "record_metric(\"deep\", 'x' * depth)"))

    answer = server.predict(depth=2 * MEGABYTE)

    assert answer.json["status"] == "failed"
    assert "deep" in answer.json["error"]
    assert server.predict(text="good").json["output"] == "good"


def test_a_large_result_waits_in_a_file_until_it_is_fetched(server):
    expected = "0123456789" * 7 * MEGABYTE
    server.predict(text="0123456789", size=7 * MEGABYTE, id="large", asynchronous=True)
    server.until(lambda: size_of(server, "large"), "the result")
    server.until(lambda: memory(server) < 5 * MEGABYTE, "the file")

    assert server.get("/predictions/large").json["output"] == expected
    assert server.put("large", text="other").json["output"] == expected


def test_a_large_result_can_be_fetched_at_once(server):
    server.predict(text="0123456789", size=7 * MEGABYTE, id="at-once", asynchronous=True)
    assert len(server.wait_for("at-once")["output"]) == 70 * MEGABYTE


def test_what_had_to_be_dropped_is_logged_and_answered_410(server):
    for name in ("first", "second"):
        server.predict(text="x", size=70 * MEGABYTE, id=name, asynchronous=True)
        server.until(lambda name=name: size_of(server, name), name)
        server.until(lambda: memory(server) < 75 * MEGABYTE, "the file")  # "at-once" stays in memory

    server.until(lambda: server.request("HEAD", "/predictions/first").status == 410, "410")

    gone = server.get("/predictions/first")
    assert gone.status == 410
    assert "bytes of results in files" in gone.json["error"]
    assert server.put("first", text="x").status == 410
    server.wait_for_line("the result of prediction first is dropped before anyone got it")
    assert len(server.get("/predictions/second").json["output"]) == 70 * MEGABYTE


def size_of(server, name):
    """The length of a result, without fetching it."""
    answer = server.request("HEAD", f"/predictions/{name}")
    return answer.status == 200 and int(answer.headers.get("content-length", 0)) > 60 * MEGABYTE


def test_quick_results_of_others_do_not_drop_one_that_nobody_has_received(server):
    server.predict(text="mine", id="mine", asynchronous=True)
    body = b'{"input": {"text": "other"}}'
    head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with server.open() as connection:
        for _ in range(11):
            connection.sendall((head % len(body) + body) * 100)
            received = b""
            while received.count(b'"succeeded"') < 100:
                received += connection.recv(65536)

    assert server.get("/predictions/mine").json["output"] == "mine"


def test_a_put_whose_connection_dropped_runs_again(server, tmp_path):
    leave_a_put(server, "dropped", {"text": "x", "gate": str(tmp_path / "never")})
    server.wait_for("dropped", "canceled")

    again = server.put("dropped", text="again")

    assert (again.status, again.json["output"]) == (200, "again")
    assert server.put("dropped", text="third").json["output"] == "again"


def leave_a_put(server, name, values):
    with start_a_put(server, name, values):
        server.wait_for(name, "processing")


def start_a_put(server, name, values):
    body = json.dumps({"input": values}).encode()
    head = f"PUT /predictions/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection = server.open()
    connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def test_a_put_whose_worker_crashed_runs_again(server, tmp_path):
    crashed = server.put("crashed", text="x", crash=str(tmp_path / "crashed"))
    assert crashed.json["status"] == "failed"
    server.wait_until_ready()

    assert server.put("crashed", text="again", crash=str(tmp_path / "crashed")).json["output"] == "again"


def test_a_put_that_was_canceled_on_purpose_does_not_run_again(server, tmp_path):
    server.predict(
        method="PUT", path="/predictions/unwanted", text="x", gate=str(tmp_path / "never"), asynchronous=True
    )
    server.wait_for("unwanted", "processing")
    server.post("/predictions/unwanted/cancel")
    server.wait_for("unwanted")

    assert server.put("unwanted", text="again").json["status"] == "canceled"


def test_a_second_put_takes_over_from_a_connection_that_drops(server, tmp_path):
    gate = tmp_path / "gate"
    with start_a_put(server, "taken", {"text": "x", "gate": str(gate)}) as first:
        server.wait_for("taken", "processing")
        second = server.put("taken", text="y")
        assert (second.status, second.json["status"]) == (202, "processing")
        first.shutdown(socket.SHUT_RDWR)
    with server.open() as other:  # a later client that leaves is noticed later
        other.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        other.recv(100)
    with start_a_put(server, "later", {"text": "x"}):
        pass
    server.wait_for("later", "canceled")

    assert server.get("/predictions/taken").json["status"] == "processing"
    gate.touch()
    assert server.wait_for("taken")["output"] == "x"


@pytest.mark.parametrize("field", ["token", "tokens"])
def test_a_secret_is_not_shown_by_a_put_of_a_running_id(serve, tmp_path, field):
    server = serve(
        SOURCE.replace("import BasePredictor", "import BasePredictor, Secret").replace(
            'text: str = ""', 'text: str = "", token: Secret = None, tokens: list[Secret] = None'
        )
    )
    gate = tmp_path / "gate"
    given = {"token": "s3cret"} if field == "token" else {"tokens": ["s3cret"]}
    server.predict(method="PUT", path="/predictions/held", gate=str(gate), asynchronous=True, **given)

    shown = server.put("held", gate=str(gate))

    assert shown.status == 202
    assert shown.json["input"]["gate"] == str(gate)
    assert "s3cret" not in shown.body.decode()
    gate.touch()
