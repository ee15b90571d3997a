"""A cancel reaches the prediction that it was sent for, and never the next one of the same id."""

import asyncio
import threading
from types import SimpleNamespace

import trio
from cogserve.predictions.cancellation import cancel_on_worker
from cogworker.concurrent import Concurrent


class Recorded(Concurrent):
    """Keeps what it handles, in the order in which it does."""

    def __init__(self, loop):
        super().__init__(SimpleNamespace(healthcheck=None), None, None, loop, 1)
        self.handled = []

    def _handle(self, header, payload):
        self.handled.append(header["type"])


def test_frames_are_handled_in_their_order_whichever_thread_read_them():
    loop = asyncio.new_event_loop()
    service = Recorded(loop)
    reader = threading.Thread(target=service.handle, args=({"type": "cancel", "id": "again"}, b""))
    reader.start()
    reader.join()

    service.handle({"type": "predict", "id": "again"}, b"")

    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert service.handled == ["cancel", "predict"]


def test_what_has_ended_before_its_cancel_was_sent_needs_none():
    async def cancel(ended):
        sent = []
        freed = trio.Event()
        if ended:
            freed.set()
        worker = SimpleNamespace(send=sent.append, signal=lambda *_: freed.set(), survived=lambda: None)
        await cancel_on_worker(worker, "again", freed, 0.01, 0.01)
        return sent

    assert trio.run(cancel, True) == []
    assert trio.run(cancel, False) == [{"type": "cancel", "id": "again"}]
