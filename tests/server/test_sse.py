"""Event streams at their limits: silence, too many readers, a reader that is slow."""

import pytest
import trio
import trio.testing
from cogserve.predictions import events as events_module
from cogserve.predictions import prediction as prediction_module
from cogserve.predictions.events import Streams
from cogserve.predictions.prediction import Prediction, State
from cogserve.protocol import Problem

from tests.server.serving import events


def end(prediction):
    prediction.finish(State.CANCELED)
    prediction.tell_end()


def running(history=1024):
    prediction = Prediction("a", b"{}", history=history)
    prediction.move(State.WAITING)
    prediction.move(State.RUNNING)
    return prediction


async def never():
    await trio.sleep_forever()


def test_a_silent_stream_is_kept_open_by_comments():
    prediction, sent = running(), []

    async def send(message):
        sent.append(message.get("body", b""))

    async def run():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Streams().follow, prediction, never, send)
            await trio.sleep(events_module.KEEP_ALIVE * 3.5)
            end(prediction)

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))

    assert sent.count(b": keep-alive\n\n") == 3
    assert [kind for kind, _ in events(b"".join(sent))] == ["start", "completed"]


def test_too_many_readers_are_refused(monkeypatch):
    monkeypatch.setattr(events_module, "MAX_SUBSCRIBERS", 2)
    prediction, streams = running(), Streams()

    async def send(message):
        pass

    async def run():
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(streams.follow, prediction, never, send)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Problem) as refused:
                await streams.follow(prediction, never, send)
            assert refused.value.status == 429
            end(prediction)
        # Those who left make room.
        assert not await streams.follow(prediction, never, send)

    trio.run(run)


def test_a_reader_that_is_slow_misses_the_oldest_and_is_told_how_many(monkeypatch):
    monkeypatch.setattr(prediction_module, "MIN_HISTORY", 5)
    prediction, sent = running(history=5), []
    unblocked = trio.Event()

    async def send(message):
        sent.append(message.get("body", b""))
        if len(sent) == 2:
            await unblocked.wait()  # the reader stops reading after the first event

    async def run():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Streams().follow, prediction, never, send)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(20):
                prediction.add_log(str(number))
            end(prediction)
            unblocked.set()

    trio.run(run)

    told = events(b"".join(sent))
    assert told[1] == ("error", {"error": events_module.MISSED, "skipped": 16})
    assert [data["data"] for kind, data in told if kind == "log"] == ["16", "17", "18", "19"]
    assert told[-1][0] == "completed"
