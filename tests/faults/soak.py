"""Ten minutes of everything at once: `make soak`. Memory and descriptors must stay flat, and all must be answered.

python -m tests.faults.soak [MINUTES]
"""

import contextlib
import http.client
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.server.receiving import receiver
from tests.server.serving import Server

SOURCE = """
import os
import time
from typing import Any
from cog import BasePredictor, Path, streaming

class Predictor(BasePredictor):
    @streaming
    def predict(self, how: str = "", file: Path = None) -> Any:
        print("x" * 1000)
        if how == "fail":
            raise ValueError("no")
        if how == "crash":
            os._exit(1)
        if how == "slow":
            time.sleep(60)
        if how == "file":
            with open("out.bin", "wb") as out:
                out.write(os.urandom(100_000))
            return Path("out.bin")
        if file is not None:
            return len(open(file, "rb").read())
        return how
"""
JSON = {"Content-Type": "application/json"}
# After this share of the time everything that grows at first has grown: pools, caches, kept results.
WARM = 0.4


class Soak:
    """Clients that do everything, and what the server's process weighs meanwhile."""

    def __init__(self, server, hooks):
        self.server = server
        self.hooks = hooks
        self.ended = threading.Event()
        self.done = dict.fromkeys(self.kinds(), 0)
        self.failures = []
        self.numbers = itertools.count()

    @staticmethod
    def kinds():
        return ("good", "bad", "fail", "crash", "cancel", "leave", "stream", "file", "webhook", "upload", "junk")

    def client(self, kinds):
        chance = random.Random(len(kinds))
        while not self.ended.is_set():
            kind = chance.choice(kinds)
            try:
                getattr(self, kind)()
                self.done[kind] += 1
            except Exception as error:
                self.failures.append(f"{kind}: {error!r}")
                time.sleep(0.1)

    def expect(self, condition, what):
        if not condition:
            raise AssertionError(what)

    def good(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(connection):
            for _ in range(20):
                connection.request("POST", "/predictions", json.dumps({"input": {"how": "good"}}), JSON)
                answer = json.loads(connection.getresponse().read())
                # Another client may have crashed the worker under it.
                self.expect(answer["status"] in ("succeeded", "failed"), answer)

    def bad(self):
        self.expect(self.server.predict(how=1).status == 422, "422")

    def fail(self):
        self.expect(self.server.predict(how="fail").json["status"] == "failed", "failed")

    def crash(self):
        self.expect(self.server.predict(how="crash").json["status"] == "failed", "crashed")
        time.sleep(1)

    def cancel(self):
        id = f"cancel-{next(self.numbers)}"  # noqa: A001
        self.server.predict(how="slow", id=id, asynchronous=True)
        time.sleep(0.05)
        self.server.post(f"/predictions/{id}/cancel")
        self.server.wait_for(id)

    def leave(self):
        body = json.dumps({"input": {"how": "slow"}}).encode()
        with self.server.open() as connection:
            head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.05)

    def stream(self):
        answer = self.server.predict(how="x", headers={"Accept": "text/event-stream"})
        self.expect(b"event: completed" in answer.body, answer)

    def file(self):
        self.server.predict(file="data:application/octet-stream;base64," + "QUJD" * 20_000)
        self.server.predict(file=f"{self.hooks.url}/file")

    def upload(self):
        self.server.predict(how="file")

    def webhook(self):
        self.server.post("/predictions", {"input": {"how": "x"}, "webhook": f"{self.hooks.url}/hook"})

    def junk(self):
        with self.server.open() as connection, contextlib.suppress(OSError):
            connection.sendall(random.randbytes(1000))
            connection.recv(1000)

    def weigh(self):
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return memory / 1024, len(list(Path(f"/proc/{self.server.process.pid}/fd").iterdir()))


def slope(samples):
    """Return the growth an hour of (seconds, value) pairs, by the median of the slopes."""
    half = len(samples) // 2
    rises = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in zip(samples[:half], samples[half:], strict=False)]
    return statistics.median(rises) * 3600


def main(minutes):
    with tempfile.TemporaryDirectory() as folder, receiver() as hooks:
        hooks.answers["/file"] = (200, {}, b"x" * 50_000)
        server = Server(folder, SOURCE, COG_ALLOW_PRIVATE_URLS="127.0.0.1", COG_RESULTS_TTL="10")
        server.wait_until_ready()
        soak = Soak(server, hooks)
        groups = [["good"], ["good", "stream", "bad", "junk"], ["fail", "file", "upload", "webhook"]]
        groups += [["cancel", "leave", "junk"], ["crash", "bad", "bad", "bad"]]
        threads = [threading.Thread(target=soak.client, args=(group,)) for group in groups]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        samples = []
        while (at := time.monotonic() - begun) < minutes * 60:
            memory, descriptors = soak.weigh()
            samples.append((at, memory, descriptors))
            if len(samples) % 10 == 0:
                done = sum(soak.done.values())
                print(f"{at:5.0f} s  {memory:6.1f} MiB  {descriptors:3d} descriptors  {done} done")
            hooks.requests.clear()
            time.sleep(1)
        soak.ended.set()
        for thread in threads:
            thread.join()
        warm = samples[int(len(samples) * WARM) :]
        memory = slope([(at, value) for at, value, _ in warm])
        descriptors = slope([(at, value) for at, _, value in warm])
        server.close()
    print(f"done: {soak.done}; failures: {len(soak.failures)} {soak.failures[:5]}")
    print(f"growth an hour: {memory:.1f} MiB, {descriptors:.1f} descriptors")
    flat = memory < 30 * 10 / minutes and descriptors < 60 * 10 / minutes
    return 0 if flat and not soak.failures and all(soak.done.values()) else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
