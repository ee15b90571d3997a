"""`cog playground`: the same page in front of our server and of one like Cog's own."""

import http.client
import json
import socket
import subprocess
import sys
import threading

import pytest

from cogfreeze.playground import Playground, Target, open_when_ready
from tests.browser.cog_like import CogLike
from tests.browser.driver import Page
from tests.server.serving import PATIENCE


@pytest.fixture
def front():
    """Put a playground in front of a target, and return it."""
    running = []

    def start(url, webhook_host="127.0.0.1"):
        target = Target(url)
        target.check()
        server = Playground(target, "127.0.0.1", 0, webhook_host)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cog_like():
    """Start a server like Cog's."""
    running = []

    def start(**options):
        running.append(CogLike(**options))
        return running[-1]

    yield start
    for server in running:
        server.go_on.set()
        server.shutdown()
        server.server_close()


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    try:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_page_is_the_one_of_the_images(front, server_of):
    target = server_of("text")
    server = front(f"http://127.0.0.1:{target.port}")
    status, headers, html = ask(server, "GET", "/", Accept="text/html")
    own = target.get("/", Accept="text/html")
    assert (status, html) == (200, own.body)
    assert headers["Content-Security-Policy"] == own.headers["content-security-policy"]
    assert json.loads(ask(server, "GET", "/")[2]) == target.get("/").json


def test_a_model_streams_through_it(front, server_of, browser):
    server = front(f"http://127.0.0.1:{server_of('stream').port}")
    opened = Page(browser, server.url.rstrip("/"))
    opened.fill("prompt", "w")
    opened.fill("words", "200")
    opened.button("Run").click()
    opened.until(lambda: "w 0 w 1" in opened.output, "the first words")
    opened.button("Cancel").click()
    assert opened.wait() == "Canceled"
    assert opened.axe() == []
    assert opened.complaints() == []


def test_a_server_like_cogs_is_followed_by_its_webhooks(front, cog_like, browser):
    target = cog_like()
    opened = Page(browser, front(target.url).url.rstrip("/"))
    opened.fill("prompt", "hello")
    opened.button("Run").click()
    opened.until(lambda: opened.output.strip() == "hello" and "first" in opened.logs, "the first word")
    assert opened.ended() is None
    target.go_on.set()
    assert opened.wait() == "Succeeded"
    assert opened.output == "hello end"
    assert "1.5 s" in opened.id("status").text


def test_a_server_that_refuses_webhooks_gives_the_result_at_the_end(front, cog_like, browser):
    target = cog_like(webhooks=False)
    target.go_on.set()
    opened = Page(browser, front(target.url).url.rstrip("/"))
    opened.fill("prompt", "hello")
    assert opened.run() == "Succeeded"
    assert opened.output == "hello end"
    assert ["webhook" in each for each in target.requests] == [True, False]


def test_a_prediction_on_a_server_like_cogs_is_cancelled(front, cog_like, browser):
    opened = Page(browser, front(cog_like().url).url.rstrip("/"))
    opened.fill("prompt", "hello")
    opened.button("Run").click()
    opened.until(lambda: "first" in opened.logs, "the start")
    opened.button("Cancel").click()
    assert opened.wait() == "Canceled"


NAMES = [
    "<img src=x onerror='window.hacked = 1'>",
    '"><script>window.hacked = 2</script>',
    "__proto__",
    "constructor",
    "a b'c`d$(e)",
    "javascript:alert(1)",
]
HOSTILE = {
    **{name: {"type": "string", "default": "</textarea><script>window.hacked = 3</script>"} for name in NAMES},
    "endless": {"$ref": "#/components/schemas/Endless"},
    "circle": {"$ref": "#/components/schemas/Circle"},
    "null": None,
    "enum": {"enum": [{"a": 1}, None, "</option><script>window.hacked = 4</script>"], "default": 5},
    "number": {"type": "number", "minimum": "<b>", "maximum": [], "default": "x"},
    "list": {"type": "array", "items": 7, "default": "not a list"},
    "text": {"type": "string", "pattern": "(", "description": {"a": 1}, "default": {"b": 2}},
    "file": {"type": "string", "format": "uri", "default": "javascript:alert(1)", "x-cog-accept": '"><script>'},
}


def hostile(properties):
    endless = {"type": "array", "items": {"$ref": "#/components/schemas/Endless"}}
    circle = {"allOf": [{"$ref": "#/components/schemas/Circle"}]}
    schemas = {"Input": {"properties": properties, "required": 5}, "Endless": endless, "Circle": circle}
    return {"paths": None, "components": {"schemas": schemas}}


def test_nothing_of_a_hostile_schema_is_executed(front, cog_like, browser):
    opened = Page(browser, front(cog_like(schema=hostile(HOSTILE)).url).url.rstrip("/"))
    assert [field.get_attribute("data-name") for field in opened.all(".field")] == list(HOSTILE)
    assert opened.all("#fields img, #fields script") == []
    for language in ("curl", "Python", "JavaScript", "cog run"):
        assert NAMES[0].split("'")[0] in opened.code(language)
    sent = json.loads(opened.code("curl").partition(" -d '")[2].rpartition("'")[0].replace("'\\''", "'"))
    assert sent["input"]["__proto__"] == HOSTILE["__proto__"]["default"]
    assert opened.script("return window.hacked") is None
    assert [each for each in opened.complaints() if "cog/lock" not in each] == []


def test_a_schema_that_is_nonsense_is_said_to_be_so(front, cog_like, browser):
    opened = Page(browser, front(cog_like(schema=hostile(7)).url).url.rstrip("/"))
    assert opened.id("fields").text == "This model has no inputs."


def test_a_refusal_of_the_server_is_the_answer(front, cog_like):
    server = front(cog_like().url)
    body = json.dumps({"input": {}}).encode()
    status, _, answer = ask(server, "PUT", "/predictions/a", body, Prefer="respond-async")
    assert status == 422
    assert json.loads(answer)["detail"][0]["loc"] == ["body", "input", "prompt"]


def test_a_server_that_goes_away_is_a_bad_gateway(front, cog_like):
    target = cog_like()
    server = front(target.url)
    target.shutdown()
    target.server_close()
    assert ask(server, "GET", "/health-check")[0] == 502


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Origin": "https://evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com:80"},
    ],
)
def test_pages_of_other_sites_may_not_ask(front, cog_like, headers):
    target = cog_like()
    server = front(target.url)
    assert ask(server, "PUT", "/predictions/a", b'{"input": {"prompt": "x"}}', **headers)[0] == 403
    assert ask(server, "GET", "/openapi.json", **headers)[0] == 403
    assert target.requests == []


def test_a_path_cannot_name_another_server(front, cog_like):
    server = front(cog_like().url)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET @evil.example.com/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).split(b" ")[1] == b"403"


def test_webhooks_without_the_secret_change_nothing(front, cog_like):
    target = cog_like()
    server = front(target.url)
    body = json.dumps({"input": {"prompt": "x"}}).encode()
    assert ask(server, "PUT", "/predictions/a", body, Prefer="respond-async")[0] == 202
    forged = json.dumps({"output": ["forged"]}).encode()
    assert ask(server, "POST", "/webhook/guess/a", forged)[0] == 404
    assert b"forged" not in ask(server, "GET", "/predictions/a")[2]


def playground(*words):
    command = [sys.executable, "-m", "cogfreeze.cli.main", "playground", "--no-open", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_a_target_that_does_not_answer_is_one_clear_error():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = playground("--target", url)
    assert done.returncode == 1
    assert f"nothing answers at `{url}`" in done.stderr
    assert "cog serve" in done.stderr
    assert done.stderr.count("error[") == 1


def test_a_target_that_answers_nonsense_is_one_clear_error(receiver):
    done = playground("--target", receiver.url)
    assert done.returncode == 1
    assert "is not a server of predictions" in done.stderr
    assert done.stderr.count("error[") == 1


@pytest.mark.parametrize(
    "target", ["localhost:5000", "file:///etc/passwd", "http://user:pass@host/", "http://a b"]
)
def test_a_target_that_is_no_address_is_refused(target):
    done = playground("--target", target)
    assert done.returncode == 2
    assert "pass" not in done.stderr.replace("passwd", "")


def test_a_browser_is_opened_once_the_server_answers(tmp_path, monkeypatch):
    opened = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    with socket.socket() as later:
        later.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{later.getsockname()[1]}/"
        waiting = open_when_ready(url, patience=PATIENCE)
        assert not opened.exists()
        later.listen()
        connection, _ = later.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    assert waiting.wait(PATIENCE) == 0
    assert opened.read_text() == f"{url}\n"
