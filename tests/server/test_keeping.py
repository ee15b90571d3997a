"""What is kept after a prediction's end, and for how long; how many bytes of requests there may be."""

import threading
import time

import pytest
from cogserve.predictions import registry as registry_module
from cogserve.predictions.prediction import MAX_HISTORY_BYTES, MAX_LOGS, Prediction, State
from cogserve.predictions.registry import Registry

from tests.server.fixtures import shared

SOURCE = """
import os, time
from cog import BasePredictor
class Predictor(BasePredictor):
    def predict(self, text: str = "", gate: str = "") -> str:
        while gate and not os.path.exists(gate):
            time.sleep(0.01)
        return text
"""
server = shared(SOURCE, COG_RESULTS_TTL="0.2", COG_MAX_BODY="10kB", COG_MAX_INFLIGHT="15kB", COG_QUEUE="10")


def ended(id, size=0):  # noqa: A002
    prediction = Prediction(id, b"{}")
    prediction.move(State.WAITING)
    prediction.finish(State.CANCELED)
    prediction.size += size
    return prediction


def keep(registry, *predictions):
    for prediction in predictions:
        registry.add(prediction)
        registry.end(prediction)


def test_a_result_is_gone_when_its_time_is_over(server):
    server.predict(id="kept", text="x")
    assert server.get("/predictions/kept").json["output"] == "x"

    server.until(lambda: server.get("/predictions/kept").status == 404)

    again = server.put("kept", text="y")
    assert again.json["output"] == "y"


def test_the_oldest_results_make_room(monkeypatch):
    monkeypatch.setattr(registry_module, "MAX_KEPT", 3)
    registry = Registry(ttl=100)
    keep(registry, *(ended(str(number)) for number in range(5)))

    assert [number for number in range(5) if registry.find(str(number))] == [2, 3, 4]


def test_results_are_bounded_by_their_bytes(monkeypatch):
    monkeypatch.setattr(registry_module, "MAX_KEPT_BYTES", 10_000)
    registry = Registry(ttl=100)
    keep(registry, ended("a", 4000), ended("b", 4000), ended("c", 4000))

    assert [name for name in "abc" if registry.find(name)] == ["c"]
    keep(registry, ended("large", 20_000))
    assert registry.find("large")  # the newest never makes room
    keep(registry, ended("next"))
    assert registry.find("large") is None
    assert "bytes of results" in registry.why_dropped("large")


def test_what_somebody_has_received_makes_room_before_what_nobody_has(monkeypatch):
    monkeypatch.setattr(registry_module, "MAX_KEPT", 3)
    registry = Registry(ttl=100)
    predictions = [ended(str(number)) for number in range(6)]
    predictions[2].delivered = predictions[4].delivered = True
    keep(registry, *predictions)

    # 0 had to go before anything was delivered; then the delivered ones went, though they were newer.
    assert [number for number in range(6) if registry.find(str(number))] == [1, 3, 5]


def test_an_id_that_ended_can_be_used_again_and_one_that_lives_not():
    registry = Registry(ttl=100)
    keep(registry, ended("a"))
    second = Prediction("a", b"{}")
    registry.add(second)

    assert registry.find("a") is second
    with pytest.raises(KeyError):
        registry.add(Prediction("a", b"{}"))


def test_all_requests_together_have_their_limit(server, tmp_path):
    large = "x" * 9000
    server.predict(text=large, gate=str(tmp_path / "gate"), id="large", asynchronous=True)

    refused = server.predict(text=large)

    assert refused.status == 503
    assert refused.json["error"] == "The server holds as many bytes of requests as COG_MAX_INFLIGHT allows"
    assert refused.headers["retry-after"] == "5"
    (tmp_path / "gate").touch()
    server.wait_for("large")
    assert server.predict(text=large).json["output"] == large


def test_a_predictions_logs_and_events_are_bounded():
    prediction = Prediction("a", b"{}")
    for _ in range(1000):
        prediction.add_log("x" * 65536)

    assert len(prediction.log_text) <= MAX_LOGS
    assert sum(len(data["data"]) for _, data in prediction.history) <= MAX_HISTORY_BYTES
    assert prediction.history_start == 1000 - len(prediction.history)


def test_many_clients_at_once_are_all_answered(server):
    answers = []

    def ask(number):
        answers.extend(server.predict(text=str(number)).status for _ in range(10))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 80
    assert time.monotonic() - begun < 15
