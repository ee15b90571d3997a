"""What the server says of itself: health, readiness, metrics, discovery, the lock, its logs."""

import hashlib
import json

import pytest

PLAIN = """
from cog import BasePredictor
class Predictor(BasePredictor):
    def setup(self):
        print("weights loaded")
    def predict(self, text: str) -> str:
        print("from the model")
        return text
"""

HINT = "hint: docs/http.md lists every setting of the server"

GATED = """
import os, time
from cog import BasePredictor
class Predictor(BasePredictor):
    def setup(self):
        print("loading weights", flush=True)
        while not os.path.exists("gate"):
            time.sleep(0.01)
    def predict(self, text: str) -> str:
        while text == "hold" and not os.path.exists("gate2"):
            time.sleep(0.01)
        return text
"""


def test_health_goes_from_starting_to_ready_to_busy_and_back(serve):
    server = serve(GATED, ready=False)

    body = server.until(lambda: "logs" in (found := server.get("/health-check").json)["setup"] and found)
    assert body["status"] == "STARTING"
    assert (body["setup"]["status"], body["setup"]["logs"]) == ("starting", "loading weights\n")
    assert "completed_at" not in body["setup"]
    assert (server.get("/readyz").status, server.get("/livez").status) == (503, 200)
    refused = server.predict(text="x")
    assert refused.status == 503
    message = "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
    assert refused.json == {"error": message, "status": "failed"}

    (server.folder / "gate").touch()
    server.wait_for_status("READY")
    body = server.get("/health-check").json
    assert body["setup"]["status"] == "succeeded"
    assert body["setup"]["started_at"] < body["setup"]["completed_at"]
    assert set(body["version"]) == {"coglet", "python_sdk", "python"}
    assert server.get("/readyz").status == 200

    server.predict(text="hold", id="held", asynchronous=True)
    server.wait_for("held", "processing")
    assert server.status() == "BUSY"
    assert server.get("/readyz").status == 200  # there is room in the queue
    (server.folder / "gate2").touch()
    server.wait_for("held")
    assert server.status() == "READY"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return False", "Healthcheck failed: user-defined healthcheck returned False"),
        ("raise OSError('no disk')", "Healthcheck failed: user-defined healthcheck raised OSError: no disk"),
    ],
)
def test_the_models_own_healthcheck_makes_it_unhealthy(serve, body, error):
    server = serve(PLAIN + f"    def healthcheck(self) -> bool:\n        {body}\n", ready=False)

    server.wait_for_status("UNHEALTHY")

    assert server.get("/health-check").json["user_healthcheck_error"] == error
    assert server.get("/readyz").status == 503
    assert server.predict(text="x").json["output"] == "x"


def test_a_setup_that_raises_is_told_with_its_traceback_and_stays(serve):
    server = serve(PLAIN.replace('print("weights loaded")', 'raise OSError("no weights")'), ready=False)

    server.wait_for_status("SETUP_FAILED")

    setup = server.get("/health-check").json["setup"]
    assert setup["status"] == "failed"
    assert setup["logs"].splitlines()[-1] == "OSError: no weights"
    assert (server.get("/livez").status, server.get("/readyz").status) == (503, 503)
    refused = server.predict(text="x")
    assert refused.status == 503
    message = "Setup has failed, and this server accepts no predictions. GET /health-check says why."
    assert refused.json == {"error": message, "status": "failed"}
    assert "retry-after" not in refused.headers


def test_a_setup_that_hangs_ends_by_its_limit(serve):
    server = serve(GATED, ready=False, COG_SETUP_TIMEOUT="0.3")

    server.wait_for_status("SETUP_FAILED")

    assert "setup did not end within 0.3 seconds" in server.get("/health-check").json["setup"]["logs"]


def test_discovery_names_every_route_and_trainings_only_where_there_are_any(serve):
    server = serve(PLAIN)

    assert server.get("/").json == {
        "cog_version": server.get("/health-check").json["version"]["coglet"],
        "docs_url": "/docs",
        "openapi_url": "/openapi.json",
        "shutdown_url": "/shutdown",
        "healthcheck_url": "/health-check",
        "predictions_url": "/predictions",
        "predictions_idempotent_url": "/predictions/{prediction_id}",
        "predictions_cancel_url": "/predictions/{prediction_id}/cancel",
    }
    assert server.get("/docs").status == 200
    assert server.get("/openapi.json").json["components"]["schemas"]["Input"]["required"] == ["text"]


def test_the_document_that_the_image_carries_is_served_as_it_is(serve, tmp_path):
    text = '{"openapi": "3.0.2",   "components": {"schemas": {"Input": {"required": ["other"]}}}}'
    (tmp_path / "given.json").write_text(text)
    server = serve(PLAIN, COG_OPENAPI_SCHEMA=str(tmp_path / "given.json"))

    assert server.get("/openapi.json").body == text.encode()
    assert server.predict(text="x").json["detail"][0]["loc"] == ["body", "input", "other"]


def test_the_lock_is_told_by_digest(serve, tmp_path):
    lock = b'schema = 1\n\n[base]\ndigest = "sha256:00"\n'
    (tmp_path / "cog.lock").write_bytes(lock)
    server = serve(PLAIN, COG_LOCK=str(tmp_path / "cog.lock"))

    answer = server.get("/cog/lock")
    assert answer.json == {
        "digest": "sha256:" + hashlib.sha256(lock).hexdigest(),
        "lock": {"schema": 1, "base": {"digest": "sha256:00"}},
    }
    assert server.get("/cog/lock", Accept="application/toml").body == lock


def test_without_a_lock_there_is_none_to_tell(serve):
    assert serve(PLAIN).get("/cog/lock").status == 404


def test_metrics_count_what_happened(serve):
    server = serve(PLAIN)
    for _ in range(3):
        server.predict(text="x")
    server.predict()

    answer = server.get("/metrics")

    lines = answer.body.decode().splitlines()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'cog_predictions_total{status="succeeded"} 3',
        'cog_predictions_total{status="failed"} 0',
        "cog_prediction_seconds_count 3",
        'cog_prediction_seconds_bucket{le="+Inf"} 3',
        "cog_predictions_running 0",
        "cog_predictions_waiting 0",
        "cog_ready 1",
        "cog_worker_restarts_total 0",
    ):
        assert line in lines
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named))


def test_logs_as_json_say_who_said_what(serve):
    server = serve(PLAIN, LOG_FORMAT="json")
    server.predict(text="x", id="logged")

    server.wait_for_line("from the model")

    lines = [json.loads(line) for line in server.output.splitlines()]
    said = next(line for line in lines if line["message"] == "from the model")
    assert (said["prediction"], said["source"], said["level"]) == ("logged", "stdout", "info")
    assert all(line["time"].endswith("Z") for line in lines)


def refused(serve, *arguments, **environment):
    """Return what a server says that does not start."""
    with pytest.raises(AssertionError) as failure:
        serve(PLAIN, *arguments, ready=False, **environment)
    return str(failure.value).splitlines()[1:]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"COG_QUEUE": "many"}, "error: COG_QUEUE: `many` is not a whole number from 0 to 1000000"),
        ({"COG_MAX_BODY": "1 PB"}, "error: COG_MAX_BODY: `1 PB` is not a size, such as 1048576 or 100MiB"),
        ({"COG_DRAIN": "-1"}, "error: COG_DRAIN: `-1` is not a number of seconds"),
        ({"LOG_FORMAT": "xml"}, "error: LOG_FORMAT: `xml` is none of console, json"),
        (
            {"COG_ALLOW_PRIVATE_URLS": "http://x"},
            "error: COG_ALLOW_PRIVATE_URLS: `http://x` is neither a host nor a CIDR",
        ),
    ],
)
def test_a_setting_that_means_nothing_stops_the_start(serve, environment, message):
    assert refused(serve, **environment) == [message, HINT]


def test_all_wrong_settings_are_told_at_once(serve):
    assert refused(serve, "--upload-url", "ftp://x", COG_QUEUE="x", PORT="70000") == [
        "error: PORT: `70000` is not a whole number from 0 to 65535",
        "error: COG_QUEUE: `x` is not a whole number from 0 to 1000000",
        "error: --upload-url: `ftp://x` is not an http or https URL",
        HINT,
    ]
