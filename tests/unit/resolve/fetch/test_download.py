"""Files come into the cache whole and right, or not at all."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogfreeze.errors import CogError, IntegrityError, NetworkError, UsageError
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch.download import Artifact, cached_path, fetch_all
from cogfreeze.resolve.fetch.network import StatusError, get_bytes, http_session, redacted
from cogfreeze.settings import Settings
from tests.unit.resolve.loopback import Answer, Asked, ranged, serving

BODY = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=tmp_path / "cache")


def artifact(*urls, body=BODY, name="thing.whl", size=True):
    return Artifact(
        urls=urls, sha256=hashlib.sha256(body).hexdigest(), size=len(body) if size else None, name=name
    )


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class Recorder(Silent):
    """A Report that remembers its steps and how far they got."""

    def __init__(self):
        self.steps = []
        self.lock = threading.Lock()

    @contextmanager
    def step(self, message, total=None, *, unit=None):
        self.steps.append([message, total, 0])

        def advance(amount):
            with self.lock:
                self.steps[-1][2] += amount

        yield advance


def test_fetches_each_file_once_and_the_cache_answers_afterwards(settings):
    bodies = {f"/{number}": f"body {number}".encode() * 1000 for number in range(20)}
    report = Recorder()
    with serving(lambda asked: Answer(body=bodies[asked.path])) as (url, log):
        items = [artifact(url + path, body=body, name=f"n{path[1:]}.deb") for path, body in bodies.items()]
        paths = fetch_all([*items, items[3]], settings, report, what="Debian packages")
        assert fetch_all(items, settings, Silent()) == paths
        assert sorted(asked.path for asked in log) == sorted(bodies)
    assert list(paths) == [item.sha256 for item in items]
    assert all(
        path == cached_path(settings, item.sha256, item.name)
        for path, item in zip(paths.values(), items, strict=True)
    )
    assert [path.read_bytes() for path in paths.values()] == list(bodies.values())
    total = sum(map(len, bodies.values()))
    assert report.steps == [["fetching 20 Debian packages", total, total]]


def test_other_bytes_than_promised_are_refused_and_not_kept(settings):
    with serving(lambda _: Answer(body=BODY[:-1] + b"!")) as (url, _):
        got = hashlib.sha256(BODY[:-1] + b"!").hexdigest()
        with pytest.raises(IntegrityError) as caught:
            fetch_all([artifact(f"{url}/x")], settings, Silent())
    assert str(caught.value) == (
        f"`thing.whl` from {url}/x does not match its hash: expected sha256 {SHA256} "
        f"({len(BODY)} bytes), got {got} ({len(BODY)} bytes)"
    )
    assert files_in(settings.cache) == []


def test_an_endless_body_is_cut_off_at_the_promised_size(settings):
    refused = pytest.raises(IntegrityError, match="does not match its hash")
    with serving(lambda _: Answer(body=BODY * 40)) as (url, _), refused:
        fetch_all([artifact(f"{url}/x")], settings, Silent())


def test_a_wrong_file_in_the_cache_is_fetched_again(settings):
    path = cached_path(settings, SHA256, "thing.whl")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"#" * len(BODY))
    with serving(lambda _: Answer(body=BODY)) as (url, _):
        fetch_all([artifact(f"{url}/x")], settings, Silent())
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("size", [True, False])
def test_a_part_from_an_earlier_run_is_resumed(settings, size):
    part = cached_path(settings, SHA256, ".thing.whl.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:1000])
    report = Recorder()
    with serving(lambda asked: ranged(BODY, asked)) as (url, log):
        (path,) = fetch_all([artifact(f"{url}/x", size=size)], settings, report).values()
    assert [asked.headers.get("range") for asked in log] == ["bytes=1000-"]
    assert path.read_bytes() == BODY
    assert files_in(settings.cache) == ["thing.whl"]
    assert report.steps[0][2] == len(BODY)


@pytest.mark.parametrize("part", [b"wrong" * 10, BODY + b"too long"], ids=["other bytes", "longer"])
def test_a_wrong_part_is_thrown_away_and_the_file_fetched_whole(settings, part):
    place = cached_path(settings, SHA256, ".thing.whl.part")
    place.parent.mkdir(parents=True)
    place.write_bytes(part)
    with serving(lambda asked: ranged(BODY, asked)) as (url, _):
        (path,) = fetch_all([artifact(f"{url}/x")], settings, Silent()).values()
    assert path.read_bytes() == BODY


def test_a_server_that_gives_no_parts_is_asked_for_the_whole(settings):
    place = cached_path(settings, SHA256, ".thing.whl.part")
    place.parent.mkdir(parents=True)
    place.write_bytes(BODY[:7])
    with serving(lambda _: Answer(body=BODY)) as (url, log):
        (path,) = fetch_all([artifact(f"{url}/x")], settings, Silent()).values()
    assert (path.read_bytes(), len(log)) == (BODY, 1)


def test_a_dropped_connection_goes_on_where_it_stopped(settings):
    def respond(asked: Asked) -> Answer:
        answer = ranged(BODY, asked)
        if "range" not in asked.headers:
            answer.cut = 300_000
        return answer

    with serving(respond) as (url, log):
        (path,) = fetch_all([artifact(f"{url}/x")], settings, Silent()).values()
    assert path.read_bytes() == BODY
    assert [asked.headers.get("range") for asked in log] == [None, f"bytes={4 * 65536}-"]


def test_the_next_address_is_asked_when_one_fails_or_lies(settings):
    def respond(asked: Asked) -> Answer:
        return {"/gone": Answer(404), "/lies": Answer(body=b"lies"), "/good": Answer(body=BODY)}[asked.path]

    with serving(respond) as (url, _):
        (path,) = fetch_all([artifact(f"{url}/gone", f"{url}/lies", f"{url}/good")], settings, Silent()).values()
    assert path.read_bytes() == BODY


def test_a_busy_server_is_asked_again_after_the_time_it_names(settings):
    answers = [
        Answer(429, headers={"Retry-After": "0"}),
        Answer(503, headers={"Retry-After": "0"}),
        Answer(body=BODY),
    ]
    with serving(lambda _: answers.pop(0)) as (url, log):
        fetch_all([artifact(f"{url}/x")], settings, Silent())
    assert len(log) == 3


def test_a_missing_file_names_the_address_without_its_credentials(settings):
    with serving(lambda _: Answer(404)) as (url, _):
        secret = url.replace("//", "//user:secret@") + "/x?token=secret"
        with pytest.raises(StatusError) as caught:
            fetch_all([artifact(secret)], settings, Silent())
    assert str(caught.value) == f"{url}/x answered 404 Not Found"
    assert caught.value.status == 404


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_refused_connection_is_said_in_words(settings):
    port = closed_port()
    with http_session(settings) as web, pytest.raises(NetworkError) as caught:
        get_bytes(web, f"http://user:secret@127.0.0.1:{port}/x?token=secret")
    assert str(caught.value) == f"cannot reach http://127.0.0.1:{port}/x: the connection was refused"
    assert caught.value.hint == "check that the address is right and the network is up"
    assert caught.value.__cause__ is None


def test_a_host_that_does_not_exist_is_said_in_words(settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with http_session(settings) as web, pytest.raises(NetworkError) as caught:
        get_bytes(web, "http://nowhere.invalid/x")
    assert str(caught.value) == "cannot reach http://nowhere.invalid/x: unknown host"


def test_no_web_address_is_a_usage_error(settings):
    with http_session(settings) as web, pytest.raises(UsageError) as caught:
        get_bytes(web, "snapshot/x")
    assert str(caught.value) == "not an HTTP URL: `snapshot/x`"


def test_an_untrusted_certificate_names_the_setting(settings, tmp_path):
    """A TLS server with a certificate of its own: refused, and trusted once `COG_CA_BUNDLE` names it."""
    import ssl

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with serving(lambda _: Answer(body=b"hello"), context) as (url, _):
        with http_session(settings) as web, pytest.raises(NetworkError) as caught:
            get_bytes(web, f"{url}/x")
        trusting = Settings(cache=tmp_path, ca_bundle=tmp_path / "cert.pem")
        with http_session(trusting) as web:
            assert get_bytes(web, f"{url}/x") == b"hello"
    assert str(caught.value) == f"cannot reach {url}/x: its certificate is not trusted here"
    assert caught.value.hint == "behind a company proxy, set `COG_CA_BUNDLE` to the file of its certificates"


def test_a_bundle_that_is_no_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError) as caught:
        http_session(Settings(cache=tmp_path, ca_bundle=tmp_path / "none.pem"))
    assert str(caught.value) == f"`COG_CA_BUNDLE` is not a file: `{tmp_path / 'none.pem'}`"


def test_a_cache_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with serving(lambda _: Answer(body=BODY)) as (url, _), pytest.raises(CogError) as caught:
        fetch_all([artifact(f"{url}/x")], Settings(cache=tmp_path / "cache"), Silent())
    assert str(caught.value) == f"cannot keep `thing.whl` in the cache `{tmp_path / 'cache'}`: Not a directory"
    assert caught.value.hint == "make room there or allow writing, or name another folder in `COG_CACHE_DIR`"


def test_the_failure_told_is_the_cause_not_a_download_that_it_stopped(settings):
    """The first item hangs until the second one has failed."""
    failed = threading.Event()

    def respond(asked: Asked) -> Answer:
        if asked.path == "/gone":
            failed.set()
            return Answer(404)
        failed.wait(5)
        return Answer(body=BODY)

    with serving(respond) as (url, _), pytest.raises(StatusError, match="/gone answered 404"):
        fetch_all([artifact(f"{url}/slow"), artifact(f"{url}/gone", body=b"x", name="x")], settings, Silent())


def _fetch_in_process(url: str, cache: str) -> None:
    fetch_all([artifact(url)], Settings(cache=Path(cache)), Silent())


def test_concurrent_runs_share_one_download(settings):
    with serving(lambda _: Answer(body=BODY)) as (url, log):
        context = multiprocessing.get_context("spawn")
        runs = [
            context.Process(target=_fetch_in_process, args=(f"{url}/x", str(settings.cache))) for _ in range(3)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(30)
        assert [run.exitcode for run in runs] == [0, 0, 0]
        assert len(log) == 1
    assert files_in(settings.cache) == ["thing.whl"]


def test_an_interrupt_leaves_no_finished_file_and_the_next_run_resumes(settings):
    """A real process gets a real SIGINT in the middle of a body."""
    script = f"""
import sys
from pathlib import Path
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch.download import *
from cogfreeze.settings import Settings
wanted = Artifact(urls=(sys.argv[1],), sha256={SHA256!r}, size={len(BODY)}, name="thing.whl")
try:
    fetch_all([wanted], Settings(cache=Path(sys.argv[2])), Silent())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    half, released = threading.Event(), threading.Event()

    def respond(asked: Asked) -> Answer:
        answer = ranged(BODY, asked)
        if "range" not in asked.headers:
            answer.pause = (half, released)
        return answer

    with serving(respond) as (url, _):
        run = subprocess.Popen(
            [sys.executable, "-c", script, f"{url}/x", str(settings.cache)], stdout=subprocess.PIPE, text=True
        )
        assert half.wait(30)
        os.kill(run.pid, signal.SIGINT)
        assert run.stdout.readline() == "interrupted\n"
        released.set()  # the rest comes, and is not taken
        run.communicate(timeout=30)
        assert "thing.whl" not in files_in(settings.cache)
        (path,) = fetch_all([artifact(f"{url}/x")], settings, Silent()).values()
    assert path.read_bytes() == BODY


def test_an_address_is_shown_without_what_is_secret():
    assert redacted("https://user:token@host:8443/a/b?sig=1#x") == "https://host:8443/a/b"


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x\n"])
def test_a_name_that_would_leave_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="not an artifact"):
        Artifact(urls=("http://x/",), sha256=SHA256, name=name)
