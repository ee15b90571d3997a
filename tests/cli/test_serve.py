"""`cog serve --local` as a user runs it: it answers where it was told to, and ends when it is told to."""

import functools
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from cogfreeze.client.connection import Client
from cogfreeze.client.process import free_port

COG = [sys.executable, "-m", "cogfreeze.cli.main"]

PREDICTOR = """\
from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self, file: Path) -> str:
        return file.read_text()
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    # Nothing listens there: the base image comes from the catalogue, and no registry is asked.
    return {**os.environ, "COG_CACHE_DIR": str(cache), "COG_REGISTRY_MIRROR": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def project(tmp_path_factory, variables):
    folder = tmp_path_factory.mktemp("project")
    (folder / "cog.yaml").write_text('build:\n  python_version: "3.11"\npredict: predict.py:Predictor\n')
    (folder / "predict.py").write_text(PREDICTOR)
    subprocess.run([*COG, "lock"], cwd=folder, env=variables, capture_output=True, check=True)
    return folder


@contextmanager
def serving(project, variables):
    """A server that is ready, as (process, client); killed at the end if it still runs."""
    port = free_port()
    process = subprocess.Popen(
        [*COG, "serve", "--local", "--port", str(port)], cwd=project, env=variables, stderr=subprocess.PIPE
    )
    client = Client(f"http://127.0.0.1:{port}", process.poll)
    try:
        client.wait_ready(timeout=60)
        yield process, client, port
    finally:
        process.kill()
        process.communicate()


@contextmanager
def files_of(folder):
    """A web server of this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_it_predicts_also_from_a_server_of_this_machine(project, variables, tmp_path):
    (tmp_path / "hello.txt").write_text("hello")

    with serving(project, variables) as (_, client, _), files_of(tmp_path) as address:
        assert client.predict({"file": f"{address}/hello.txt"})["output"] == "hello"
        assert client.predict({"file": "data:text/plain;base64,aGk="})["output"] == "hi"
        assert client.schema(timeout=1)["components"]["schemas"]["Input"]["required"] == ["file"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_it_is_told_to(project, variables, number):
    with serving(project, variables) as (process, _, port):
        process.send_signal(number)
        _, talk = process.communicate(timeout=30)

    assert process.returncode == 0
    assert f"serving at http://127.0.0.1:{port} until Ctrl-C" in talk.decode().splitlines()


def test_a_port_that_is_taken_is_told(project, variables):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*COG, "serve", "--local", "-p", str(port)]
        done = subprocess.run(
            command, cwd=project, env=variables, capture_output=True, text=True, check=False, timeout=60
        )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"error[CF900]: cannot listen at `127.0.0.1`, port {port}: Address already in use",
        "hint: choose another with `--host` and `--port`",
    ]
