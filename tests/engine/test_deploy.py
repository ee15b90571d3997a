"""`cog deploy --target docker-run`: the script starts the image, locked down as it says, and the model answers."""

import subprocess

import pytest
import requests

from cogfreeze.client.connection import Client
from cogfreeze.client.process import free_port

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def script(small, small_image, cog):
    """The script, and the port that it publishes."""
    port = free_port()
    image = f"cogfreeze-test-small@{small_image['digest']}"
    options = ("--image", image, "--port", str(port), "--memory", "1Gi", "--name", f"cogfreeze-test-{port}")
    answer = cog(small, "deploy", "--target", "docker-run", *options, "-o", "deployed")
    assert answer.returncode == 0, answer.stderr
    return small / "deployed" / "docker-run.sh", port


@pytest.fixture
def start(engine_environment):
    """Run a script of `docker run` and return what it prints."""

    def run(words):
        answer = subprocess.run(words, env=engine_environment, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    return run


def test_the_model_answers_and_stops_within_its_grace_period(script, start, docker):
    path, port = script
    name = start([path]).strip()
    try:
        address = f"http://127.0.0.1:{port}"
        Client(address).wait_ready(timeout=60)
        body = requests.post(f"{address}/predictions", json={"input": {"text": "hello"}}, timeout=60).json()
        assert (body["status"], body["output"]) == ("succeeded", "HELLO")
        page = requests.get(address, headers={"Accept": "text/html"}, timeout=60)
        assert "<h1>Try this model</h1>" in page.text
        assert "script-src 'sha256-" in page.headers["Content-Security-Policy"]

        docker("stop", name)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
    finally:
        docker("rm", "--force", name)


def test_its_files_are_read_only_but_tmp_and_it_has_no_capabilities(script, start):
    look = "id -u; touch /src/x 2>&1; touch /tmp/x && echo written; grep CapEff /proc/self/status"
    text = (
        script[0]
        .read_text()
        .replace("--detach", "--entrypoint=/bin/sh")
        .replace("--restart=unless-stopped", "--rm")
        .rstrip("\n")
    )
    user, refused, written, capabilities = start(["sh", "-c", f"{text} -c '{look}'"]).splitlines()
    assert user == "1000"
    assert "Read-only file system" in refused
    assert written == "written"
    assert capabilities.split()[1] == "0000000000000000"
