"""Webhooks: which calls come, in which order, with what."""

import itertools

import pytest

from tests.server.fixtures import shared

SOURCE = """
import os
import time
from typing import Iterator
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, count: int = 2, pause: float = 0, fail: bool = False) -> Iterator[str]:
        for number in range(count):
            print(f"making {number}")
            yield str(number)
            time.sleep(pause)
        if fail:
            raise ValueError("no more")
"""


SETTINGS = {"COG_ALLOW_PRIVATE_URLS": "127.0.0.1", "COG_THROTTLE_RESPONSE_INTERVAL": "0.05"}
server = shared(SOURCE, **SETTINGS)


def asker(server, receiver):
    """Return what asks a server for a prediction with a webhook."""

    def ask(input=None, headers=None, **body):  # noqa: A002
        body = {"input": input or {}, "webhook": f"{receiver.url}/hook", **body}
        return server.post("/predictions", body, **(headers or {}))

    return ask


@pytest.fixture
def ask(server, receiver):
    return asker(server, receiver)


def test_start_comes_first_and_completed_last_with_everything(ask, receiver):
    answer = ask({"count": 3, "pause": 0.1}, id="hooked").json

    bodies = receiver.wait_for(3, "/hook")
    while bodies[-1]["status"] != "succeeded":
        bodies = receiver.wait_for(len(bodies) + 1, "/hook")
    assert (bodies[0]["status"], bodies[0]["logs"]) == ("processing", "")
    assert "output" not in bodies[0]
    assert bodies[-1] == answer
    assert set(answer) == {"id", "output", "logs", "status", "metrics"}
    for before, after in itertools.pairwise(bodies):
        assert after.get("output", [])[: len(before.get("output", []))] == before.get("output", [])
        assert after["logs"].startswith(before["logs"])


@pytest.mark.parametrize(
    ("wanted", "statuses"),
    [
        (["completed"], ["succeeded"]),
        (["start"], ["processing"]),
        (["start", "completed"], ["processing", "succeeded"]),
        ([], []),
    ],
)
def test_only_the_events_that_are_wanted_are_told(ask, receiver, wanted, statuses):
    ask(webhook_events_filter=wanted)
    ask(webhook=f"{receiver.url}/last")  # calls of one prediction follow each other; this one ends later

    receiver.wait_for(2, "/last")
    assert [body["status"] for body in receiver.bodies("/hook")] == statuses


def test_an_event_that_there_is_not_is_422(ask):
    answer = ask(webhook_events_filter=["finished"])

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "webhook_events_filter"]


def test_many_outputs_are_told_in_few_calls_and_the_last_has_them_all(ask, receiver):
    ask({"count": 200}, webhook_events_filter=["output", "completed"])

    while not (bodies := receiver.wait_for(1, "/hook")) or bodies[-1]["status"] != "succeeded":
        receiver.wait_for(len(bodies) + 1, "/hook")
    assert len(bodies) < 20
    assert bodies[-1]["output"] == [str(number) for number in range(200)]


def test_what_comes_within_the_interval_is_told_together_and_the_end_at_once(serve, receiver):
    server = serve(SOURCE, COG_ALLOW_PRIVATE_URLS="127.0.0.1", COG_THROTTLE_RESPONSE_INTERVAL="600")

    asker(server, receiver)({"count": 10, "pause": 0.05})

    bodies = receiver.wait_for(3, "/hook")
    assert [body["status"] for body in bodies] == ["processing", "processing", "succeeded"]


def test_completed_is_tried_again_until_it_is_taken(ask, receiver):
    receiver.answers["/hook"] = [(500, {}, b""), (429, {}, b""), (200, {}, b"")]

    ask({"fail": True}, webhook_events_filter=["completed"])

    bodies = receiver.wait_for(3, "/hook")
    assert bodies[0] == bodies[1] == bodies[2]
    assert (bodies[0]["status"], bodies[0]["error"]) == ("failed", "no more")


def test_ends_that_cannot_be_told_are_kept_as_far_as_there_is_room(serve, receiver):
    """Any client can name a webhook that never answers, and have results kept for it."""
    server = serve(
        SOURCE.replace("yield str(number)", "yield 'x' * 10_000_000"), COG_ALLOW_PRIVATE_URLS="127.0.0.1"
    )
    receiver.answers["/hook"] = [(500, {}, b"")]
    ask = asker(server, receiver)

    for number in range(8):  # of which six have room
        ask({"count": 1}, id=f"late-{number}", webhook_events_filter=["completed"])

    server.wait_for_line("the result of prediction late-0 could not be delivered to its webhook")
    server.wait_for_line("the result of prediction late-1 could not be delivered to its webhook")
    receiver.requests.clear()
    receiver.answers["/hook"] = (200, {}, b"")
    still = {f'{{"id":"late-{number}"'.encode() for number in range(2, 8)}
    server.until(lambda: still <= {body[:14] for _, _, _, body in receiver.requests}, "the six")
    assert "late-2 could" not in server.output


def test_a_webhook_that_says_no_is_not_asked_again(ask, receiver):
    receiver.answers["/hook"] = (410, {}, b"")

    ask(webhook_events_filter=["completed"])
    receiver.wait_for(1, "/hook")
    ask(webhook=f"{receiver.url}/last", webhook_events_filter=["completed"])

    receiver.wait_for(1, "/last")
    assert len(receiver.bodies("/hook")) == 1


def test_the_trace_context_is_carried_on(ask, receiver):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    ask(headers={"traceparent": parent, "tracestate": "vendor=1"}, webhook_events_filter=["completed"])

    receiver.wait_for(1, "/hook")
    _, _, headers, _ = receiver.requests[0]
    assert (headers["traceparent"], headers["tracestate"]) == (parent, "vendor=1")


@pytest.mark.parametrize(("hosts", "sent"), [("127.0.0.1", "Bearer secret"), ("example.com", None), ("", None)])
def test_the_operators_token_goes_to_the_operators_hosts_alone(serve, receiver, hosts, sent):
    server = serve(SOURCE, WEBHOOK_AUTH_TOKEN="secret", COG_WEBHOOK_AUTH_HOSTS=hosts, **SETTINGS)

    asker(server, receiver)(webhook_events_filter=["completed"])

    receiver.wait_for(1, "/hook")
    assert receiver.requests[0][2].get("authorization") == sent


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "file:///etc/passwd", "http://[::1]/", "nonsense"])
def test_a_webhook_that_leads_inside_is_422_and_nothing_runs(ask, url):
    answer = ask(webhook=url, id="refused")

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "webhook"]
