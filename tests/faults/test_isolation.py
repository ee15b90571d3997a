"""A cancelled model cleans up undisturbed; what one prediction leaves behind does not reach the next."""

import shutil
from pathlib import Path

import pytest

from tests.server.fixtures import shared

CLEANUP = """
import asyncio, time
from cog import BasePredictor, CancelationException

class Predictor(BasePredictor):
    {define} predict(self, how: str = "well", file: str = "") -> str:
        if how == "well":
            return "well"
        open(file, "w").close()
        try:
            {sleep}(1000)
        except {exception}:
            if how == "except":
                self.clean(file)
                {sleep}(2.5)
                open(file + ".cleaned", "w").close()
            raise
        finally:
            if how == "finally":
                try:
                    raise ValueError("handled while cleaning up")
                except ValueError:
                    {sleep}(2.5)
                open(file + ".cleaned", "w").close()

    def clean(self, file):
        with open(file + ".steps", "w") as steps:
            for number in range(5):
                print(number, file=steps)
"""
WORDS = {
    "sync": {"define": "def", "sleep": "time.sleep", "exception": "CancelationException"},
    "async": {"define": "async def", "sleep": "await asyncio.sleep", "exception": "asyncio.CancelledError"},
}


@pytest.mark.parametrize("how", ["except", "finally"])
@pytest.mark.parametrize("kind", WORDS)
def test_a_cancelled_model_cleans_up_undisturbed(serve, tmp_path, kind, how):
    server = serve(CLEANUP.format(**WORDS[kind]), COG_CANCEL_GRACE="60")
    file = tmp_path / "begun"
    server.predict(how=how, file=str(file), id="cleaning", asynchronous=True)
    server.until(file.exists)
    pid = server.worker_pid()
    server.post("/predictions/cleaning/cancel")
    assert server.post("/predictions/cleaning/cancel").status == 200  # again, while it is being cancelled

    assert server.wait_for("cleaning")["status"] == "canceled"

    assert Path(f"{file}.cleaned").exists()
    assert server.post("/predictions/cleaning/cancel").status == 404
    assert server.predict().json["output"] == "well"
    assert server.worker_pid() == pid


LEFT = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from cog import BasePredictor, current_scope

class Predictor(BasePredictor):
    def setup(self):
        self.pool = ThreadPoolExecutor(1)
        self.asked, self.answered = threading.Event(), threading.Event()
        self.seen = None

    def left(self):
        self.asked.wait()
        self.child = threading.Thread(target=self.child_of_left)
        self.child.start()
        self.child.join()
        print("printed by what was left")
        current_scope().record_metric("left", 1)
        self.seen = dict(current_scope().context)
        self.answered.set()

    def child_of_left(self):
        print("printed by the child of what was left")
        current_scope().record_metric("child", 1)

    def predict(self, how: str) -> str:
        if how == "leave":
            threading.Thread(target=self.left, daemon=True).start()
            self.pool.submit(print, "printed by the pool for the first").result()
        elif how == "ask":
            print("printed by the second")
            self.asked.set()
            self.answered.wait()
            self.pool.submit(print, "printed by the pool for the second").result()
            return str(self.seen)
        return how
"""


def test_a_thread_belongs_to_the_prediction_in_which_it_was_started(serve):
    server = serve(LEFT)
    first = server.post("/predictions", {"input": {"how": "leave"}, "context": {"of": "the first"}}).json
    assert first["logs"] == "printed by the pool for the first\n"

    second = server.post("/predictions", {"input": {"how": "ask"}, "context": {"of": "the second"}}).json

    assert second["output"] == "{}"  # it is outside of all predictions now
    assert second["logs"] == "printed by the second\nprinted by the pool for the second\n"
    assert list(second["metrics"]) == ["predict_time"]


METRICS = """
from cog import BasePredictor, current_scope

class Broken(ValueError):
    def __str__(self):
        raise KeyboardInterrupt

class Predictor(BasePredictor):
    def predict(self, how: str = "well") -> str:
        record = current_scope().record_metric
        if how == "surrogate":
            record("c", "\\ud800")
        elif how == "infinite":
            for _ in range(10):
                record("c", 1e308, "incr")
        elif how == "append":
            for number in range(20_000):
                record("c", number, "append")
        elif how == "broken":
            raise Broken
        return how
"""
metrics_server = shared(METRICS)


@pytest.mark.parametrize("how", ["surrogate", "infinite", "broken"])
def test_what_a_model_does_wrong_fails_its_prediction_and_not_the_worker(metrics_server, how):
    pid = metrics_server.worker_pid()

    assert metrics_server.predict(how=how).json["status"] == "failed"

    assert metrics_server.predict().json["output"] == "well"
    assert metrics_server.worker_pid() == pid


def test_appending_to_a_metric_costs_the_same_each_time(metrics_server):
    assert metrics_server.predict(how="append").json["metrics"]["c"] == list(range(20_000))


def test_a_temporary_folder_that_was_cleaned_is_made_anew(serve, tmp_path):
    server = serve(METRICS, TMPDIR=str(tmp_path))
    server.predict()
    for folder in tmp_path.glob("cog-*"):
        shutil.rmtree(folder)

    assert server.predict().json["output"] == "well"


def test_the_files_of_a_killed_server_are_removed_by_the_next(serve, tmp_path):
    killed, alive = (serve(METRICS, TMPDIR=str(tmp_path)) for _ in range(2))
    before = set(tmp_path.glob("cog-*"))
    killed.process.kill()
    killed.process.wait()

    serve(METRICS, TMPDIR=str(tmp_path))

    alive.until(lambda: len(before & set(tmp_path.glob("cog-*"))) == 1, "the removal")
    assert alive.predict().json["output"] == "well"


SPARSE = """
import os, tempfile
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, size: int) -> Path:
        with open("sparse.bin", "wb") as file:
            file.truncate(size)
        return Path("sparse.bin")
"""


def test_an_output_file_over_the_limit_is_refused_before_it_is_copied(serve, tmp_path):
    server = serve(SPARSE, COG_MAX_OUTPUT="1MB", TMPDIR=str(tmp_path))
    pid = server.worker_pid()
    written = written_by(pid)

    body = server.predict(size=3_000_000_000).json

    assert body["status"] == "failed"
    assert "`sparse.bin` has 3000000000 bytes, more than the limit of 1000000 bytes" in body["error"]
    assert written_by(pid) < written + 1_000_000


def written_by(pid):
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


SLOW_NAMES = """
import functools, socket, sys, time
sys.path[:0] = [sys.argv.pop(1)]
from cogserve import main
real = socket.getaddrinfo
def getaddrinfo(host, *arguments, **named):
    if host.endswith(".example.com"):
        time.sleep(1000)
    return real(host, *arguments, **named)
socket.getaddrinfo = getaddrinfo
sys.exit(main.main())
"""
FILES = """
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, file: Path) -> str:
        return file.read_text()
"""


def test_names_that_resolve_slowly_do_not_stall_the_files_of_others(serve):
    from tests.server.serving import starting

    server = serve(FILES, command=starting(SLOW_NAMES))
    for number in range(45):
        server.predict(file=f"https://{number}.example.com/x", asynchronous=True)

    assert server.predict(file="data:text/plain,other").json["output"] == "other"
