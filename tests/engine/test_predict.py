"""Predicting and serving in the image: the OCR example, locked against this engine's mirrors."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from cogfreeze.client.connection import Client
from cogfreeze.client.inputs import data_uri
from cogfreeze.client.process import free_port

pytestmark = pytest.mark.engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "ocr"
LINES = runpy.run_path(str(EXAMPLE / "make_sample.py"))["LINES"]
COG = [sys.executable, "-m", "cogfreeze.cli.main"]
IMAGE = "cogfreeze-test-predict"


@pytest.fixture(scope="module")
def variables():
    if "ENGINE_REGISTRY" not in os.environ:
        pytest.skip("no engine: see CONTRIBUTING.md")
    return {
        **os.environ,
        "COG_REGISTRY_MIRROR": os.environ["ENGINE_REGISTRY"],
        "COG_DEBIAN_SNAPSHOT": os.environ["ENGINE_DEBIAN_SNAPSHOT"],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, variables):
    """A copy of the example with a lock for this engine."""
    made = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("ocr") / "ocr"))
    (made / "cog.lock").unlink(missing_ok=True)
    with (made / "cog.yaml").open("a") as file:
        file.write(f"image: {IMAGE}\n")
    done = subprocess.run([*COG, "lock"], cwd=made, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def image(folder, variables):
    command = [*COG, "build", "--syntax", "builtin"]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return IMAGE


def containers():
    """The names of the image's containers, whatever their state."""
    command = ["docker", "ps", "--all", "--filter", f"ancestor={IMAGE}", "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_projects_image_is_built_and_reads_the_text(folder, variables):
    command = [*COG, "predict", "--syntax", "builtin", "-i", "image=@sample.png"]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert tuple(line["text"] for line in result["lines"]) == LINES
    assert (folder / result["picture"]).read_bytes().startswith(b"\x89PNG")
    assert containers() == []


def test_a_named_image_is_asked_for_its_inputs(image, tmp_path, variables):
    command = [*COG, "predict", image, "-i", "picture=@none.png"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-2:] == [
        "error[CF900]: the model has no input `picture`; input `image` is missing",
        "hint: the model's inputs are `image`, `min_score`; add `-i image=@FILE`",
    ]


def test_an_image_that_is_not_there_is_told(tmp_path, variables):
    command = [*COG, "predict", "no-such-image-of-ours"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2:] == [
        "error[CF400]: could not pull the image `no-such-image-of-ours`",
        "hint: see Docker's output above",
    ]


def test_a_container_that_cannot_start_is_told(image, tmp_path, variables):
    command = [*COG, "predict", image, "--gpus", "no-such-option=1"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2:] == [
        f"error[CF400]: could not run the image `{image}`",
        "hint: see Docker's output above",
    ]


def test_an_interrupt_leaves_no_container(image, folder, variables):
    command = [*COG, "predict", image, "-i", "image=@sample.png"]
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not containers():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)

    assert process.returncode == 130
    assert containers() == []


def test_the_image_serves_until_it_is_stopped(image, folder, variables):
    port = free_port()
    process = subprocess.Popen(
        [*COG, "serve", image, "--port", str(port)],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    base = f"http://127.0.0.1:{port}"
    client = Client(base, process.poll)
    try:
        document = client.schema(timeout=60)
        assert requests.get(f"{base}/health-check", timeout=5).json()["status"] in ("STARTING", "READY")
        client.wait_ready(timeout=300)
        answer = requests.post(
            f"{base}/predictions", json={"input": {"image": data_uri(folder / "sample.png")}}, timeout=60
        )
        refused = requests.post(f"{base}/predictions", json={"input": {"min_score": 2}}, timeout=5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    finally:
        process.kill()

    assert list(document["components"]["schemas"]["Input"]["properties"]) == ["image", "min_score"]
    assert answer.status_code == 200
    assert tuple(line["text"] for line in answer.json()["output"]["lines"]) == LINES
    assert refused.status_code == 422
    assert sorted(each["loc"][-1] for each in refused.json()["detail"]) == ["image", "min_score"]
    assert process.returncode == 0
    assert containers() == []
