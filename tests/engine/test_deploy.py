"""`cog deploy --target docker-run`: the script starts the image, locked down as it says, and the model answers."""

import subprocess

import pytest
import requests

from cogfreeze.client.connection import Client
from cogfreeze.client.process import free_port

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def container(small, small_image, cog, docker, engine_environment):
    """The container that the script starts, and its address."""
    port = free_port()
    image = f"cogfreeze-test-small@{small_image['digest']}"
    options = ("--image", image, "--port", str(port), "--memory", "1Gi", "--name", f"cogfreeze-test-{port}")
    answer = cog(small, "deploy", "--target", "docker-run", *options, "-o", "deployed")
    assert answer.returncode == 0, answer.stderr
    started = subprocess.run(
        [small / "deployed" / "docker-run.sh"], env=engine_environment, capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    name = started.stdout.strip()
    yield name, f"http://127.0.0.1:{port}"
    docker("rm", "--force", name)


def test_the_model_answers_on_a_read_only_file_system_without_capabilities(container, docker):
    name, address = container
    Client(address).wait_ready(timeout=60)
    body = requests.post(f"{address}/predictions", json={"input": {"text": "hello"}}, timeout=60).json()
    assert (body["status"], body["output"]) == ("succeeded", "HELLO")
    listed = docker("exec", name, "sh", "-c", "id -u; touch /src/x 2>&1; touch /tmp/x; grep CapEff /proc/1/status")
    assert listed.splitlines()[0] == "1000"
    assert "Read-only file system" in listed
    assert listed.splitlines()[-1].split()[1] == "0000000000000000"


def test_it_stops_within_its_grace_period_and_says_so_by_status_0(container, docker):
    name, _ = container
    docker("stop", name)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
