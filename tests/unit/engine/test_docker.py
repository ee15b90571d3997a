"""An engine that isn't there is one clear error, which names the way that needs none."""

import pytest

from cogfreeze.engine import docker
from cogfreeze.errors import ToolMissing

WITHOUT = "`cog dockerfile -o DIR` writes everything that an engine on another machine needs"
ANSWER = (
    '{"ServerVersion": "28.5.2", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],'
    ' "ClientInfo": {"Plugins": [{"Name": "buildx", "Version": "%s"}]}}'
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A `docker` that says what a test wants it to: faults that the engine here does not have."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(output, *, errors="", status=0):
        path = tmp_path / "docker"
        (tmp_path / "output").write_text(output)
        (tmp_path / "errors").write_text(errors)
        path.write_text(
            f'#!/bin/sh\nwhile read -r line; do echo "$line"; done <{tmp_path}/output\n'
            f'while read -r line; do echo "$line" >&2; done <{tmp_path}/errors\nexit {status}\n'
        )
        path.chmod(0o755)

    return make


def test_no_docker(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as raised:
        docker.find()

    assert str(raised.value) == "`docker` is not installed"
    assert raised.value.hint == f"install Docker; {WITHOUT}"


def test_an_engine_that_does_not_answer(program):
    program('{"ServerVersion":""}\n', errors="Cannot connect to the Docker daemon at unix:///x.\n", status=1)
    with pytest.raises(ToolMissing) as raised:
        docker.find()

    assert str(raised.value) == (
        "the Docker engine does not answer: Cannot connect to the Docker daemon at unix:///x"
    )
    assert raised.value.hint == f"start it; {WITHOUT}"


def test_no_buildx(program):
    program('{"ServerVersion": "28.5.2", "ClientInfo": {"Plugins": []}}\n')
    with pytest.raises(ToolMissing, match="the Docker plugin `buildx` is not installed"):
        docker.find()


def test_an_old_buildx(program):
    program(ANSWER % "v0.9.1" + "\n")
    with pytest.raises(ToolMissing, match=r"buildx v0\.9\.1 is too old: builds need 0\.13"):
        docker.find()


def test_an_engine_that_answers_is_known_by_its_releases(program):
    program(ANSWER % "0.29.1+ds1" + "\n")
    found = docker.find()

    assert found.release == "docker 28.5.2, buildx 0.29.1+ds1"
    assert found.keeps_manifests


def test_a_store_without_manifests_is_told_apart(program):
    program((ANSWER % "0.29.1").replace("containerd", "graphdriver") + "\n")

    assert not docker.find().keeps_manifests


def test_what_builds_is_the_contexts_own_builder_whatever_was_chosen(program):
    """After `docker buildx use` another one would build, and the image would not be in the engine's store."""
    program((ANSWER % "0.29.1").replace('"ClientInfo": {', '"ClientInfo": {"Context": "rootless", ') + "\n")

    assert docker.find().builder == "rootless"
    assert docker.find("rootless").release == "docker 28.5.2, buildx 0.29.1"


def test_without_a_context_it_is_the_default_one(program):
    program(ANSWER % "0.29.1" + "\n")

    assert docker.find().builder == "default"
