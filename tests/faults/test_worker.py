"""The model's process dies, hangs, floods or leaves children behind. The next good request succeeds."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.server.fixtures import shared
from tests.server.serving import events

SOURCE = """
import ctypes
import itertools
import os
import signal
import subprocess
import sys
import time
from typing import Any, Iterator
from cog import BasePredictor, CancelationException, streaming

class Predictor(BasePredictor):
    @streaming
    def predict(self, how: str = "well", file: str = "") -> Iterator[Any]:
        print("running", flush=True)
        yield "first"
        yield getattr(self, how)(file)

    def well(self, file):
        return "well"

    def killed(self, file):
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self, file):
        ctypes.string_at(0)

    def exited(self, file):
        os._exit(7)

    def nonsense(self, file):
        # What a model does that closes or writes to descriptors by number.
        for fd in range(3, 1024):
            try:
                os.write(fd, b"\\0\\0\\0\\2\\0\\0\\0\\0[]" * 100)
            except OSError:
                pass
        time.sleep(1000)

    def loop(self, file):
        open(file, "w").close()
        while True:
            pass

    def stubborn(self, file):
        open(file, "w").close()
        while True:
            try:
                time.sleep(1000)
            except CancelationException:
                print("not now", flush=True)

    def in_c(self, file):
        open(file, "w").close()
        sum(itertools.repeat(0))

    def in_c_without_sigterm(self, file):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.in_c(file)

    def survivor(self, file):
        def end(number, frame):
            raise RuntimeError("the model ends this itself")
        signal.signal(signal.SIGTERM, end)
        self.stubborn(file)

    def stopped(self, file):
        open(file, "w").close()
        os.kill(os.getpid(), signal.SIGSTOP)

    def daemon(self, file):
        # A grandchild in a session of its own, which holds our pipes for ever.
        script = "import os, sys, time; os.fork() and os._exit(0); os.setsid(); "
        script += "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
        subprocess.run([sys.executable, "-c", script, file], check=True)
        while not os.path.exists(file) or not open(file).read():
            time.sleep(0.01)
        os._exit(1)

    def child(self, file):
        child = subprocess.Popen(["sleep", "60"])
        open(file, "w").write(str(child.pid))
        os._exit(1)

    def parent_of_child(self, file):
        child = subprocess.Popen(["sleep", "1000"])
        open(file, "w").write(f"{child.pid}\\n")
        child.wait()

    def parent_of_child_in_c(self, file):
        child = subprocess.Popen(["sleep", "1000"])
        open(file, "w").write(f"{child.pid}\\n")
        self.in_c(os.devnull)

    def waits_for_children(self, file):
        subprocess.Popen(["true"])
        try:
            while True:
                os.wait()
        except ChildProcessError:
            return "none"

    def flood(self, file):
        for _ in range(300):
            os.write(1, b"o" * 65536)
            os.write(2, b"\\xff\\xe2\\x82" * 20000)
        os.write(1, b"the end\\n")
        return "flooded"

    def large(self, file):
        return "x" * 5_000_000

    def many(self, file):
        return ["x" * 1000] * 100

    def log(self, file):
        print("y" * 20_000_000)
        print("the end")
        return "logged"
"""
FIRST = "The prediction failed: the model's process "


server = shared(SOURCE)


def assert_serves(server):
    """The worker is there, and so is its slot."""
    server.wait_until_ready()
    assert server.predict().json["output"] == ["first", "well"]
    metrics = server.get("/metrics").body.decode().splitlines()
    assert "cog_predictions_running 0" in metrics
    assert "cog_predictions_inside 0" in metrics


def test_what_comes_after_a_cancelled_one_of_the_same_id_fails_for_its_own_reason(server, tmp_path):
    """Where the first got as far as SIGTERM, and its process outlived that."""
    running = tmp_path / "running"
    server.predict(id="again", how="survivor", file=str(running), asynchronous=True)
    server.until(running.exists)
    worker = server.worker_pid()
    server.post("/predictions/again/cancel")
    assert server.wait_for("again")["status"] == "canceled"

    body = server.predict(id="again", how="exited").json

    assert worker != server.worker_pid()  # it was the one that exited
    assert (body["status"], body["error"]) == ("failed", FIRST + "ended with exit status 7")
    assert_serves(server)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("killed", FIRST + "was killed by SIGKILL, perhaps because it ran out of memory"),
        ("segfault", FIRST + "was killed by SIGSEGV"),
        ("exited", FIRST + "ended with exit status 7"),
    ],
)
def test_a_worker_that_dies_fails_its_prediction_and_is_replaced(server, how, error):
    body = server.predict(how=how).json

    assert (body["status"], body["error"]) == ("failed", error)
    assert body["logs"] == "running\n"
    assert body["output"] == ["first"]
    assert_serves(server)


def test_a_worker_that_dies_ends_its_stream_with_the_failure(server):
    told = events(server.predict(how="killed", headers={"Accept": "text/event-stream"}).body)

    assert [kind for kind, _ in told] == ["start", "log", "output", "completed"]
    assert told[-1][1]["status"] == "failed"
    assert_serves(server)


def test_what_waits_when_a_worker_dies_runs_on_the_next(server):
    server.predict(how="killed", id="dies", asynchronous=True)
    for number in range(5):
        server.predict(id=f"waits-{number}", asynchronous=True)

    assert [server.wait_for(f"waits-{number}")["status"] for number in range(5)] == ["succeeded"] * 5
    assert server.wait_for("dies")["status"] == "failed"


def test_a_worker_killed_from_outside_while_idle_is_replaced(server):
    pid = server.worker_pid()
    os.kill(pid, signal.SIGKILL)

    server.until(lambda: server.status() == "READY" and server.worker_pid() != pid)
    assert_serves(server)


@pytest.mark.parametrize("how", ["loop", "stubborn", "in_c", "in_c_without_sigterm", "stopped"])
def test_whatever_the_model_does_a_cancel_ends_it_and_frees_the_slot(server, tmp_path, how):
    begun = tmp_path / "begun"
    server.predict(how=how, file=str(begun), id=how, asynchronous=True)
    server.until(begun.exists)

    assert server.post(f"/predictions/{how}/cancel").status == 200

    body = server.wait_for(how)
    assert body["status"] == "canceled"
    assert body["logs"].startswith("running\n")
    assert_serves(server)


def test_a_worker_that_is_stopped_while_idle_makes_the_server_unhealthy_and_hangs_no_probe(serve):
    server = serve(SOURCE)
    worker = server.worker_pid()
    os.kill(worker, signal.SIGSTOP)

    health = server.get("/health-check").json
    os.kill(worker, signal.SIGCONT)

    assert health["status"] == "UNHEALTHY"
    assert health["user_healthcheck_error"].endswith("timed out after 5.0 seconds")
    server.wait_for_status("READY")
    assert_serves(server)


def test_when_memory_is_out_the_model_goes_rather_than_the_server(server):
    def score(pid):
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert score(server.worker_pid()) == 500 > score(server.process.pid)


def test_a_cancel_that_must_be_repeated_is(serve, tmp_path):
    source = SOURCE.replace("while True:\n            try:", "for _ in range(2):\n            try:", 1)
    server = serve(source, COG_CANCEL_GRACE="60")
    server.predict(how="stubborn", file=str(tmp_path / "begun"), id="twice", asynchronous=True)
    server.until((tmp_path / "begun").exists)
    pid = server.worker_pid()

    server.post("/predictions/twice/cancel")

    server.wait_for("twice")
    assert server.worker_pid() == pid  # no signal was needed


def test_a_model_that_scribbles_on_our_socket_is_replaced(server):
    server.predict(how="nonsense", id="nonsense", asynchronous=True)

    body = server.wait_for("nonsense")

    assert body["status"] == "failed"
    assert "sent an invalid frame" in body["error"]
    assert_serves(server)


def test_children_of_the_model_end_with_it(server, tmp_path):
    file = tmp_path / "pid"

    server.predict(how="child", file=str(file))

    child = int(file.read_text())
    server.until(lambda: not alive(child), "the child's end")
    assert_serves(server)


@pytest.mark.parametrize("how", ["parent_of_child", "parent_of_child_in_c"])
def test_children_of_the_model_end_with_a_server_that_is_killed(serve, tmp_path, how):
    server = serve(SOURCE)
    file = tmp_path / "pid"
    server.predict(how=how, file=str(file), id="runs", asynchronous=True)
    server.until(lambda: file.exists() and file.read_text().endswith("\n"))
    child, worker = int(file.read_text()), server.worker_pid()
    assert alive(child)

    server.process.kill()

    server.until(lambda: not alive(worker), "the worker's end")
    server.until(lambda: not alive(child), "the child's end")


def test_a_model_can_wait_for_all_of_its_children(server):
    assert server.predict(how="waits_for_children").json["output"] == ["first", "none"]
    assert_serves(server)


def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_server(server, tmp_path):
    file = tmp_path / "pid"
    try:
        assert server.predict(how="daemon", file=str(file)).json["status"] == "failed"
        assert_serves(server)
    finally:
        os.kill(int(file.read_text()), signal.SIGKILL)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", ["flood", "log"])
def test_a_flood_of_logs_is_cut_to_its_newest_part(server, how):
    body = server.predict(how=how).json

    assert body["status"] == "succeeded"
    assert "the end\n" in body["logs"]
    assert len(body["logs"]) <= 8 * 1024 * 1024
    assert_serves(server)


def test_predictions_go_on_while_nobody_reads_the_servers_log(serve):
    server = serve(SOURCE)
    server.stop_reading_output()

    for _ in range(3):
        assert server.predict(how="flood").json["status"] == "succeeded"
    assert server.get("/livez").status == 200
    server.go_on_reading_output()


@pytest.mark.parametrize("how", ["large", "many"])
def test_an_output_over_the_limit_fails_cleanly(serve, how):
    server = serve(SOURCE, COG_MAX_OUTPUT="50000")

    body = server.predict(how=how).json

    assert (body["status"], body["error"]) == (
        "failed",
        "The output is too large: over the limit of 50000 bytes (`server.max_output` in cog.yaml)",
    )
    assert_serves(server)


def test_a_worker_that_dies_in_setup_is_a_failed_setup(serve):
    server = serve(
        SOURCE + "\n    def setup(self):\n        print('loading')\n        self.segfault('')\n", ready=False
    )

    server.wait_for_status("SETUP_FAILED")

    logs = server.get("/health-check").json["setup"]["logs"]
    assert logs.startswith("loading\n")
    assert logs.endswith("the model's process was killed by SIGSEGV\n")


def test_a_setup_that_fails_when_repeated_is_tried_again(serve, tmp_path):
    flag = tmp_path / "broken"
    setup = f"\n    def setup(self):\n        assert not os.path.exists({str(flag)!r})\n"
    server = serve(SOURCE + setup)
    flag.touch()

    assert server.predict(how="killed").json["status"] == "failed"
    server.wait_for_line("the worker ended: AssertionError")
    server.predict(id="waits", asynchronous=True)
    assert server.status() == "STARTING"
    flag.unlink()

    assert server.wait_for("waits")["output"] == ["first", "well"]


def test_a_deadline_ends_what_runs_and_what_waits(serve, tmp_path):
    server = serve(SOURCE, COG_DEADLINE="0.5")
    # Its end takes longer than its deadline, so that what waits doesn't start at that moment.
    server.predict(how="in_c", file=str(tmp_path / "begun"), id="runs", asynchronous=True)

    waited = server.put("waits")

    assert waited.status == 503
    assert waited.json["error"] == "The deadline of 0.5 seconds passed while it was waiting"
    assert int(waited.headers["retry-after"]) >= 1
    body = server.wait_for("runs")
    assert (body["status"], body["error"]) == ("failed", "The deadline of 0.5 seconds passed while it was running")
    server.wait_until_ready()
    assert server.put("waits").json["status"] == "succeeded"  # tried again, as it was told to
    assert_serves(server)


def test_without_a_queue_it_is_cogs_409(serve, tmp_path):
    server = serve(SOURCE, COG_QUEUE="0")
    server.predict(how="loop", file=str(tmp_path / "begun"), id="runs", asynchronous=True)

    answer = server.predict()

    assert answer.status == 409
    assert answer.json == {"error": "At capacity - all prediction slots busy", "status": "failed"}
    assert "retry-after" not in answer.headers
    server.post("/predictions/runs/cancel")
    server.wait_for("runs")
    assert_serves(server)


CONCURRENT = """
import asyncio
import os
from cog import BasePredictor, concurrent

class Predictor(BasePredictor):
    @concurrent(max=3)
    async def predict(self, name: str, file: str = "") -> str:
        print(f"{name} begins")
        while file and not os.path.exists(file):
            await asyncio.sleep(0.01)
        if name == "dies":
            os._exit(1)
        print(f"{name} ends")
        return name
"""


def test_several_run_at_once_each_with_its_own_logs(serve, tmp_path):
    server = serve(CONCURRENT)
    gate = tmp_path / "gate"
    for name in "abcd":
        server.predict(name=name, file=str(gate), id=name, asynchronous=True)
    for name in "abc":
        server.wait_for(name, "processing")
    assert server.status() == "BUSY"
    assert server.get("/predictions/d").json["status"] == "starting"

    server.post("/predictions/b/cancel")
    assert server.wait_for("b")["status"] == "canceled"
    server.wait_for("d", "processing")
    gate.touch()

    for name in "acd":
        assert server.wait_for(name)["logs"] == f"{name} begins\n{name} ends\n"


def test_when_a_worker_dies_all_that_ran_on_it_fail_and_none_is_lost(serve, tmp_path):
    server = serve(CONCURRENT)
    for name in ("a", "dies", "b", "c"):
        server.predict(name=name, file=str(tmp_path / name), id=name, asynchronous=True)
    for name in ("a", "dies", "b"):
        server.wait_for(name, "processing")
    (tmp_path / "c").touch()
    (tmp_path / "dies").touch()

    results = {name: server.wait_for(name)["status"] for name in ("a", "dies", "b", "c")}

    assert results == {"a": "failed", "dies": "failed", "b": "failed", "c": "succeeded"}
    assert json.loads(server.predict(name="x").body)["output"] == "x"
