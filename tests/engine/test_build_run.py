"""What is done with a built image: pushed, and run with a command."""

import json
import os
import urllib.request

import pytest

pytestmark = pytest.mark.engine


def test_what_is_pushed_is_what_was_built(small, built):
    host = os.environ["ENGINE_REGISTRY"].split("//")[1]
    image = built(small, "--push", name=f"{host}/cogfreeze-test/pushed:v1")
    request = urllib.request.Request(
        f"http://{host}/v2/cogfreeze-test/pushed/manifests/v1",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Docker-Content-Digest"] == image["digest"]
        assert json.load(answer)["config"]["digest"] == image["config"]


def test_a_registry_that_refuses_is_one_clear_error(small, cog):
    answer = cog(small, "build", "--syntax", "builtin", "--push", "-t", "127.0.0.1:9/cogfreeze-test/pushed")

    assert answer.returncode == 1
    assert answer.stdout == ""
    (line,) = (line for line in answer.stderr.splitlines() if line.startswith("error"))
    assert line.startswith("error[CF310]: pushing `127.0.0.1:9/cogfreeze-test/pushed` failed: ")


@pytest.mark.parametrize("verb", ["exec", "run"])
def test_a_command_runs_in_the_image_with_its_output_and_status(small, cog, verb):
    line = "import os, sys; print(os.getcwd(), os.getuid(), os.environ['GIVEN']); sys.exit(7)"
    answer = cog(small, verb, "-e", "GIVEN=here", "python", "-c", line)

    assert (answer.returncode, answer.stdout) == (7, "/src 1000 here\n")


def test_run_with_inputs_predicts(small, cog):
    answer = cog(small, "run", "-i", "text=quiet")

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "QUIET\n"
