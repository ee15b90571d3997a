"""The kernel kills a model for want of memory, as where a container has a limit: the server stays, and says so."""

import contextlib
import time

import pytest
import requests

from cogfreeze.client.process import free_port
from tests.engine.conftest import PREFIX

pytestmark = pytest.mark.engine

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, mebibytes: int) -> int:
        print("taking", mebibytes, flush=True)
        # Written to, page by page: what is only asked for takes no memory.
        taken = [bytearray(b"x") * (1 << 20) for _ in range(mebibytes)]
        return sum(map(len, taken)) >> 20
"""
LIMIT = "256m"


@pytest.fixture(scope="module")
def served(new_project, built, docker):
    """The address of a container that has a limit of memory and no swap."""
    built(new_project(files={"predict.py": PREDICT}.items()), name=f"{PREFIX}-memory")
    port = free_port()
    limits = ("--memory", LIMIT, "--memory-swap", LIMIT)
    container = docker(
        "run", "--detach", *limits, "--publish", f"127.0.0.1:{port}:5000", f"{PREFIX}-memory"
    ).strip()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", container)


def wait_until_ready(base):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{base}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("it is not ready")


def predict(base, mebibytes):
    return requests.post(f"{base}/predictions", json={"input": {"mebibytes": mebibytes}}, timeout=60).json()


def test_a_model_that_the_kernel_kills_for_memory_is_replaced_and_its_client_is_told(served):
    wait_until_ready(served)
    assert predict(served, 10)["output"] == 10

    body = predict(served, 4096)

    assert body["status"] == "failed"
    assert body["error"] == (
        "The prediction failed: the model's process was killed by SIGKILL: it ran out of memory"
    )
    assert body["logs"] == "taking 4096\n"
    wait_until_ready(served)
    assert predict(served, 10)["output"] == 10
    assert "cog_worker_restarts_total 1" in requests.get(f"{served}/metrics", timeout=5).text.splitlines()
