"""Outputs in pieces, and the events that tell of them."""

import http.client
import json

import pytest
from cogserve.predictions.events import MISSED

from tests.server.fixtures import shared
from tests.server.serving import events

SOURCE = """
import os
import time
from cog import BasePredictor, ConcatenateIterator, streaming

class Predictor(BasePredictor):
    @streaming
    def predict(self, count: int, gate: str = "", fail_at: int = -1) -> ConcatenateIterator[str]:
        for number in range(count):
            while gate and number == 1 and not os.path.exists(gate):
                time.sleep(0.01)
            if number == fail_at:
                raise ValueError("enough")
            if number == 0:
                print("first")
                self.record_metric("tokens", 1)
            yield f"{number};"
"""
server = shared(SOURCE)
SSE = {"Accept": "text/event-stream"}


def test_the_output_of_a_generator_is_a_list(server):
    assert server.predict(count=3).json["output"] == ["0;", "1;", "2;"]
    assert server.predict(count=0).json["output"] == []


def test_a_generator_that_fails_keeps_what_it_gave(server):
    body = server.predict(count=3, fail_at=2).json

    assert (body["status"], body["error"], body["output"]) == ("failed", "enough", ["0;", "1;"])


def test_a_metrics_event_says_increment_where_the_model_says_incr(serve):
    source = SOURCE.replace(
        '"tokens", 1', '"tokens", 4)\n                self.record_metric("tokens", 3, mode="incr"'
    )

    kinds = events(serve(source).predict(count=1, headers=SSE).body)

    assert [data for kind, data in kinds if kind == "metric"] == [
        {"name": "tokens", "value": 4, "mode": "replace"},
        {"name": "tokens", "value": 3, "mode": "increment"},
    ]
    assert kinds[-1][1]["metrics"]["tokens"] == 7


def test_events_tell_everything_in_order(server):
    answer = server.predict(count=2, id="told", headers=SSE)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    told = events(answer.body)
    completed = told.pop()
    assert told == [
        ("start", {"id": "told", "status": "processing"}),
        ("log", {"source": "stdout", "data": "first\n"}),
        ("metric", {"name": "tokens", "value": 1, "mode": "replace"}),
        ("output", {"chunk": "0;", "index": 0}),
        ("output", {"chunk": "1;", "index": 1}),
    ]
    assert completed[0] == "completed"
    assert completed[1]["metrics"].pop("predict_time") >= 0
    assert completed[1] == {
        "id": "told",
        "output": ["0;", "1;"],
        "logs": "first\n",
        "status": "succeeded",
        "metrics": {"tokens": 1},
    }


def test_each_event_comes_when_it_happens(server, tmp_path):
    gate = tmp_path / "gate"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = json.dumps({"input": {"count": 2, "gate": str(gate)}})
    connection.request("POST", "/predictions", body, {"Content-Type": "application/json", **SSE})
    response = connection.getresponse()

    lines = []
    while not lines or '"0;"' not in lines[-1]:
        lines.append(response.readline().decode())  # blocks for ever if it is only told at the end
    gate.touch()

    assert events(response.read())[-1][1]["output"] == ["0;", "1;"]
    connection.close()


def test_put_of_a_running_prediction_replays_what_was_told(server, tmp_path):
    gate = tmp_path / "gate"
    server.put("replayed", count=2, gate=str(gate), asynchronous=True)
    server.until(lambda: server.get("/predictions/replayed").json.get("output") == ["0;"])
    gate.touch()

    told = events(server.predict(method="PUT", path="/predictions/replayed", headers=SSE, count=2).body)

    assert [kind for kind, _ in told] == ["start", "log", "metric", "output", "output", "completed"]


def test_a_reader_that_comes_late_is_told_how_much_it_missed(serve):
    server = serve(SOURCE, COG_STREAM_HISTORY_CAPACITY="10")
    server.put("long", count=100)

    told = events(server.predict(method="PUT", path="/predictions/long", headers=SSE, count=1).body)

    # 100 outputs, start, log, metric and completed; the newest ten are kept.
    assert told[0] == ("error", {"error": MISSED, "skipped": 94})
    assert [data["chunk"] for kind, data in told if kind == "output"] == [
        f"{number};" for number in range(91, 100)
    ]
    assert told[-1][1]["output"] == [f"{number};" for number in range(100)]


def test_the_last_reader_that_leaves_cancels_what_it_started(server, tmp_path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = json.dumps({"id": "left", "input": {"count": 2, "gate": str(tmp_path / "never")}})
    connection.request("POST", "/predictions", body, {"Content-Type": "application/json", **SSE})
    connection.getresponse().readline()

    connection.close()

    assert server.wait_for("left")["status"] == "canceled"


def test_a_reader_of_an_earlier_prediction_of_the_same_id_does_not_keep_the_next_one_alive(serve, tmp_path):
    server = serve(SOURCE.replace('f"{number};"', '"x" * (1 << 20)'))

    def reading(**inputs):
        reader = server.open()
        body = json.dumps({"id": "again", "input": inputs}).encode()
        head = "POST /predictions HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader.sendall(head.encode() + body)
        assert reader.recv(12) == b"HTTP/1.1 200"
        return reader

    # The first has ended, and its reader, who takes nothing, is still being written to.
    with reading(count=30):
        assert server.wait_for("again")["status"] == "succeeded"
        reading(count=2, gate=str(tmp_path / "never")).close()

        assert server.wait_for("again")["status"] == "canceled"


@pytest.mark.parametrize("asynchronous", [True, False])
def test_many_small_outputs_all_arrive(server, asynchronous):
    id = f"many-{asynchronous}"  # noqa: A001
    server.predict(count=3000, id=id, asynchronous=asynchronous)

    assert server.wait_for(id)["output"] == [f"{number};" for number in range(3000)]


def test_trainings_do_not_stream(server):
    assert server.predict(path="/trainings", count=1, headers=SSE).status == 406
