"""The client waits for a server, asks it once, and turns each of its failures into an error for people."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cogfreeze.client.connection import Client
from cogfreeze.client.process import free_port
from cogfreeze.errors import PredictionFailed, UsageError


class Scripted(BaseHTTPRequestHandler):
    """Answers with the next of `answers[method]`, the last one again and again; keeps what was asked."""

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.asked.append((self.command, self.path, json.loads(self.rfile.read(length) or "null")))
        answers = self.server.answers[self.command]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(body, BaseException):
            raise body
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = answer  # noqa: N815

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as made:
        made.answers, made.asked = {}, []
        made.url = f"http://127.0.0.1:{made.server_port}"
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield made
        made.shutdown()


def test_a_prediction_gives_the_servers_answer(server):
    answer = {"status": "succeeded", "output": [1], "logs": "", "metrics": {}}
    server.answers["PUT"] = [(200, answer)]

    assert Client(server.url).predict({"n": 1}) == answer
    assert [(method, body) for method, _, body in server.asked] == [("PUT", {"input": {"n": 1}})]


def test_a_stream_is_given_piece_by_piece(server):
    answer = {"status": "succeeded", "output": ["a\u2028", "b"]}
    events = [("start", {}), ("output", {"chunk": "a\u2028"}), ("output", {"chunk": "b"}), ("completed", answer)]
    body = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in events)
    server.answers["PUT"] = [(200, (": keep-alive\n\n" + body).encode())]
    pieces = []

    assert Client(server.url).predict({}, on_chunk=pieces.append) == answer
    assert pieces == ["a\u2028", "b"]


def test_a_stream_that_is_cut_short_is_told(server):
    server.answers["PUT"] = [(200, b'event: output\ndata: {"chunk": "a"}\n\n')]

    with pytest.raises(PredictionFailed, match=r"^the server ended the stream before the prediction was done$"):
        Client(server.url).predict({}, on_chunk=print)


def test_ready_is_waited_for(server):
    server.answers["GET"] = [
        (200, {"status": "STARTING"}),
        (200, {"status": "STARTING"}),
        (200, {"status": "READY"}),
    ]

    Client(server.url).wait_ready(timeout=5)

    assert len(server.asked) == 3


def test_a_failed_setup_is_told_with_its_last_line(server):
    logs = "loading\nTraceback (most recent call last):\nOSError: no weights\n"
    server.answers["GET"] = [(200, {"status": "SETUP_FAILED", "setup": {"logs": logs}})]

    with pytest.raises(PredictionFailed) as caught:
        Client(server.url).wait_ready(timeout=5)

    assert caught.value.message == "`setup()` failed: OSError: no weights"
    assert caught.value.hint == "see its output above"


def test_a_setup_that_takes_too_long_is_told(server):
    server.answers["GET"] = [(200, {"status": "STARTING"})]

    with pytest.raises(PredictionFailed, match=r"^the model was not ready after 0 s$") as caught:
        Client(server.url).wait_ready(timeout=0)

    assert caught.value.hint == "allow more time with `--setup-timeout SECONDS`"


@pytest.mark.parametrize(("status", "how"), [(3, "with exit status 3"), (-9, "by signal 9")])
def test_a_server_that_ended_is_told_at_once(status, how):
    with pytest.raises(PredictionFailed) as caught:
        Client(f"http://127.0.0.1:{free_port()}", lambda: status).wait_ready(timeout=60)

    assert caught.value.message == f"the server exited {how} before it was ready"


def test_a_model_that_fails_gives_its_own_error(server):
    server.answers["PUT"] = [(200, {"status": "failed", "error": "the image is not a picture", "logs": ""})]

    with pytest.raises(PredictionFailed, match=r"^the image is not a picture$"):
        Client(server.url).predict({})


def test_refused_inputs_are_named_with_their_reasons(server):
    detail = [
        {"loc": ["body", "input", "min_score"], "msg": "must be at most 1", "type": "value_error"},
        {"loc": ["body", "input", "image"], "msg": "Field required", "type": "value_error.missing"},
    ]
    server.answers["PUT"] = [(422, {"detail": detail})]

    with pytest.raises(UsageError, match=r"^input `min_score`: must be at most 1; input `image`: Field required$"):
        Client(server.url).predict({})


LOGS = """loading
Traceback (most recent call last):
  File "predict.py", line 3, in predict
    raise ValueError(TEXT)
ValueError: CUDA out of memory. Tried to allocate 2 GiB
GPU 0 has 1 GiB

See the documentation
"""
MESSAGE = "CUDA out of memory. Tried to allocate 2 GiB\nGPU 0 has 1 GiB\n\nSee the documentation"


def test_an_exception_is_told_by_its_own_first_line(server):
    """Its message may have more lines; all of it is in the traceback above."""
    server.answers["PUT"] = [(200, {"status": "failed", "error": MESSAGE, "logs": LOGS})]
    server.answers["GET"] = [(200, {"status": "SETUP_FAILED", "setup": {"logs": LOGS}})]
    line = "ValueError: CUDA out of memory. Tried to allocate 2 GiB"

    with pytest.raises(PredictionFailed) as caught:
        Client(server.url).predict({})
    assert (caught.value.message, caught.value.hint) == (line, "see its output above")
    with pytest.raises(PredictionFailed) as caught:
        Client(server.url).wait_ready(timeout=60)
    assert caught.value.message == f"`setup()` failed: {line}"


def test_an_error_of_the_servers_own_is_told_in_full(server):
    server.answers["PUT"] = [(200, {"status": "failed", "error": "invalid input: a", "logs": "loading"})]

    with pytest.raises(PredictionFailed) as caught:
        Client(server.url).predict({})

    assert (caught.value.message, caught.value.hint) == ("invalid input: a", None)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((413, {"error": "The body is long"}), UsageError, "the input is too large: The body is long"),
        ((503, {"error": "At capacity"}), PredictionFailed, "the server answered 503: At capacity"),
        ((500, b"oops"), PredictionFailed, "the server answered 500: oops"),
        ((422, b"what"), UsageError, "the server rejected the input: what"),
    ],
)
def test_other_refusals_are_told_as_the_server_puts_them(server, answer, error, message):
    server.answers["PUT"] = [answer]

    with pytest.raises(error) as caught:
        Client(server.url).predict({})

    assert caught.value.message == message


def test_an_interrupt_cancels_the_prediction(server, monkeypatch):
    client = Client(server.url)
    server.answers["POST"] = [(200, {})]

    def interrupted(address, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(client._web, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.predict({})

    [(method, path, _)] = server.asked
    assert method == "POST"
    assert path.startswith("/predictions/cli-")
    assert path.endswith("/cancel")


def test_the_document_is_what_the_server_serves(server):
    server.answers["GET"] = [(200, {"openapi": "3.0.2"})]

    assert Client(server.url).schema(timeout=5) == {"openapi": "3.0.2"}
    assert server.asked == [("GET", "/openapi.json", None)]


def test_a_server_without_a_document_is_told(server):
    server.answers["GET"] = [(503, {"error": "not available"})]

    with pytest.raises(PredictionFailed, match=r"^the server has no OpenAPI document: not available$"):
        Client(server.url).schema(timeout=5)


def test_a_proxy_of_the_machines_stays_out(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    server.answers["GET"] = [(200, {"openapi": "3.0.2"})]

    assert Client(server.url).schema(timeout=5) == {"openapi": "3.0.2"}
