"""The model's own `healthcheck`."""

from __future__ import annotations

import time

import pytest

HEALTH = """
    import time
    class Predictor:
        def setup(self):
            self.verdict = True
        def predict(self, verdict: str) -> str:
            self.verdict = {"false": False, "odd": "maybe"}.get(verdict, verdict)
            if verdict == "busy":
                print("busy")
                time.sleep(600)
            return "x"
        %sdef healthcheck(self):
            if self.verdict == "raise":
                raise ValueError("ill")
            return self.verdict
"""


@pytest.mark.parametrize("kind", ["", "async "])
def test_the_models_own_health_is_asked(worker, kind):
    """A bool is believed, anything else but False is health, an exception is illness; also while it is busy."""
    running = worker(HEALTH % kind)
    expected = {
        "false": (False, "Healthcheck failed: user-defined healthcheck returned False"),
        "odd": (True, None),
        "raise": (False, "Healthcheck failed: user-defined healthcheck raised ValueError: ill"),
    }

    for verdict, (ok, error) in expected.items():
        running.predict(verdict, verdict=verdict)
        running.send({"type": "healthcheck"})
        header, _ = running.until("health")
        assert (header["ok"], header.get("error")) == (ok, error)
    running.start("busy", verdict="busy")
    running.until("log", id="busy")
    running.send({"type": "healthcheck"})
    assert running.until("health")[0] == {"type": "health", "ok": True}


def test_health_is_answered_while_an_asynchronous_model_blocks_its_loop(worker):
    running = worker(
        "import time\nasync def predict() -> str:\n    print('in')\n    time.sleep(600)",
        reference="predict.py:predict",
    )
    running.start()
    running.until("log")
    running.send({"type": "healthcheck"})

    assert running.until("health")[0] == {"type": "health", "ok": True}


@pytest.mark.slow
def test_a_healthcheck_that_hangs_is_given_up(worker):
    """After five seconds; the next one that asks waits for the same check."""
    running = worker(
        "import time\n"
        "class Predictor:\n"
        "    def healthcheck(self): time.sleep(600)\n"
        "    def predict(self) -> int: return 1\n"
    )
    began = time.monotonic()
    running.send({"type": "healthcheck"})
    running.send({"type": "healthcheck"})

    answers = [running.until("health")[0] for _ in range(2)]

    error = "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds"
    assert answers == [{"type": "health", "ok": False, "error": error}] * 2
    assert time.monotonic() - began >= 5
    assert running.predict()["output"] == 1
