"""A request that offers an upgrade keeps its body; on both parsers, by real clients.

Clients that a machine lacks (curl, Java) are left out there: the raw requests hold all that they send.
"""

import asyncio
import http.client
import json
import shutil
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests

from tests.server.serving import PATIENCE, Server

SOURCE = """
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, text: str = "the default") -> str:
        return text
"""
BODY = b'{"input": {"text": "REAL"}}'
JSON = {"Content-Type": "application/json"}
OFFERS = {
    "h2c": {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
    "websocket": {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
    "tls": {"Connection": "keep-alive, upgrade", "Upgrade": "TLS/1.0"},
}
FRAMINGS = {
    "length": b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
    + b"0\r\nTrailer: x\r\n\r\n",
}
JAVA = """
import java.net.URI;
import java.net.http.*;

public class Ask {
    public static void main(String[] words) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(words[0]))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(words[1])).build();
        System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""
NODE = """
const [url, body, offer] = process.argv.slice(1);
const request = require("http").request(url, {method: "POST", headers: {
    "content-type": "application/json", "content-length": body.length, ...JSON.parse(offer)}});
request.on("response", answer => answer.pipe(process.stdout));
request.end(body);
"""
# `fetch` lets nobody set `Upgrade`; a stream is sent in chunks.
NODE_FETCH = """
const [url, body, framing] = process.argv.slice(1);
fetch(url, {method: "POST", headers: {"content-type": "application/json"}, duplex: "half",
    body: framing == "chunked" ? new Blob([body]).stream() : body})
    .then(answer => answer.text()).then(text => process.stdout.write(text));
"""
PYTHON = """
import json, sys, urllib.request
url, body, offer = sys.argv[1:]
headers = {"Content-Type": "application/json", **json.loads(offer)}
print(urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)).read().decode())
"""


@pytest.fixture(scope="module", params=["httptools", "h11"])
def server(request, tmp_path_factory):
    settings = {"COG_HTTP_PARSER": request.param}
    server = Server(tmp_path_factory.mktemp("project"), SOURCE, **settings).wait_until_ready()
    yield server
    server.close()


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.port}/predictions"


def head(offer):
    lines = [b"POST /predictions HTTP/1.1", b"Host: x", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, *(f"{name}: {value}".encode() for name, value in offer.items()), b""])


def output(connection):
    """Return the output of the one answer that is under way."""
    with http.client.HTTPResponse(connection, method="POST") as response:
        response.begin()
        assert response.status == 200
        return json.loads(response.read())["output"]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_body_is_read_in_every_framing_and_the_connection_goes_on(server, offer, framing):
    request = head(OFFERS[offer]) + FRAMINGS[framing]
    for pieces in ([request], [bytes([byte]) for byte in request], [head(OFFERS[offer]), FRAMINGS[framing]]):
        with server.open() as connection:
            for _ in range(2):
                for piece in pieces:
                    connection.sendall(piece)
                assert output(connection) == "REAL"


def test_pipelined_requests_that_offer_an_upgrade_are_answered_in_order(server):
    texts = [f"text {number}" for number in range(9)]
    stream = b""
    for number, text in enumerate(texts):
        body = json.dumps({"input": {"text": text}}).encode()
        stream += head(list(OFFERS.values())[number % 3]) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    with server.open() as connection:
        connection.sendall(stream + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    parts = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200")[1:-1]]
    assert [json.loads(part)["output"] for part in parts] == texts


@pytest.mark.parametrize("offer", OFFERS)
def test_a_get_that_offers_an_upgrade_is_answered(server, offer):
    assert server.get("/livez", **OFFERS[offer]).status == 200


def by_requests(url, headers, pieces):
    body = pieces if isinstance(pieces, bytes) else iter(pieces)
    return requests.post(url, body, headers=headers, timeout=PATIENCE).json()


def by_httpx(url, headers, pieces):
    body = pieces if isinstance(pieces, bytes) else iter(pieces)
    with httpx.Client(http2=True, timeout=PATIENCE) as client:
        return client.post(url, content=body, headers=headers).json()


def by_aiohttp(url, headers, pieces):
    async def given():
        for piece in pieces:
            yield piece

    async def ask():
        body = pieces if isinstance(pieces, bytes) else given()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return await answer.json()

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [by_requests, by_httpx, by_aiohttp])
@pytest.mark.parametrize("offer", [*OFFERS, "none"])
def test_python_clients(url, ask, offer):
    headers = {**JSON, **OFFERS.get(offer, {})}

    assert ask(url, headers, BODY)["output"] == "REAL"
    assert ask(url, headers, [BODY[:5], BODY[5:]])["output"] == "REAL"


def commands():
    """The clients that this machine has."""
    python = [sys.executable, "-c", PYTHON]
    yield pytest.param(lambda url, _: [*python, url, BODY.decode(), json.dumps(OFFERS["h2c"])], id="urllib")
    if shutil.which("curl"):
        curl = ["curl", "-sS", "--http2", "-H", "Content-Type: application/json"]
        yield pytest.param(lambda url, _: [*curl, "-d", BODY.decode(), url], id="curl")
        chunked = [*curl, "-H", "Transfer-Encoding: chunked", "-d", BODY.decode()]
        yield pytest.param(lambda url, _: [*chunked, url], id="curl-chunked")
    if shutil.which("node"):
        offer = json.dumps(OFFERS["h2c"])
        yield pytest.param(lambda url, _: ["node", "-e", NODE, url, BODY.decode(), offer], id="node")
        fetch = ["node", "-e", NODE_FETCH]
        yield pytest.param(lambda url, _: [*fetch, url, BODY.decode(), "length"], id="node-fetch")
        yield pytest.param(lambda url, _: [*fetch, url, BODY.decode(), "chunked"], id="node-fetch-chunked")
    if shutil.which("javac"):
        yield pytest.param(lambda url, file: ["java", str(file), url, BODY.decode()], id="java")


@pytest.mark.parametrize("command", list(commands()))
def test_other_clients(url, tmp_path, command):
    file = tmp_path / "Ask.java"
    file.write_text(JAVA)

    done = subprocess.run(command(url, file), capture_output=True, timeout=120, check=False)

    assert json.loads(done.stdout)["output"] == "REAL", done.stderr
