"""A thread belongs to the prediction in which it was started, and to none when that has ended."""

LEFT_BEHIND = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from cog import BasePredictor, current_scope

def look(event, seen):
    event.wait()
    scope = current_scope()
    scope.record_metric("late", 1)
    print("late")
    seen.append([scope.id, scope.context])

class Predictor(BasePredictor):
    def setup(self):
        self.pool = ThreadPoolExecutor(1)
        self.event, self.seen = threading.Event(), []
        self.own = threading.Event()
        threading.Thread(target=look, args=(self.own, self.seen), daemon=True).start()

    def predict(self, how: str) -> Any:
        if how == "leave":
            self.thread = threading.Thread(target=look, args=(self.event, self.seen))
            self.thread.start()
        if how == "look":
            self.event.set()
            self.own.set()
            self.thread.join()
            while len(self.seen) < 2:
                time.sleep(0.01)
            return self.seen
        if how == "pool":
            return self.pool.submit(self.inside, 1, more=2).result()
        if how == "nested":
            made = []
            def outer():
                inner = threading.Thread(target=lambda: made.append(self.inside(1, more=2)))
                inner.start()
                inner.join()
            outermost = threading.Thread(target=outer)
            outermost.start()
            outermost.join()
            return made[0]

    def inside(self, one, more):
        print("inside", flush=True)
        current_scope().record_metric("inside", one + more)
        return current_scope().id
"""


def test_a_thread_that_a_prediction_left_behind_neither_sees_nor_touches_the_next(worker):
    running = worker(LEFT_BEHIND)
    running.predict("a", how="leave")

    output = running.predict("b", how="look")["output"]

    assert output == [[None, {}], [None, {}]]
    assert (running.logs("a"), running.logs("b")) == ("", "")
    assert running.frames("metric") == []
    assert running.logs(None).count("late") == 2


def test_a_thread_of_the_running_prediction_speaks_for_it(worker):
    """Also one in a pool that is older, and one that a thread has started."""
    running = worker(LEFT_BEHIND)

    for number, how in enumerate(("pool", "nested", "pool")):
        name = f"p{number}"
        assert running.predict(name, how=how)["output"] == name
        assert running.logs(name) == "inside\n"
    assert [header["id"] for header, _ in running.frames("metric")] == ["p0", "p1", "p2"]


def test_a_task_that_an_asynchronous_prediction_left_behind_is_outside(worker):
    running = worker(
        """
        import asyncio
        from typing import Any
        from cog import current_scope

        seen, tasks = [], []

        async def late():
            await asyncio.sleep(0.1)
            print("late")
            seen.append(current_scope().id)

        async def predict(how: str) -> Any:
            if how == "leave":
                tasks.append(asyncio.create_task(late()))
                return await asyncio.to_thread(lambda: current_scope().id)
            await tasks[0]
            return seen
        """,
        reference="predict.py:predict",
    )

    assert running.predict("a", how="leave")["output"] == "a"
    assert running.predict("b", how="look")["output"] == [None]
    assert (running.logs("a"), running.logs("b")) == ("", "")
