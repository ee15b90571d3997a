"""The page at `/`: for browsers only, self-contained, and with a policy that allows nothing else."""

import base64
import hashlib
import json
import re
import subprocess
import sys

import pytest

from tests.server.fixtures import shared
from tests.server.serving import RUNTIME

MODEL = """
    class Predictor:
        def predict(self, text: str) -> str:
            return text
"""
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

server = shared(MODEL)


def test_a_browser_gets_the_page_and_everybody_else_the_routes(server):
    page = server.get("/", Accept=BROWSER)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "accept"
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        routes = server.get("/", **headers)
        assert routes.headers["content-type"] == "application/json"
        assert routes.json["predictions_url"] == "/predictions"


def test_the_page_can_be_switched_off(serve):
    off = serve(MODEL, COG_PLAYGROUND="0", ready=False)
    assert off.get("/", Accept=BROWSER).json["predictions_url"] == "/predictions"


def test_a_switch_that_says_nothing_stops_the_start(serve):
    with pytest.raises(AssertionError, match="COG_PLAYGROUND: `perhaps` is neither true nor false"):
        serve(MODEL, COG_PLAYGROUND="perhaps", ready=False)


def test_the_policy_allows_this_page_and_this_server_alone(server):
    page = server.get("/", Accept=BROWSER)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    html = page.body.decode()
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy.pop(directive) == f"'sha256-{digest}'"
    assert policy.pop("connect-src") == "'self'"
    assert policy.pop("img-src") == policy.pop("media-src") == "'self' data: blob: https:"
    assert set(policy) == {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert set(policy.values()) == {"'none'"}
    assert (page.headers["x-content-type-options"], page.headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_the_page_names_nothing_outside(server):
    html = server.get("/", Accept=BROWSER).body.decode()
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", html) == []
    assert re.findall(r"@import|url\(", html) == []
    assert not re.findall(r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", html)


def test_the_page_can_be_had_without_a_server(server):
    done = subprocess.run(
        [sys.executable, "-m", "cogserve.page"], env={"PYTHONPATH": str(RUNTIME)}, capture_output=True, check=True
    )
    page = server.get("/", Accept=BROWSER)
    made = json.loads(done.stdout)
    assert made == {"html": page.body.decode(), "policy": page.headers["content-security-policy"]}
