"""A rolling update as a cluster does it, with the settings that `cog deploy` writes: no request fails.

What stands in for the cluster is a balancer that, as a Service, chooses a server for each connection, and that
learns of a change only some time later; and clients that keep their connections open and never stop asking.
"""

import contextlib
import http.client
import json
import select
import socket
import threading
import time

import pytest

from cogfreeze.deploy import Request, plan
from tests.server.serving import PATIENCE, Server
from tests.unit.deploy.test_plan import LOCK, PROJECT

MODEL = """
    import os, time

    class Predictor:
        def setup(self):
            time.sleep(0.5)

        def predict(self, seconds: float) -> str:
            time.sleep(seconds)
            return os.environ["COG_VERSION"]
"""
# How long it takes until a balancer knows of a server that is ready, or of one that stops.
LAG = 0.5
PRE_STOP = 2
CLIENTS = 6


class Balancer:
    """Passes connections on to the servers that it knows, one after another."""

    def __init__(self):
        self.ports = []
        self._next = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._next += 1
                port = self.ports[self._next % len(self.ports)]
                threading.Thread(target=self._pass_on, args=(client, port), daemon=True).start()

    @staticmethod
    def _pass_on(client, port):
        with client, socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(OSError):
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    (server if source is client else client).sendall(data)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Load:
    """Clients that ask one thing after another, each on a connection that it keeps as long as the server does.

    Attributes:
        answers: which version of the model answered.
        failures: everything else.
    """

    def __init__(self, port):
        self._port = port
        self._stop = threading.Event()
        self.answers, self.failures = [], []
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number):
        # Short predictions, and some that outlast the notice that a server has.
        seconds = 0.02 if number else PRE_STOP + 1
        body = json.dumps({"input": {"seconds": seconds}}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/predictions", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
                if (response.status, answer.get("status")) != (200, "succeeded"):
                    raise AssertionError(f"{response.status}: {answer}")
                self.answers.append(answer["output"])
            except Exception as error:
                self.failures.append(repr(error))
                connection.close()
        connection.close()

    def count(self, version):
        return self.answers.count(version)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_rolling_update_of_two_servers_fails_no_request(tmp_path):
    decided = plan(PROJECT, LOCK, Request(target="kubernetes", pre_stop=PRE_STOP, drain=20))
    variables = {key: value for key, value in decided.environment if key.startswith("COG_")}
    running, balancer = [], Balancer()
    load = None

    def start(version):
        folder = tmp_path / f"server-{len(running)}"
        folder.mkdir()
        server = Server(folder, MODEL, COG_VERSION=version, COG_MAX_CONCURRENCY="1", **variables)
        running.append(server)
        server.until(lambda: server.get("/readyz").status == 200, "readiness")
        time.sleep(LAG)
        balancer.ports.append(server.port)
        return server

    try:
        old = [start("old"), start("old")]
        load = Load(balancer.port)
        until(lambda: load.count("old") > 20)
        # maxSurge 1, maxUnavailable 0: a new one is ready before an old one is told to stop.
        for server in old:
            start("new")
            asked = time.monotonic()
            server.terminate()
            time.sleep(LAG)
            balancer.ports.remove(server.port)
            assert server.wait() == 0
            assert time.monotonic() - asked < decided.grace
        until(lambda: load.count("new") > 20)
    finally:
        if load is not None:
            load.stop()
        balancer.close()
        for server in running:
            server.close()

    assert load.failures == []
    assert load.answers[-1] == "new"
    assert load.count("old") > 20


def test_an_answer_after_the_notice_ends_its_connection_even_if_it_was_asked_for_before(serve):
    server = serve(MODEL, COG_VERSION="1", COG_PRE_STOP="30")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.predict(seconds=1.0)))
    asking.start()
    server.wait_for_status("BUSY")
    server.terminate()
    asking.join(PATIENCE)
    [answer] = answers
    assert answer.json["status"] == "succeeded"
    assert answer.headers["connection"] == "close"


def test_the_probes_of_the_manifest_answer_as_they_should(serve):
    """A long setup is cut short by no probe; a failed one is noticed by the one that restarts the pod."""
    slow = serve(MODEL.replace("time.sleep(0.5)", "time.sleep(2)"), COG_VERSION="1", ready=False)
    slow.until(lambda: slow.status() == "STARTING", "the start")
    assert (slow.get("/livez").status, slow.get("/readyz").status) == (200, 503)
    slow.wait_until_ready()
    assert (slow.get("/livez").status, slow.get("/readyz").status) == (200, 200)

    failed = serve(MODEL.replace("time.sleep(0.5)", "raise ValueError"), COG_VERSION="1", ready=False)
    failed.wait_for_status("SETUP_FAILED")
    assert (failed.get("/livez").status, failed.get("/readyz").status) == (503, 503)

    decided = plan(PROJECT, LOCK, Request(target="kubernetes", setup_timeout=1))
    late = serve(
        MODEL.replace("time.sleep(0.5)", "time.sleep(600)"),
        COG_VERSION="1",
        ready=False,
        COG_SETUP_TIMEOUT=dict(decided.environment)["COG_SETUP_TIMEOUT"],
    )
    late.wait_for_status("SETUP_FAILED")
    assert late.get("/livez").status == 503
