"""What a server says to strangers: web pages of other sites, upload servers, services that are none of theirs."""

import json
import socket
import threading

import pytest

from tests.server.fixtures import shared
from tests.server.serving import events

SOURCE = """
from cog import BasePredictor, Path, streaming
from typing import Iterator

class Predictor(BasePredictor):
    @streaming
    def predict(self, caf\u00e9: str = "the default", file: Path = None, count: int = 1) -> Iterator[str]:
        for number in range(count):
            yield caf\u00e9
"""
OUT = """
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def predict(self) -> Path:
        Path("out.txt").write_text("content")
        return Path("out.txt")
"""
BODY = {"input": {}}
server = shared(SOURCE, COG_ALLOWED_HOSTS="localhost model.example.com", COG_ALLOW_PRIVATE_URLS="127.0.0.1")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Host": "evil.example.com"},
        {"Host": "evil.example.com", "Origin": "http://evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com"},
        {"Host": "localhost.evil.example.com:80"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/predictions", "/predictions/a/cancel", "/shutdown"])
def test_web_pages_of_other_sites_change_nothing(server, path, headers):
    assert server.post(path, BODY, **headers).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost"},
        {"Host": "LOCALHOST:8393"},
        {"Host": "model.example.com."},
        {"Host": "[::1]:5000"},
        {"Host": "192.168.1.7:5000"},
        {"Host": "localhost:1", "Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://public.example.com"},
    ],
    ids=str,
)
def test_its_own_page_and_other_programs_are_answered(server, headers):
    assert server.post("/predictions", BODY, **headers).status == 200


def test_a_page_under_another_name_cannot_read_either(server):
    assert server.get("/predictions/a", Host="evil.example.com").status == 403


def test_without_a_list_every_host_name_is_accepted(serve):
    assert serve(OUT).get("/livez", Host="anything.example.com").status == 200


@pytest.mark.parametrize(
    ("location", "output"),
    [
        ("/stored/out.txt", "{url}/stored/out.txt"),
        ("stored.txt?token=secret", "{url}/up/stored.txt"),
        ("https://cdn.example.com/out.txt?x=1", "https://cdn.example.com/out.txt"),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("data:text/html,x", None),
        ("https://", None),
        ("http://[", None),
    ],
)
def test_only_http_locations_of_uploads_are_given_to_clients(uploading, receiver_of_module, location, output):
    receiver_of_module.answers["/up/out.txt"] = (201, {"Location": location}, b"")

    body = uploading.predict().json

    if output is None:
        assert body["status"] == "failed"
        assert "`Location` is not an http or https URL" in body["error"]
    else:
        assert body["output"] == output.format(url=receiver_of_module.url)


@pytest.fixture(scope="module")
def receiver_of_module():
    from tests.server.receiving import receiver

    with receiver() as started:
        yield started


@pytest.fixture(scope="module")
def uploading(tmp_path_factory, receiver_of_module):
    from tests.server.serving import Server

    server = Server(tmp_path_factory.mktemp("project"), OUT, "--upload-url", f"{receiver_of_module.url}/up")
    yield server.wait_until_ready()
    server.close()


def test_an_error_shows_neither_addresses_nor_what_other_services_say(server):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet():
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2 internal\r\n\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}/x"
        body = server.predict(file=url).json
        greeting.join()

    assert body["error"] == "file: The file could not be fetched: the answer is not valid HTTP"
    assert server.predict(file=url).json["error"] == "file: The file could not be fetched: Connection refused"


def test_a_final_answer_before_the_body_closes_the_connection(server):
    head = b"POST /predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with server.open() as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer


@pytest.mark.parametrize("name", ["caf\u00e9", "cafe\u0301"], ids=["composed", "decomposed"])
def test_an_input_is_known_by_its_name_in_every_unicode_form(server, name):
    assert server.predict(**{name: "given"}).json["output"] == ["given"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("COG_MAX_BODY", "0"),
        ("COG_MAX_INFLIGHT", "0"),
        ("COG_MAX_MEMORY", "0MiB"),
        ("COG_MAX_OUTPUT", "0"),
        ("COG_MAX_DOWNLOAD", "0"),
        ("COG_BODY_TIMEOUT", "0"),
        ("COG_WRITE_TIMEOUT", "0.0"),
        ("COG_KEEP_ALIVE", "0"),
        ("COG_MAX_CONCURRENCY", "0"),
        ("COG_USER_AGENT", "h\u00e9"),
        ("WEBHOOK_AUTH_TOKEN", "to\u00e9ken"),
        ("WEBHOOK_AUTH_TOKEN", "a\tb"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(serve, setting, value):
    with pytest.raises(AssertionError, match=f"error: {setting}: "):
        serve(OUT, ready=False, **{setting: value})


@pytest.mark.parametrize(("capacity", "outputs"), [("0", []), ("4", ["7", "8", "9"])], ids=["none", "some"])
def test_a_late_reader_gets_as_many_events_as_the_capacity_says(serve, capacity, outputs):
    server = serve(SOURCE.replace("yield caf\u00e9", "yield str(number)"), COG_STREAM_HISTORY_CAPACITY=capacity)
    stream = {"Accept": "text/event-stream"}
    first = server.predict(method="PUT", path="/predictions/late", headers=stream, count=10)
    assert [data["chunk"] for kind, data in events(first.body) if kind == "output"] == list("0123456789")

    late = events(server.predict(method="PUT", path="/predictions/late", headers=stream, count=10).body)

    # The start, ten outputs, and the end, which everyone gets.
    assert late[0][0] == "error"
    assert late[0][1]["skipped"] == 12 - len(outputs) - 1
    assert [data["chunk"] for kind, data in late if kind == "output"] == outputs
    assert late[-1][0] == "completed"
    assert json.dumps(late[-1][1]["output"]) == json.dumps(list("0123456789"))


def test_the_environment_sets_how_many_run_at_once_over_the_decorator(serve):
    model = """
    import asyncio
    from cog import BasePredictor, concurrent
    class Predictor(BasePredictor):
        @concurrent(max=8)
        async def predict(self) -> str:
            await asyncio.sleep(0)
            return "x"
    """
    slots = {"": 8, "1": 1, "3": 3}
    for value, expected in slots.items():
        lines = serve(model, COG_MAX_CONCURRENCY=value).get("/metrics").body.decode().splitlines()
        assert f"cog_slots {expected}" in lines
