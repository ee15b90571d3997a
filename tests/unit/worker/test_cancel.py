"""Cancellation: it ends what runs, wherever that is, and each prediction gets its one `done`."""

from __future__ import annotations

import json
import time

import pytest
from cogworker.frames import encode

BUSY = """
    import time
    from cog import CancelationException
    class Predictor:
        def predict(self, how: str) -> str:
            print("in", how)
            if how == "loop":
                while True:
                    pass
            if how == "sleep":
                time.sleep(600)
            if how == "print":
                while True:
                    print("x" * 50)
            if how == "clean":
                try:
                    time.sleep(600)
                finally:
                    print("cleaned up")
            if how == "other":
                try:
                    time.sleep(600)
                except CancelationException:
                    raise ValueError("another")
            if how == "swallow":
                try:
                    time.sleep(600)
                except CancelationException:
                    return "swallowed"
            return "x"
        def healthcheck(self):
            return True
"""


@pytest.mark.parametrize("how", ["loop", "sleep", "print", "clean", "other"])
def test_synchronous_code_is_canceled_where_it_is(worker, how):
    """A busy loop, a sleep and an endless print end by the exception; the worker serves the next."""
    running = worker(BUSY)
    running.start(how=how)
    running.until("log")
    running.cancel()

    done = running.done()

    assert (done["status"], done["output"], "error" in done) == ("canceled", None, False)
    assert ("cleaned up" in running.logs("p1")) == (how == "clean")
    assert running.predict("p2", how="")["output"] == "x"


def test_a_cancel_that_the_model_swallows_changes_nothing(worker):
    running = worker(BUSY)
    running.start(how="swallow")
    running.until("log")
    running.cancel()

    assert running.done()["output"] == "swallowed"


def test_a_prediction_that_waits_is_canceled_at_once(worker):
    """It never runs, and need not wait for the one that does."""
    running = worker(BUSY)
    running.start("a", how="sleep")
    running.start("b", how="loop")
    running.until("log", id="a")
    running.cancel("b")

    assert running.done("b")["status"] == "canceled"
    running.cancel("a")
    assert running.done("a")["status"] == "canceled"
    assert running.logs("b") == ""


def test_cancels_at_every_moment_give_exactly_one_done(worker):
    """Whether the cancel comes before, while, or after it runs, or for an id long gone."""
    running = worker(BUSY)
    statuses = {f"p{number}": [] for number in range(300)}
    # By the hundred, for no more fit into the socket, and nobody here reads while it writes.
    for first in range(0, 300, 100):
        for number in range(first, first + 100):
            running.start(f"p{number}", how="")
            running.cancel(f"p{number}")
            if number % 3 == 0:
                running.cancel(f"p{number}")
                running.cancel("never")
        while not all(statuses[f"p{number}"] for number in range(first, first + 100)):
            header, _ = running.until("done")
            statuses[header["id"]].append(header["status"])
    running.predict("last", how="")

    assert sum(map(len, statuses.values())) == len(running.frames("done")) - 1 == 300
    assert {status for each in statuses.values() for status in each} <= {"succeeded", "canceled"}


def test_a_canceled_stream_closes_its_generator(worker):
    running = worker(
        """
        from typing import Iterator
        class Predictor:
            def predict(self) -> Iterator[int]:
                try:
                    number = 0
                    while True:
                        yield number
                        number += 1
                finally:
                    print("closed")
        """
    )
    running.start()
    running.until("output")
    running.cancel()

    assert running.done()["status"] == "canceled"
    assert running.logs("p1") == "closed\n"
    indexes = [header["index"] for header, _ in running.frames("output")]
    assert indexes == list(range(len(indexes)))


def test_asynchronous_predictions_are_canceled_one_by_one(worker):
    """Those that run, that wait for a place and that never began; the others go on."""
    running = worker(
        """
        import asyncio
        class Predictor:
            async def setup(self):
                self.go = asyncio.Event()
            async def predict(self, role: str) -> str:
                print("in", flush=True)
                if role == "last":
                    self.go.set()
                await self.go.wait()
                return role
        """,
        environment={"COG_MAX_CONCURRENCY": "2"},
    )
    for each in "abc":
        running.start(each, role=each)
    running.until("log", id="b")
    running.cancel("c")
    running.cancel("b")

    assert running.done("c")["status"] == "canceled"
    assert running.done("b")["status"] == "canceled"
    running.start("d", role="last")
    assert running.done("a")["output"] == "a"
    assert running.done("d")["output"] == "last"
    assert running.logs("c") == ""


def test_an_asynchronous_prediction_that_is_canceled_before_its_first_step_ends_once(worker):
    running = worker(
        "async def predict() -> str:\n    print('in', flush=True)\n    return 'x'", reference="predict.py:predict"
    )
    start = (
        encode({"type": "predict", "id": "never", "context": {}, "folder": str(running.outputs)}, b"{}") + b"{}"
    )
    running.socket.sendall(start + encode({"type": "cancel", "id": "never"}))

    assert running.done("never")["status"] == "canceled"
    assert running.predict("next")["output"] == "x"
    assert running.shut_down() == 0
    assert [header["id"] for header, _ in running.frames("done")] == ["never", "next"]
    assert running.logs("never") == ""


def test_an_asynchronous_predictors_own_cancellation_is_a_failure(worker):
    """Only what the server asked for is `canceled`."""
    running = worker(
        "import asyncio\nasync def predict() -> str:\n    raise asyncio.CancelledError",
        reference="predict.py:predict",
    )

    assert running.predict()["status"] == "failed"


CLEANUP = """
import time
from cog import BasePredictor, CancelationException

class Closing:
    def __enter__(self):
        return self
    def __exit__(self, *exception):
        cleanup("exit")

def cleanup(where):
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            raise ValueError
        except ValueError:
            time.sleep(0.01)
    print(f"cleaned up in {where}", flush=True)

class Predictor(BasePredictor):
    def predict(self, how: str) -> str:
        print("in", flush=True)
        if how == "except":
            try:
                time.sleep(60)
            except CancelationException:
                cleanup(how)
                raise
        if how == "finally":
            try:
                time.sleep(60)
            finally:
                cleanup(how)
        if how == "exit":
            with Closing():
                time.sleep(60)
        if how == "swallow":
            try:
                time.sleep(60)
            except CancelationException:
                print("swallowed", flush=True)
            time.sleep(60)
        return "x"
"""


@pytest.mark.parametrize("how", ["except", "finally", "exit"])
def test_no_second_cancel_strikes_while_the_model_cleans_up(worker, how):
    """The server asks again and again, in case the first one was swallowed by accident."""
    running = worker(CLEANUP)
    running.start(how=how)
    running.until("log")
    for _ in range(12):
        running.cancel()
        time.sleep(0.1)

    assert running.done()["status"] == "canceled"
    assert running.logs("p1").splitlines()[:2] == ["in", f"cleaned up in {how}"]
    assert running.predict("p2", how="")["output"] == "x"


def test_a_swallowed_cancel_can_be_repeated(worker):
    running = worker(CLEANUP)
    running.start(how="swallow")
    running.until("log")
    running.cancel()
    while "swallowed" not in running.logs("p1"):
        running.until("log")
    time.sleep(0.6)  # QUIET
    running.cancel()

    assert running.done()["status"] == "canceled"


def test_an_asynchronous_cleanup_is_not_struck_either(worker):
    running = worker(
        """
        import asyncio
        async def predict() -> str:
            print("in", flush=True)
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.5)
                print("cleaned up", flush=True)
        """,
        reference="predict.py:predict",
    )
    running.start()
    running.until("log")
    for _ in range(3):
        running.cancel()
        time.sleep(0.1)

    assert running.done()["status"] == "canceled"
    assert "cleaned up" in running.logs("p1")


def test_a_canceled_prediction_that_never_began_does_not_end_the_next_of_its_id(worker):
    running = worker(
        "async def predict(text: str) -> str:\n    print('in', flush=True)\n    return text",
        reference="predict.py:predict",
    )
    data = b""
    for text in ("first", "second"):
        payload = json.dumps({"text": text}).encode()
        data += encode({"type": "predict", "id": "same", "context": {}, "folder": str(running.outputs)}, payload)
        data += payload + (encode({"type": "cancel", "id": "same"}) if text == "first" else b"")
    running.socket.sendall(data)

    assert running.done("same")["status"] == "canceled"
    assert running.done("same")["output"] == "second"
    assert running.logs("same") == "in\n"
