"""Shutdown: no accepted prediction is lost, and it always ends by its deadline."""

import http.client
import json
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.faults.test_worker import alive
from tests.server.serving import starting

SOURCE = """
import itertools
import os
import signal
import time
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, text: str, seconds: float = 0, how: str = "") -> str:
        if how == "in_c":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sum(itertools.repeat(0))
        if how == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(seconds)
        return text
"""
# A server that does not come to its end, by a defect of its own.
HUNG = """
import sys
sys.path[:0] = [sys.argv.pop(1)]
import trio
from cogserve import main, server

async def stop(self):
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()

server.Supervisor.stop = stop
server.LAST_WORDS, server.WATCHDOG_MARGIN = 0.1, 0.2
sys.exit(main.main())
"""
ABANDONED = "The server was shut down before the prediction ended"


def test_every_accepted_prediction_is_completed_before_the_end(serve, receiver):
    server = serve(SOURCE, COG_ALLOW_PRIVATE_URLS="127.0.0.1", COG_DRAIN="10")
    accepted = []
    for number in range(20):
        body = {"id": f"p{number}", "input": {"text": "x", "seconds": 0.05}}
        body |= {"webhook": f"{receiver.url}/done", "webhook_events_filter": ["completed"]}
        if server.post("/predictions", body, Prefer="respond-async").status == 202:
            accepted.append(f"p{number}")

    server.terminate()

    assert server.wait() == 0
    log = {body["id"]: body["status"] for body in receiver.bodies("/done")}
    assert log == dict.fromkeys(accepted, "succeeded")
    assert len(accepted) == 20


def test_waiting_clients_get_their_answers_and_new_ones_are_told_to_go_elsewhere(serve):
    server = serve(SOURCE)
    answers = {}

    def ask(name):
        answers[name] = server.predict(text=name, seconds=0.3, id=name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for name in ("a", "b", "c"):
        server.wait_for(name, "starting", "processing")

    server.terminate()
    server.wait_for_line("shutting down")

    refused = server.predict(text="late")
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    assert refused.json["error"] == "The server is shutting down and accepts no more predictions"
    assert refused.headers["retry-after"] == "1"
    assert (server.get("/readyz").status, server.get("/livez").status) == (503, 200)
    for thread in threads:
        thread.join()
    assert {name: answer.json["output"] for name, answer in answers.items()} == {"a": "a", "b": "b", "c": "c"}
    assert server.wait() == 0


@pytest.mark.parametrize("how", ["", "in_c", "stop"])
def test_what_does_not_end_in_time_is_cancelled_and_its_client_told(serve, how):
    server = serve(SOURCE, COG_DRAIN="0.3")
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(server.predict(text="x", seconds=60, how=how, id="long").json)
    )
    thread.start()
    server.wait_for("long", "processing")
    worker = server.worker_pid()
    begun = time.monotonic()

    server.terminate()

    assert server.wait() == 0
    assert time.monotonic() - begun < 0.3 + 4
    thread.join()
    assert (answers[0]["status"], answers[0]["error"]) == ("failed", ABANDONED)
    assert not alive(worker)


def test_a_server_that_hangs_on_its_way_out_is_ended_by_force(serve):
    server = serve(SOURCE, command=starting(HUNG), COG_DRAIN="0.1")
    worker = server.worker_pid()

    server.terminate()

    assert server.wait() == 1
    server.wait_for_line("error: the shutdown took too long; exiting now")
    server.until(lambda: not alive(worker), "the worker's end")


def test_a_second_signal_hurries(serve):
    server = serve(SOURCE, COG_DRAIN="600")
    server.predict(text="x", seconds=600, id="long", asynchronous=True)
    server.wait_for("long", "processing")

    server.terminate()
    server.wait_for_line("shutting down")
    server.terminate()

    assert server.wait() == 0


def test_a_webhook_that_nobody_answers_does_not_hold_up_the_end(serve, receiver):
    receiver.answers["/done"] = (500, {}, b"")
    server = serve(SOURCE, COG_ALLOW_PRIVATE_URLS="127.0.0.1", COG_DRAIN="0.5")
    body = {"input": {"text": "x"}, "webhook": f"{receiver.url}/done", "webhook_events_filter": ["completed"]}
    server.post("/predictions", body)
    receiver.wait_for(2, "/done")

    server.terminate()

    assert server.wait(timeout=5) == 0


def test_shutdown_by_request_drains_as_a_signal_does(serve):
    server = serve(SOURCE)
    server.predict(text="x", seconds=0.2, id="last", asynchronous=True)
    refused = server.request("POST", "/shutdown", headers={"Origin": "https://example.com"})
    assert refused.status == 403

    answer = server.post("/shutdown")

    assert (answer.status, answer.json) == (200, {})
    assert server.wait_for("last")["status"] == "succeeded"
    assert server.wait() == 0


def test_a_result_that_was_not_asked_for_yet_is_waited_for(serve):
    server = serve(SOURCE)
    server.predict(text="x", seconds=0.1, id="polled", asynchronous=True)

    server.terminate()
    server.wait_for_line("shutting down")
    time.sleep(0.5)  # long after it ended: what is shown is that the answer is still there

    assert server.get("/predictions/polled").json["output"] == "x"
    begun = time.monotonic()
    assert server.wait() == 0
    assert time.monotonic() - begun < 2


def test_a_server_that_awaits_an_explicit_shutdown_ignores_sigterm(serve):
    server = serve(SOURCE, "--await-explicit-shutdown", "true")

    server.terminate()
    server.wait_for_line("ignoring SIGTERM")

    assert server.predict(text="still here").json["output"] == "still here"
    server.post("/shutdown")
    assert server.wait() == 0


def test_false_means_false(serve):
    server = serve(SOURCE, "--await-explicit-shutdown", "false")

    server.terminate()

    assert server.wait() == 0


def test_ctrl_c_ends_it_without_a_traceback(serve):
    server = serve(SOURCE)

    server.process.send_signal(signal.SIGINT)

    assert server.wait() == 0
    assert "Traceback" not in server.output


def test_the_worker_dies_with_a_server_that_is_killed(serve):
    server = serve(SOURCE)
    server.predict(text="x", how="in_c", id="stuck", asynchronous=True)
    server.wait_for("stuck", "processing")
    worker = server.worker_pid()

    server.process.kill()

    server.until(lambda: not alive(worker), "the worker's end")


def test_no_file_is_left_behind(serve, tmp_path):
    server = serve(SOURCE, TMPDIR=str(tmp_path))
    server.predict(text="x")
    assert list(tmp_path.glob("cog-*"))

    server.terminate()

    assert server.wait() == 0
    assert not list(tmp_path.glob("cog-*"))


def test_a_setup_that_runs_is_ended(serve):
    server = serve(
        SOURCE + "\n    def setup(self):\n        print('begun')\n        time.sleep(600)\n", ready=False
    )
    server.wait_for_line("begun")

    server.terminate()

    assert server.wait() == 0


def test_a_port_that_is_taken_is_one_clear_error(serve):
    server = serve(SOURCE)

    with pytest.raises(AssertionError) as failure:
        serve(SOURCE, "--port", str(server.port), ready=False)

    line = str(failure.value).splitlines()[-1]
    assert line.endswith(f"error the server cannot listen on 127.0.0.1 port {server.port}: Address already in use")


class Load:
    """Clients that ask one after another, of whichever server says that it is ready."""

    def __init__(self, servers):
        self.servers = servers
        self.ready = []
        self.counts = {}
        self.failures = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._balance)]
        self._threads += [threading.Thread(target=self._ask, args=(keep,)) for keep in (True, True, False, False)]

    def _balance(self):
        while not self._ended.wait(0.02):
            self.ready = [server for server in list(self.servers) if self._is_ready(server)]

    def _is_ready(self, server):
        try:
            return server.request("GET", "/readyz", timeout=1).status == 200
        except OSError:
            return False

    def _ask(self, keep_alive):
        connection = server = None
        while not self._ended.is_set():
            ready = self.ready
            if not ready:
                time.sleep(0.01)
                continue
            if connection is None or not keep_alive or server not in ready:
                if connection is not None:
                    connection.close()
                server = ready[-1]
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            try:
                body = json.dumps({"input": {"text": "x"}})
                connection.request("POST", "/predictions", body, {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                assert answer["output"] == "x", answer
                self.counts[server.port] = self.counts.get(server.port, 0) + 1
            except Exception as error:
                self.failures.append(f"{server.port}: {error!r}")
                connection = None
        if connection is not None:
            connection.close()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_a_rolling_restart_under_load_fails_no_request(serve, parser):
    servers = [serve(SOURCE, COG_PRE_STOP="0.5", COG_HTTP_PARSER=parser)]
    with Load(servers) as load:
        for _ in range(2):
            old = servers[-1]
            new = serve(SOURCE, COG_PRE_STOP="0.5", COG_HTTP_PARSER=parser)
            servers.append(new)
            new.until(lambda new=new: load.counts.get(new.port, 0) > 5, "load on the new server")
            old.terminate()
            assert old.wait() == 0
            servers.remove(old)

    assert load.failures == []
    assert all(count > 5 for count in load.counts.values())
    assert len(load.counts) == 3


def test_the_log_names_no_file_of_ours_when_all_is_well(serve):
    server = serve(SOURCE)
    server.predict(text="x")
    server.terminate()
    server.wait()

    assert str(Path(__file__).parents[2] / "runtime") not in server.output
