"""Builders of buildx's own: one that is asked for builds, and one that was only chosen does not.

The second builder is a real BuildKit too: the engine's, reached by the `remote` driver through a socket of its
own, as a builder on another machine is.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress

import pytest

from cogfreeze.engine import docker as engine
from cogfreeze.engine import verify
from cogfreeze.report import Silent

pytestmark = pytest.mark.engine

NAME = "cogfreeze-test-builder"
BUILDER = "elsewhere"
UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def pump(source, target):
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Bridge:
    """Hands every connection on to the engine's BuildKit, until it is cut."""

    def __init__(self, listening, engine, opened):
        self.listening, self.engine, self.opened, self.ends = listening, engine, opened, [listening]

    def serve(self):
        with suppress(OSError):
            while True:
                self.connect(self.opened.enter_context(self.listening.accept()[0]))

    def connect(self, client):
        server = self.opened.enter_context(socket.socket(socket.AF_UNIX))
        server.connect(self.engine)
        self.ends += [client, server]
        server.sendall(UPGRADE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += server.recv(1)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut(self):
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def remote(engine_environment, tmp_path, monkeypatch):
    """The way to a builder that isn't the engine's own, and was chosen as the default one."""
    host = engine_environment["DOCKER_HOST"]
    if not host.startswith("unix://"):
        pytest.skip("the engine is not reached by a socket of this machine")
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    path = tmp_path / "buildkit.sock"
    with ExitStack() as opened, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        bridge = Bridge(listening, host.removeprefix("unix://"), opened)
        threading.Thread(target=bridge.serve, daemon=True).start()
        command = f"docker buildx create --name {BUILDER} --driver remote --use unix://{path}"
        environment = os.environ | engine_environment
        subprocess.run(command.split(), env=environment, check=True, capture_output=True, timeout=60)
        yield bridge
        bridge.cut()


def test_a_builder_that_is_asked_for_gives_the_same_image(remote, small, small_image, built, tmp_path):
    image = built(small, "--builder", BUILDER, "--output", f"type=oci,dest={tmp_path / 'image.tar'}")

    assert image["digest"] == small_image["digest"]
    assert image["engine"].startswith("buildkit ")
    assert small_image["engine"].startswith("docker ")
    assert (tmp_path / "image.tar").stat().st_size > 1_000_000


def test_a_builder_that_was_only_chosen_takes_no_image_away_from_the_engine(
    remote, small, small_image, cog, docker
):
    """`docker buildx use`, which many do once and forget."""
    for variables in ({}, {"BUILDX_BUILDER": BUILDER}):
        answer = cog(small, "build", "--syntax", "builtin", "-t", NAME, "--json", variables=variables)
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["engine"] == small_image["engine"]
    docker("image", "inspect", NAME)


def test_the_cache_that_a_verification_empties_is_the_engines_own(remote, small_image):
    """Whatever was chosen, and though it is gone: asked of it, this would fail."""
    remote.cut()
    verify._prune(engine.find(), Silent())

    assert subprocess.run(["docker", "buildx", "prune", "--force"], capture_output=True, check=False).returncode


def test_an_engine_that_goes_away_is_told_with_the_step_that_ran(remote, new_project, engine_environment, cache):
    folder = new_project("run:\n  - echo started; sleep 100\n")
    command = [sys.executable, "-m", "cogfreeze.cli.main", "build", "--syntax", "builtin", "--progress", "plain"]
    process = subprocess.Popen(
        [*command, "--builder", BUILDER, "--output", f"type=oci,dest={folder / 'image.tar'}"],
        cwd=folder,
        env=os.environ | engine_environment | {"COG_CACHE_DIR": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert next(line for line in process.stderr if "| started" in line)
        remote.cut()
        error, hint = process.stderr.read().splitlines()[-2:]
        assert process.wait(60) == 1
        assert error.startswith("error[CF400]: build.run[0]: the connection to the engine was lost: ")
        assert hint == "hint: check that Docker is running, then build again; finished steps are cached"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_builder_that_is_not_there_is_told_before_anything_is_fetched(small, cog, tmp_path):
    output = f"type=oci,dest={tmp_path / 'image.tar'}"
    answer = cog(small, "build", "--syntax", "builtin", "--builder", "nowhere", "--output", output)

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-2:] == [
        'error[CF500]: the builder `nowhere` does not answer: no builder "nowhere" found',
        "hint: `docker buildx ls` lists the builders of this machine",
    ]


def test_an_output_that_is_no_image_has_no_digest(small, built, tmp_path):
    image = built(small, "--output", f"type=tar,dest={tmp_path / 'files.tar'}")

    assert (image["digest"], image["config"], image["layers"]) == (None, None, [])
    assert (tmp_path / "files.tar").stat().st_size > 1_000_000
