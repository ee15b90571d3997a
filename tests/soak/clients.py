"""What the clients of a soak do: one method for each kind of request, which checks its answer."""

import contextlib
import itertools
import os
import random
import signal
import threading
import time
from pathlib import Path

from tests.server.serving import events

BODY = """
        with tempfile.NamedTemporaryFile(delete=False) as left:
            left.write(b"x" * 1000)
        if how == "fail":
            raise ValueError("no")
        if how == "slow":
            {sleep}(60)
        if how == "file":
            with open(f"out-{{os.getpid()}}.bin", "wb") as out:
                out.write(os.urandom(50_000))
            yield Path(out.name)
            return
        if how == "large":
            yield "x" * 1_200_000
            return
        if file is not None:
            yield len(open(file, "rb").read())
            return
        for number in range(10):
            print("x" * 100)
            yield number
"""
HEAD = """
import asyncio
import os
import tempfile
import time
from typing import {iterator}, Any
from cog import BasePredictor, Path, streaming

class Predictor(BasePredictor):
    @streaming
    {define} predict(self, how: str = "", file: Path = None) -> {iterator}[Any]:
"""
SYNC = HEAD.format(iterator="Iterator", define="def") + BODY.format(sleep="time.sleep")
ASYNC = HEAD.format(iterator="AsyncIterator", define="async def") + BODY.format(sleep="await asyncio.sleep")

OFTEN = ("predict", "predict_many", "stream", "fail", "invalid", "look")
SELDOM = ("later", "twice", "cancel", "leave", "leave_stream", "data", "fetch", "file", "webhook", "junk")
LIMITED = ("large", "upgrade", "retry", "context", "too_long", "stall")
NUMBERS = list(range(10))


class Wrong(Exception):
    """An answer that is not what it has to be."""


class Clients:
    """Asks one server for everything.

    Args:
        server: a running one.
        hooks: a web server on loopback that gives `/file` and takes webhooks.
        killed: whether its worker is killed now and then: then a prediction may fail for that.
        pace: seconds between two requests of one client, on average.
    """

    def __init__(self, server, hooks, *, killed, pace):
        self.server = server
        self.hooks = hooks
        self.killed = killed
        self.pace = pace
        self.done = dict.fromkeys((*OFTEN, *SELDOM, *LIMITED, *(("kill",) if killed else ())), 0)
        self.failures = []
        self._ended = threading.Event()
        self._numbers = itertools.count()
        self._threads = []

    def start(self, count):
        plans = [(seed, (*OFTEN * 3, *SELDOM, *LIMITED)) for seed in range(count)]
        self._threads = [threading.Thread(target=self._run, args=plan) for plan in plans]
        if self.killed:
            self._threads.append(threading.Thread(target=self._kill_now_and_then))
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed, kinds):
        chance = random.Random(seed)
        while not self._ended.wait(chance.random() * 2 * self.pace):
            self._do(chance.choice(kinds))

    def _do(self, kind):
        try:
            getattr(self, kind)()
        except Exception as error:
            self.failures.append(f"{kind}: {error!r}")
        else:
            self.done[kind] += 1

    def _kill_now_and_then(self):
        while not self._ended.wait(4):
            self._do("kill")

    def _expect(self, condition, answer):
        if not condition:
            raise Wrong(answer)

    def _expect_output(self, state, output):
        if not (self.killed and state["status"] == "failed" and "SIGKILL" in state["error"]):
            self._expect(state["status"] == "succeeded" and state["output"] == output, state)

    def _id(self):
        return f"soak-{threading.get_ident()}-{next(self._numbers)}"

    # The kinds

    def predict(self):
        self._expect_output(self.server.predict().json, NUMBERS)

    def predict_many(self):
        """Several at once on one connection, without waiting for answers."""
        body = b'{"input":{}}'
        request = (
            b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        )
        with self.server.open() as connection:
            connection.sendall((request % len(body) + b"\r\n" + body) * 5)
            received = b""
            while received.count(b'"metrics"') < 5:
                self._expect(data := connection.recv(65536), received)
                received += data

    def stream(self):
        told = events(self.server.predict(headers={"Accept": "text/event-stream"}).body)
        self._expect_output(told[-1][1], NUMBERS)

    def fail(self):
        state = self.server.predict(how="fail").json
        self._expect(state["status"] == "failed" and ("no" in state["error"] or self.killed), state)

    def invalid(self):
        answer = self.server.predict(how=1)
        self._expect(answer.status == 422, answer)

    def look(self):
        for path in ("/", "/health-check", "/metrics", "/openapi.json", "/livez"):
            answer = self.server.get(path)
            self._expect(answer.status == 200, answer)

    def later(self):
        id = self._id()  # noqa: A001
        answer = self.server.predict(id=id, asynchronous=True)
        self._expect(answer.status == 202, answer)
        self._expect_output(self.server.wait_for(id), NUMBERS)

    def twice(self):
        id = self._id()  # noqa: A001
        first, second = self.server.put(id), self.server.put(id)
        self._expect_output(first.json, NUMBERS)
        self._expect(first.json == second.json, second)

    def cancel(self):
        id = self._id()  # noqa: A001
        self.server.predict(id=id, how="slow", asynchronous=True)
        self.server.post(f"/predictions/{id}/cancel")
        state = self.server.wait_for(id)
        self._expect(state["status"] == "canceled" or self.killed, state)

    def leave(self, accept=b"*/*"):
        """Go away while it runs, which cancels it."""
        body = b'{"input":{"how":"slow"}}'
        head = (
            b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: %b\r\n" % accept
        )
        with self.server.open() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._ended.wait(0.05)

    def leave_stream(self):
        self.leave(b"text/event-stream")

    def data(self):
        answer = self.server.predict(file="data:application/octet-stream;base64," + "QUJD" * 20_000)
        self._expect_output(answer.json, [60_000])

    def fetch(self):
        self._expect_output(self.server.predict(file=f"{self.hooks.url}/file").json, [50_000])

    def file(self):
        state = self.server.predict(how="file").json
        if state["status"] == "succeeded":
            self._expect(len(state["output"][0]) > 50_000, state)
        else:
            self._expect_output(state, None)

    def webhook(self):
        answer = self.server.post("/predictions", {"input": {}, "webhook": f"{self.hooks.url}/hook"})
        self._expect_output(answer.json, NUMBERS)

    def junk(self):
        with self.server.open() as connection, contextlib.suppress(OSError):
            connection.sendall(random.randbytes(1000))
            connection.recv(1000)

    def large(self):
        """A large result that nobody fetches at once goes into a file."""
        id = self._id()  # noqa: A001
        self.server.predict(id=id, how="large", asynchronous=True)
        self._ended.wait(1.5)
        self._expect_output(self.server.wait_for(id), ["x" * 1_200_000])

    def upgrade(self):
        offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
        state = self.server.predict(how="fail", headers=offer).json
        self._expect(state["status"] == "failed", state)

    def retry(self):
        """A PUT whose connection drops runs again."""
        id = self._id()  # noqa: A001
        body = b'{"input":{"how":"slow"}}'
        head = f"PUT /predictions/{id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
        with self.server.open() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.server.wait_for(id, "starting", "processing", "failed")
        self.server.wait_for(id)
        self._expect_output(self.server.put(id).json, NUMBERS)

    def context(self):
        body = {"input": {}, "context": {"key": "x" * 200_000}}
        self._expect_output(self.server.post("/predictions", body).json, NUMBERS)

    def too_long(self):
        for url in ("data:text/plain" + ";" * 200_000 + ",x", "https://" + "a." * 100_000 + "com/x"):
            answer = self.server.predict(file=url)
            self._expect(answer.status == 422, answer)

    def stall(self):
        """Send a part of a body, and go away."""
        head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with self.server.open() as connection:
            connection.sendall(head + b"Content-Length: 500000\r\n\r\n" + b"x" * 200_000)
            self._ended.wait(0.5)

    def kill(self):
        """Kill the worker; it must be another one that serves next."""
        pid = self.server.worker_pid()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while Path(f"/proc/{pid}").exists():
            self._expect(time.monotonic() < deadline, "the killed worker is still there")
            time.sleep(0.05)
        self.server.wait_until_ready()
