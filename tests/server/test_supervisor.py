"""Workers one after another: who is replaced, when, and when there is no point any more."""

import os
import sys
from pathlib import Path

import pytest
import trio
from cogserve.health import Health, Status
from cogserve.settings import Settings
from cogserve.worker import supervisor as supervisor_module
from cogserve.worker.spawn import Started
from cogserve.worker.supervisor import Listener, Supervisor

# Says that it is ready where the file is there, and ends.
WORKER = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from cogworker.frames import encode
fd = int(sys.argv[sys.argv.index("--fd") + 1])
count = len(open(sys.argv[3]).read()) if os.path.exists(sys.argv[3]) else 0
open(sys.argv[3], "a").write("x")
if count < int(sys.argv[2]):
    socket.socket(fileno=fd).sendall(encode({"type": "ready", "version": "3", "setup_seconds": 0}))
print("started", count)
sys.exit(3)
"""
RUNTIME = str(Path(__file__).parents[2] / "runtime")


class Seen(Listener):
    def __init__(self):
        self.events = []

    def attach(self, worker):
        self.events.append("ready")

    def detach(self, end):
        self.events.append(end.reason)

    def give_up(self, reason):
        self.events.append(reason)

    def on_text(self, source, text):
        pass

    on_setup_text = on_text


def supervise(tmp_path, ready_times, settings=None):
    seen, health = Seen(), Health()
    started = tmp_path / "started"
    command = [sys.executable, "-I", "-c", WORKER, RUNTIME, str(ready_times), str(started)]
    supervisor = Supervisor(settings or Settings(), health, seen, lambda: Started(command, dict(os.environ)))

    async def run():
        with trio.fail_after(30):
            await supervisor.run()

    trio.run(run)
    return seen.events, health, len(started.read_text())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(supervisor_module, "MAX_FAILURES", 3)


END = "the model's process ended with exit status 3"


def test_a_first_setup_that_fails_is_final(tmp_path):
    events, health, starts = supervise(tmp_path, 0)

    assert events == [f"Setup failed: {END}"]
    assert (health.status, health.alive, starts) == (Status.SETUP_FAILED, False, 1)
    assert health.setup.logs == f"started 0\n{END}\n"


def test_a_model_that_does_not_start_any_more_is_given_up_after_some_tries(tmp_path):
    events, health, starts = supervise(tmp_path, 2)

    assert events == ["ready", END, "ready", END, f"The model no longer starts: {END}"]
    assert (health.status, health.alive, starts) == (Status.DEFUNCT, False, 2 + 3)


def test_the_pauses_grow_between_the_tries(tmp_path, monkeypatch):
    pauses = []

    async def noted(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(trio, "sleep", noted)

    supervise(tmp_path, 2)

    # None before the second: the first crash may be the last.
    assert pauses == [0.001, 0.002, 0.004]


def test_a_command_that_cannot_be_run_is_a_failed_setup():
    seen, health = Seen(), Health()
    supervisor = Supervisor(Settings(), health, seen, lambda: Started(["/does/not/exist"], {}))

    trio.run(supervisor.run)

    assert health.status is Status.SETUP_FAILED
    reason = "[Errno 2] No such file or directory: '/does/not/exist'"
    assert seen.events == [f"Setup failed: the model's process could not be started: {reason}"]


@pytest.mark.parametrize("kubernetes", [True, False])
def test_the_ready_file_of_kubernetes_is_written_where_it_runs_us(tmp_path, monkeypatch, kubernetes):
    file = tmp_path / "run" / "ready"
    monkeypatch.setattr(supervisor_module, "READY_FILE", str(file))

    events, _, _ = supervise(tmp_path, 1, Settings(kubernetes=kubernetes))

    assert events[0] == "ready"
    assert file.exists() is kubernetes
