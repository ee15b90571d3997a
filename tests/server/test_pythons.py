"""The server on every Python, with the closure that is locked for it, installed by hash as in images."""

import base64
import os
import platform
import signal
import subprocess

import pytest

from cogfreeze.local.runtime import split_runtime
from cogfreeze.resolve.python import uv
from cogfreeze.resolve.runtime import server as runtime
from cogfreeze.settings import Settings
from tests.pythons import PYTHONS, interpreter
from tests.server.serving import Server, events

pytestmark = pytest.mark.slow

PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]

SYNCHRONOUS = """
import os
import sys
import time
from cog import BasePredictor, ConcatenateIterator, Path, streaming

class Predictor(BasePredictor):
    def setup(self):
        self.version = ".".join(map(str, sys.version_info[:2]))

    @streaming
    def predict(self, how: str = "version", file: Path = None) -> ConcatenateIterator[str]:
        print("running", flush=True)
        yield "on "
        if how == "die":
            os._exit(3)
        if how == "wait":
            time.sleep(600)
        if how == "briefly":
            time.sleep(0.5)
        yield file.read_text() if file else self.version

def upper(file: Path) -> Path:
    made = Path("upper.txt")
    made.write_text(file.read_text().upper())
    return made
"""
ASYNCHRONOUS = """
import asyncio
from cog import AsyncConcatenateIterator, BasePredictor, streaming

class Predictor(BasePredictor):
    async def setup(self):
        self.both = 0
        self.there = asyncio.Event()

    @streaming
    async def predict(self, meet: bool = False, wait: bool = False) -> AsyncConcatenateIterator[str]:
        print("running", flush=True)
        if wait:
            await asyncio.sleep(600)
        yield "a"
        if meet:
            self.both += 1
            if self.both == 2:
                self.there.set()
            await self.there.wait()
        yield "b"
"""
SSE = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module", params=PYTHONS)
def version(request):
    return request.param


@pytest.fixture(scope="module")
def installed(request, version, tmp_path_factory):
    """How to start a server on one Python: the command, and its variables."""
    home = tmp_path_factory.mktemp(f"python{version}")
    lines = [
        f"{each.name}=={each.version} --hash=sha256:{each.sha256}\n"
        for each in runtime.runtime_wheels(version, PLATFORM, glibc=None)
        if each.name not in ("uv", "dumb-init")
    ]
    (home / "requirements.txt").write_text("".join(lines))
    python = interpreter(version, request.config.cache.mkdir("pythons"))
    install = ["pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", "server"]
    for words in (
        ["venv", "--no-project", "--python", python, "venv"],
        [*install, "--python", "venv", "--requirements", "requirements.txt"],
    ):
        done = subprocess.run([uv.uv_binary(), *words], cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    split = split_runtime(Settings.from_environment())
    return {
        "command": (home / "venv/bin/python", "-m", "cog.server.http"),
        "PYTHONPATH": str(split / "sdk"),
        "COG_SERVER_PATH": os.pathsep.join(map(str, (home / "server", split / "server"))),
    }


@pytest.fixture(scope="module")
def server(installed, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("synchronous"), SYNCHRONOUS, **installed)
    yield server.wait_until_ready()
    server.close()


@pytest.fixture(scope="module")
def concurrent(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("asynchronous")
    server = Server(folder, ASYNCHRONOUS, COG_MAX_CONCURRENCY="2", **installed)
    yield server.wait_until_ready()
    server.close()


def test_it_is_healthy_and_predicts(server, version):
    health = server.get("/health-check").json

    assert health["status"] == "READY"
    assert health["version"]["python"].startswith(f"{version}.")
    body = server.predict().json
    assert (body["status"], body["output"], body["logs"]) == ("succeeded", ["on ", version], "running\n")
    assert server.predict(how=1).status == 422


def test_it_streams(server, version):
    told = events(server.predict(headers=SSE).body)

    assert [kind for kind, _ in told] == ["start", "log", "output", "output", "completed"]
    assert told[-1][1]["output"] == ["on ", version]


def test_it_cancels(server):
    server.predict(id="canceled", how="wait", asynchronous=True)
    server.wait_for("canceled", "processing")

    assert server.post("/predictions/canceled/cancel").status == 200

    assert server.wait_for("canceled")["status"] == "canceled"
    assert server.predict().json["status"] == "succeeded"


def test_it_answers_later(server, version):
    answer = server.predict(id="later", asynchronous=True)

    assert (answer.status, answer.json) == (202, {"id": "later", "status": "starting"})
    assert server.wait_for("later")["output"] == ["on ", version]


def test_it_replaces_a_worker_that_died(server, version):
    body = server.predict(how="die").json

    assert (body["status"], body["output"]) == ("failed", ["on "])
    assert server.predict().json["output"] == ["on ", version]


def test_it_takes_and_gives_files(installed, tmp_path):
    server = Server(tmp_path, SYNCHRONOUS, ref="predict.py:upper", **installed)
    try:
        server.wait_until_ready()
        body = server.predict(file="data:text/plain;base64," + base64.b64encode(b"text").decode()).json
    finally:
        server.close()

    assert base64.b64decode(body["output"].partition(",")[2]) == b"TEXT"


def test_it_ends_in_order(installed, tmp_path):
    server = Server(tmp_path, SYNCHRONOUS, **installed)
    try:
        server.wait_until_ready()
        server.predict(id="last", how="briefly", asynchronous=True)
        server.wait_for("last", "processing")
        server.process.send_signal(signal.SIGTERM)

        assert server.wait_for("last")["status"] == "succeeded"
        assert server.wait() == 0
    finally:
        server.close()


def test_asynchronous_predictions_run_at_once(concurrent):
    concurrent.predict(id="first", meet=True, asynchronous=True)

    told = events(concurrent.predict(id="second", meet=True, headers=SSE).body)

    assert told[-1][1]["output"] == ["a", "b"]
    assert concurrent.wait_for("first")["output"] == ["a", "b"]


def test_an_asynchronous_prediction_is_cancelled(concurrent):
    concurrent.predict(id="canceled", wait=True, asynchronous=True)
    concurrent.wait_for("canceled", "processing")
    concurrent.post("/predictions/canceled/cancel")

    assert concurrent.wait_for("canceled")["status"] == "canceled"
    assert concurrent.predict().json["output"] == ["a", "b"]
