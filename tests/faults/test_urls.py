"""Where clients' URLs may lead: nowhere inside. No packet leaves loopback, and none is sent that is refused."""

import json
import os

import pytest
from cogserve.files.store import OutputUnusable, open_inside

from tests.server.fixtures import shared
from tests.server.serving import starting

SOURCE = """
from typing import List
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self, file: Path = None, files: List[Path] = None, make: bool = False) -> str:
        if make:
            open("made.txt", "w").close()
            return Path("made.txt")
        return open(file).read()
""".replace("-> str", "-> Path")
# Names are resolved by a table, and each question is written down.
START = """
import functools, json, os, socket, sys
sys.path[:0] = [sys.argv.pop(1)]
from cogserve import main, server

async def resolver(host, port):
    names = json.loads(os.environ["TEST_NAMES"])
    with open("asked", "a") as file:
        print(host, file=file)
    answers = names.get(host, [host])
    return [(socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in answers]

server.Server = functools.partial(server.Server, resolver=resolver)
sys.exit(main.main())
"""
INSIDES = ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1")
NAMES = {f"name-{number}.example.com": [address] for number, address in enumerate(INSIDES)}
INSIDE = "The URL leads to an address that is not public"


@pytest.fixture
def guarded(serve):
    def start(*arguments, names=None, allow="", **environment):
        environment.update(TEST_NAMES=json.dumps(names or {}), COG_ALLOW_PRIVATE_URLS=allow)
        return serve(SOURCE, *arguments, command=starting(START), **environment)

    return start


closed = shared(SOURCE, command=starting(START), TEST_NAMES=json.dumps(NAMES))


def refusal(answer):
    assert answer.status == 422, answer
    (mistake,) = answer.json["detail"]
    return mistake["loc"], mistake["msg"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/etc/passwd", "Input should be a data URI, or an http or https URL"),
        ("file:///etc/passwd", "Input should be a data URI, or an http or https URL"),
        ("gopher://127.0.0.1/", "Input should be a data URI, or an http or https URL"),
        ("http://a\\@127.0.0.1/", "The URL has a space, a backslash or a control character"),
        ("http://127.0.0.1:{port}/", INSIDE),
        ("http://[::ffff:127.0.0.1]:{port}/", INSIDE),
        ("http://2130706433:{port}/", INSIDE),
        ("http://0x7f000001:{port}/", INSIDE),
        ("http://0177.0.0.1:{port}/", INSIDE),
        ("http://127.1:{port}/", INSIDE),
        ("http://localhost:{port}/", INSIDE),
        ("http://169.254.169.254/latest/meta-data/", INSIDE),
        ("http://[fd00:ec2::254]/", INSIDE),
    ],
)
def test_a_url_that_leads_inside_is_422_at_once(closed, receiver, url, message):
    server = closed

    found = refusal(server.predict(file=url.replace("{port}", str(receiver.server_address[1]))))

    assert found == (["body", "input", "file"], message)
    listed = refusal(server.predict(files=["data:,x", url.replace("{port}", str(receiver.server_address[1]))]))
    assert listed[0][:3] == ["body", "input", "files"]
    assert receiver.requests == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_resolves_to_the_inside_is_refused_before_a_connection_is_made(closed, receiver, name):
    url = f"http://{name}:{receiver.server_address[1]}/"

    assert refusal(closed.predict(file=url)) == (["body", "input", "file"], INSIDE)
    assert receiver.requests == []


def test_an_asynchronous_prediction_fails_instead(guarded):
    server = guarded(names={"innocent.example.com": ["10.0.0.1"]})

    server.predict(file="http://innocent.example.com/", id="later", asynchronous=True)

    body = server.wait_for("later")
    assert (body["status"], body["error"]) == ("failed", f"file: {INSIDE}")


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/",
        "http://inside.example.com/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "http://a\\@127.0.0.1/",
    ],
)
def test_a_redirect_is_judged_as_its_start_was(guarded, receiver, location):
    server = guarded(names={"inside.example.com": ["10.0.0.1"]}, allow="127.0.0.1/32")
    for status in (301, 302, 303, 307, 308):
        receiver.answers[f"/{status}"] = (status, {"Location": location}, b"")

        refusal(server.predict(file=f"{receiver.url}/{status}"))

    assert [path for _, path, _, _ in receiver.requests] == ["/301", "/302", "/303", "/307", "/308"]


def test_a_name_is_asked_for_once_so_that_a_second_answer_cannot_differ(guarded, receiver):
    receiver.answers["/x"] = (200, {}, b"content")
    server = guarded(names={"host.example.com": ["127.0.0.1"]}, allow="127.0.0.0/8")

    body = server.predict(file=f"http://host.example.com:{receiver.server_address[1]}/x").json

    assert body["status"] == "succeeded"
    assert (server.folder / "asked").read_text() == "host.example.com\n"
    assert receiver.requests[0][2]["host"] == f"host.example.com:{receiver.server_address[1]}"


def test_an_operator_opens_a_host_by_its_name(guarded, receiver):
    receiver.answers["/x"] = (200, {}, b"content")
    server = guarded(names={"files.internal": ["127.0.0.1"], "other": ["127.0.0.1"]}, allow="files.internal")
    port = receiver.server_address[1]

    assert server.predict(file=f"http://files.internal:{port}/x").json["status"] == "succeeded"
    assert refusal(server.predict(file=f"http://other:{port}/x"))[1] == INSIDE


def test_credentials_go_to_the_host_that_they_are_for(guarded, receiver):
    receiver.answers["/x"] = (302, {"Location": f"http://other.example.com:{receiver.server_address[1]}/y"}, b"")
    receiver.answers["/y"] = (200, {}, b"content")
    server = guarded(names={"other.example.com": ["127.0.0.1"]}, allow="127.0.0.0/8")

    server.predict(file=f"http://user:secret@127.0.0.1:{receiver.server_address[1]}/x")

    first, second = (headers for _, _, headers, _ in receiver.requests)
    assert first["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert "authorization" not in second


def test_a_webhook_does_not_follow_to_the_inside_and_keeps_its_token(guarded, receiver):
    receiver.answers["/hook"] = (307, {"Location": "http://127.0.0.2/"}, b"")
    server = guarded(allow="127.0.0.1/32", WEBHOOK_AUTH_TOKEN="secret", COG_WEBHOOK_AUTH_HOSTS="127.0.0.1")

    body = {
        "input": {"file": "data:,x"},
        "webhook": f"{receiver.url}/hook",
        "webhook_events_filter": ["completed"],
    }
    assert server.post("/predictions", body).json["status"] == "succeeded"

    server.wait_for_line("the webhook of prediction .* is refused: " + INSIDE)
    assert len(receiver.requests) == 1
    assert "secret" not in server.output


def test_a_webhooks_token_does_not_follow_it_to_another_host(guarded, receiver):
    port = receiver.server_address[1]
    receiver.answers["/hook"] = (307, {"Location": f"http://other.example.com:{port}/next"}, b"")
    server = guarded(
        names={"other.example.com": ["127.0.0.1"]},
        allow="127.0.0.0/8",
        WEBHOOK_AUTH_TOKEN="secret",
        COG_WEBHOOK_AUTH_HOSTS="127.0.0.1",
    )

    body = {
        "input": {"file": "data:,x"},
        "webhook": f"{receiver.url}/hook",
        "webhook_events_filter": ["completed"],
    }
    server.post("/predictions", body)

    receiver.wait_for(1, "/next")
    first, second = (headers for _, _, headers, _ in receiver.requests)
    assert first["authorization"] == "Bearer secret"
    assert "authorization" not in second


def test_a_webhook_whose_name_leads_inside_is_not_called(guarded, receiver):
    server = guarded(names={"hooks.example.com": ["127.0.0.1"]})
    url = f"http://hooks.example.com:{receiver.server_address[1]}/"

    server.post("/predictions", {"input": {"file": "data:,x"}, "webhook": url})

    server.wait_for_line("the webhook of prediction .* is refused: " + INSIDE)
    assert receiver.requests == []


def test_an_upload_goes_to_the_operators_url_and_does_not_follow_to_the_inside(guarded, receiver):
    receiver.answers["/up/made.txt"] = (307, {"Location": "http://127.0.0.2/"}, b"")
    server = guarded("--upload-url", f"{receiver.url}/up")

    body = server.predict(make=True).json

    assert body["status"] == "failed"
    assert body["error"] == f"The output file `made.txt` could not be uploaded: {INSIDE}"
    receiver.answers["/up/made.txt"] = (307, {"Location": "/elsewhere"}, b"")
    assert server.predict(make=True).json["output"] == f"{receiver.url}/elsewhere"


def test_the_operators_place_for_uploads_is_open_to_uploads_alone(guarded, receiver):
    """A client that knows its address gets no further with it than with another."""
    port = receiver.server_address[1]
    server = guarded("--upload-url", f"http://store.internal:{port}/up", names={"store.internal": ["127.0.0.1"]})
    secret = f"http://store.internal:{port}/secret"

    assert refusal(server.predict(file=secret)) == (["body", "input", "file"], INSIDE)
    server.post("/predictions", {"input": {"file": "data:,x"}, "webhook": secret})
    server.wait_for_line("the webhook of prediction .* is refused: " + INSIDE)

    assert receiver.requests == []
    assert server.predict(make=True).json["output"] == f"http://store.internal:{port}/up/made.txt"


# Paths of outputs


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "own"
    (folder / "inner").mkdir(parents=True)
    (folder / "good.txt").write_text("good")
    (folder / "inner" / "good.txt").write_text("good")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "inside-link").symlink_to(folder / "good.txt")
    os.mkfifo(folder / "pipe")
    return str(folder)


@pytest.mark.parametrize("path", ["good.txt", "inner/good.txt"])
def test_files_in_the_predictions_folder_are_given_out(folder, path):
    descriptor = open_inside(folder, f"{folder}/{path}")
    try:
        assert os.read(descriptor, 100) == b"good"
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    "path",
    [
        *("../secret", "inner/../../secret", "link", "linked/secret", "inside-link", "pipe", "inner", "", "."),
        *("/etc/passwd", "/proc/self/environ", "inner//good.txt", "./good.txt", "good.txt\0", "missing"),
    ],
)
def test_nothing_else_is(folder, path):
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with pytest.raises(OutputUnusable):
        open_inside(folder, path if path.startswith("/") else f"{folder}/{path}")

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_folder_of_a_similar_name_is_another_folder(folder, tmp_path):
    (tmp_path / "own-not").mkdir()
    (tmp_path / "own-not" / "good.txt").touch()

    with pytest.raises(OutputUnusable):
        open_inside(folder, str(tmp_path / "own-not" / "good.txt"))
