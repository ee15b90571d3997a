"""Builders of buildx's own: one that is asked for builds, and one that was only chosen does not.

The second builder is a real BuildKit too: the engine's, reached by the `remote` driver through a socket of its
own, as a builder on another machine is.
"""

import json
import os
import socket
import subprocess
import threading
from contextlib import ExitStack, suppress

import pytest

pytestmark = pytest.mark.engine

NAME = "cogfreeze-test-builder"
UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def pump(source, target):
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(listening, engine, opened):
    """Hand every connection on to the engine's BuildKit."""
    with suppress(OSError):
        while True:
            client = opened.enter_context(listening.accept()[0])
            server = opened.enter_context(socket.socket(socket.AF_UNIX))
            server.connect(engine)
            server.sendall(UPGRADE)
            head = b""
            while b"\r\n\r\n" not in head:
                head += server.recv(1)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()


@pytest.fixture
def remote(engine_environment, tmp_path, monkeypatch):
    """The name of a builder that isn't the engine's own, and is chosen as the default one."""
    if not engine_environment["DOCKER_HOST"].startswith("unix://"):
        pytest.skip("the engine is not reached by a socket of this machine")
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    path = tmp_path / "buildkit.sock"
    with ExitStack() as opened, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        engine = engine_environment["DOCKER_HOST"].removeprefix("unix://")
        threading.Thread(target=serve, args=(listening, engine, opened), daemon=True).start()
        create = [
            "docker",
            "buildx",
            "create",
            "--name",
            "elsewhere",
            "--driver",
            "remote",
            "--use",
            f"unix://{path}",
        ]
        environment = os.environ | engine_environment
        subprocess.run(create, env=environment, check=True, capture_output=True, timeout=60)
        yield "elsewhere"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_builder_that_is_asked_for_gives_the_same_image(remote, small, small_image, built, tmp_path):
    image = built(small, "--builder", remote, "--output", f"type=oci,dest={tmp_path / 'image.tar'}")

    assert image["digest"] == small_image["digest"]
    assert image["engine"].startswith("buildkit ")
    assert small_image["engine"].startswith("docker ")
    assert (tmp_path / "image.tar").stat().st_size > 1_000_000


def test_a_builder_that_was_only_chosen_takes_no_image_away_from_the_engine(
    remote, small, small_image, cog, docker
):
    """`docker buildx use`, which many do once and forget."""
    for variables in ({}, {"BUILDX_BUILDER": remote}):
        answer = cog(small, "build", "--syntax", "builtin", "-t", NAME, "--json", variables=variables)
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["engine"] == small_image["engine"]
    docker("image", "inspect", NAME)


def test_a_builder_that_is_not_there_is_told_before_anything_is_fetched(small, cog, tmp_path):
    output = f"type=oci,dest={tmp_path / 'image.tar'}"
    answer = cog(small, "build", "--syntax", "builtin", "--builder", "nowhere", "--output", output)

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.splitlines() == [
        'error[CF500]: the builder `nowhere` does not answer: no builder "nowhere" found',
        "hint: `docker buildx ls` lists the builders of this machine",
    ]


def test_an_output_that_is_no_image_has_no_digest(small, built, tmp_path):
    image = built(small, "--output", f"type=tar,dest={tmp_path / 'files.tar'}")

    assert (image["digest"], image["config"], image["layers"]) == (None, None, [])
    assert (tmp_path / "files.tar").stat().st_size > 1_000_000
