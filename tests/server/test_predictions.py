"""The requests and answers of `/predictions`, as Cog's clients know them."""

import json
import re

import pytest

from tests.server.fixtures import shared

SOURCE = """
import os
import time
from typing import List
from cog import BasePredictor, Input, current_scope

class Predictor(BasePredictor):
    def setup(self):
        print("weights loaded")

    def predict(
        self,
        text: str,
        times: int = Input(default=2, ge=0, le=5),
        mode: str = Input(default="plain", choices=["plain", "fail", "exit", "metrics", "hold", "context"]),
        gate: str = "",
    ) -> str:
        print(f"asked for {text}")
        if mode == "fail":
            raise ValueError("the text is not nice")
        if mode == "exit":
            raise SystemExit(3)
        if mode == "metrics":
            self.record_metric("tokens", 3)
            self.record_metric("tokens", 4, "incr")
            self.record_metric("time.load", 0.5)
            self.record_metric("steps", "a", "append")
            self.record_metric("steps", "b", "append")
            self.record_metric("gone", 1)
            self.record_metric("gone", None)
        if mode == "context":
            return current_scope().context["who"]
        while mode == "hold" and not os.path.exists(gate):
            time.sleep(0.01)
        return text * times
"""


server = shared(SOURCE, COG_QUEUE="2")


@pytest.fixture
def hold(server, tmp_path):
    """Start a prediction that runs until the function returned is called."""
    gate = tmp_path / "gate"
    server.predict(text="held", mode="hold", gate=str(gate), id="held", asynchronous=True)
    server.wait_for("held", "processing")
    yield gate.touch
    gate.touch()
    server.wait_for("held")


def test_a_prediction_succeeds_with_cogs_fields_and_no_others(server):
    answer = server.predict(text="ab")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    body = answer.json
    assert re.fullmatch("pred_[0-9a-f]{32}", body.pop("id"))
    assert 0 <= body["metrics"].pop("predict_time") < 1
    assert body == {"output": "abab", "logs": "asked for ab\n", "status": "succeeded", "metrics": {}}


def test_a_prediction_that_raises_fails_with_its_message_and_keeps_its_logs(server):
    answer = server.predict(text="ab", mode="fail")

    assert answer.status == 200
    body = answer.json
    assert (body["status"], body["error"]) == ("failed", "the text is not nice")
    assert body["logs"].startswith("asked for ab\nTraceback")
    assert body["logs"].endswith("ValueError: the text is not nice\n")
    assert set(body) == {"id", "error", "logs", "status", "metrics"}


def test_a_model_that_exits_fails_only_that_prediction(server):
    assert server.predict(text="ab", mode="exit").json["error"] == "the model called sys.exit(3)"
    assert server.predict(text="ab").json["output"] == "abab"


def test_metrics_are_kept_by_their_modes_and_nested_by_their_dots(server):
    metrics = server.predict(text="ab", mode="metrics").json["metrics"]

    metrics.pop("predict_time")
    assert metrics == {"tokens": 7, "time": {"load": 0.5}, "steps": ["a", "b"]}


def test_the_context_reaches_the_model(server):
    answer = server.post("/predictions", {"input": {"text": "", "mode": "context"}, "context": {"who": "me"}})

    assert answer.json["output"] == "me"


def test_input_that_does_not_fit_is_422_with_every_mistake(server):
    answer = server.predict(times=6, mode="odd")

    assert answer.status == 422
    choices = '"plain", "fail", "exit", "metrics", "hold", "context"'
    assert answer.json["detail"] == [
        {
            "loc": ["body", "input", "times"],
            "msg": "Input should be less than or equal to 5",
            "type": "value_error",
        },
        {"loc": ["body", "input", "mode"], "msg": f"Input should be one of {choices}", "type": "value_error"},
        {"loc": ["body", "input", "text"], "msg": "Field required", "type": "value_error.missing"},
    ]


def test_an_unknown_input_is_left_out_and_noted_in_the_logs(server):
    body = server.predict(text="ab", colour="red").json

    assert body["output"] == "abab"
    assert body["logs"] == "input `colour` is unknown to this predictor and was ignored\nasked for ab\n"


def test_of_very_many_unknown_inputs_some_are_named_and_none_in_full(server):
    body = server.predict(text="ab", **{f"{number:02}{'x' * 200}": 0 for number in range(50)}).json

    *named, more, asked = body["logs"].splitlines()
    assert named == [
        f"input `{number:02}{'x' * 98}…` is unknown to this predictor and was ignored" for number in range(20)
    ]
    assert (more, asked) == ("and 30 more unknown inputs were ignored", "asked for ab")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"input": {"text": "a"}}', "application/json; charset=utf-8", 200),
        (b'{"input": {"text": "a"}}', "application/problem+json", 200),
        (b'{"input": {"text": "a"}, "created_at": 1, "output_file_prefix": 2}', "application/json", 200),
        (b'{"input": {"text": "a"}}', "text/plain", 415),
        (b"input=a", "application/x-www-form-urlencoded", 415),
        (b'{"input": {"text": "a"}}', None, 422),  # as if there was no body, so `text` is missing
        (b"", "application/json", 422),
        (b'{"input": null}', "application/json", 422),
        (b'{"input": {"text": "a"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"input": {"text": "\xff"}}', "application/json", 400),
        (b'{"input": {"text": "\\ud800"}}', "application/json", 400),
        (b'{"input": {"text": "a", "times": NaN}}', "application/json", 400),
        (b'{"input": {"text": "a", "times": 1e999}}', "application/json", 400),
        (b'{"input": {"text": "a", "times": 1%s}}' % (b"0" * 10000), "application/json", (400, 422)),
        (b'{"input": ' + b"[" * 100_000, "application/json", 400),
        (b'{"input": {"text": %s}}' % (b"[" * 5000 + b"]" * 5000), "application/json", (400, 422)),
        (b"[]", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b'{"id": 1}', "application/json", 422),
        (b'{"input": []}', "application/json", 422),
        (b'{"context": {"a": 1}}', "application/json", 422),
    ],
)
def test_bodies_and_their_types_get_the_status_that_says_what_is_wrong(server, body, content_type, status):
    headers = {"Content-Type": content_type} if content_type else {}

    answer = server.request("POST", "/predictions", body, headers)

    assert answer.status in (status if isinstance(status, tuple) else (status,))
    if answer.status == 422:
        assert all(mistake["loc"][0] == "body" for mistake in answer.json["detail"])
    elif answer.status != 200:
        assert answer.json["error"]
    assert server.predict(text="ab").json["output"] == "abab"


def test_respond_async_answers_at_once_and_the_result_can_be_asked_for(server, hold):
    answer = server.predict(text="later", id="later", asynchronous=True)

    assert (answer.status, answer.json) == (202, {"id": "later", "status": "starting"})
    assert server.get("/predictions/later").json["status"] == "starting"
    hold()
    body = server.wait_for("later")
    assert (body["output"], body["status"]) == ("laterlater", "succeeded")
    assert body["created_at"] <= body["started_at"] <= body["completed_at"]


@pytest.mark.parametrize("prefer", ["wait=5", "respond-async, wait=5", "RESPOND-ASYNC"])
def test_only_cogs_exact_preference_makes_a_prediction_asynchronous(server, prefer):
    assert server.predict(text="ab", headers={"Prefer": prefer}).status == 200


def test_put_of_a_running_prediction_tells_its_state_and_starts_no_second(server, hold):
    server.put("once", text="x", asynchronous=True)

    again = server.put("once", text="something else")

    assert again.status == 202
    assert again.json == {
        "id": "once",
        "logs": "",
        "status": "starting",
        "metrics": {},
        "input": {"text": "x"},
    }
    hold()
    assert server.wait_for("once")["output"] == "xx"


def test_put_of_a_completed_prediction_gives_its_result_and_runs_nothing(server):
    first = server.put("twice", text="x")
    second = server.put("twice", text="other")

    assert first.status == second.status == 200
    assert first.json == second.json
    assert first.json["output"] == "xx"


def test_put_with_another_id_in_the_body_is_refused(server):
    answer = server.predict(method="PUT", path="/predictions/one", id="two", text="x")

    assert answer.status == 422
    message = "prediction ID must match the ID supplied in the URL"
    assert answer.json == {"detail": [{"loc": ["body", "id"], "msg": message, "type": "value_error"}]}


def test_post_with_the_id_of_a_running_prediction_is_refused(server, hold):
    answer = server.predict(text="x", id="held")

    assert answer.status == 409
    assert answer.json == {"error": "A prediction with the id held is already running", "status": "failed"}


@pytest.mark.parametrize("id", ["", "../../etc", "a/b", ".hidden", "a b", "é", "x" * 129, "a\n"])
def test_ids_that_are_no_plain_names_are_refused(server, id):  # noqa: A002
    answer = server.predict(text="x", id=id)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "id"]


@pytest.mark.parametrize("path", ["%2e%2e", "a%20b", "%00", "..%2f..%2fetc"])
def test_ids_in_the_path_are_judged_when_decoded(server, path):
    assert server.put(path, text="x").status == (404 if "%2f" in path else 422)


def test_a_running_prediction_is_canceled(server, hold):
    assert server.post("/predictions/held/cancel").json == {}
    body = server.wait_for("held")

    assert body["status"] == "canceled"
    assert "error" not in body
    assert "output" not in body


def test_a_waiting_prediction_is_canceled_before_it_starts(server, hold):
    server.predict(text="x", id="waiting", asynchronous=True)

    assert server.post("/predictions/waiting/cancel").status == 200

    body = server.get("/predictions/waiting").json
    assert (body["status"], body["logs"]) == ("canceled", "")


def test_cancel_of_what_does_not_run_is_404(server):
    server.predict(text="x", id="ended")

    for id in ("ended", "never", "..", "%2e%2e%2fx"):  # noqa: A001
        answer = server.post(f"/predictions/{id}/cancel")
        assert (answer.status, answer.json) == (404, {})


def test_a_full_queue_is_503_and_says_when_to_try_again(server, hold):
    for number in range(2):
        assert server.predict(text="x", id=f"queued-{number}", asynchronous=True).status == 202

    answer = server.predict(text="x")

    assert answer.status == 503
    assert answer.json == {"error": "The queue is full: 3 predictions are running or waiting", "status": "failed"}
    assert int(answer.headers["retry-after"]) >= 1


def test_the_queue_is_first_come_first_served(server, hold):
    for number in range(2):
        server.predict(text=str(number), id=f"turn-{number}", asynchronous=True)
    hold()

    first, second = (server.wait_for(f"turn-{number}") for number in range(2))

    assert first["started_at"] < second["started_at"]


def test_a_client_that_leaves_cancels_its_prediction(server, hold):
    body = json.dumps({"id": "left", "input": {"text": "x"}}).encode()
    with server.open() as connection:
        connection.sendall(
            b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        server.wait_for("left", "starting")

    assert server.wait_for("left")["status"] == "canceled"


def test_a_server_that_does_not_train_says_so(server):
    """It would run a prediction in place of a training."""
    error = "This server runs predictions, not trainings: POST /predictions"
    for answer in (
        server.predict(path="/trainings", text="x"),
        server.predict(method="PUT", path="/trainings/x", text="x"),
    ):
        assert (answer.status, answer.json) == (404, {"error": error})
    assert server.get("/predictions/x").status == 404
    assert server.get("/trainings/x").status == 404
    assert server.post("/trainings/x/cancel").status == 404


def test_streaming_is_406_where_the_model_does_not_offer_it(server):
    answer = server.predict(text="x", headers={"Accept": "text/event-stream"})

    assert answer.status == 406
    message = "This model does not support streaming responses. Add @cog.streaming to predict() to enable SSE."
    assert answer.json == {"error": message}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/predictions", 405, "POST"),
        ("DELETE", "/predictions/x", 405, "GET, PUT"),
        ("GET", "/predictions/x/cancel", 405, "POST"),
        ("GET", "/shutdown", 405, "POST"),
        ("POST", "/health-check", 405, "GET"),
        ("GET", "/nothing", 404, None),
        ("GET", "/predictions/", 404, None),
        ("GET", "/predictions/a/b", 404, None),
        ("GET", "/predictions/unknown", 404, None),
        ("HEAD", "/health-check", 200, None),
    ],
)
def test_what_is_not_there_says_so(server, method, path, status, allow):
    answer = server.request(method, path)

    assert (answer.status, answer.headers.get("allow")) == (status, allow)
