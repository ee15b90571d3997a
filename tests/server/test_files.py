"""Files in, by data URI and URL; files out, as data URIs and uploads."""

import base64
import hashlib
from urllib.parse import quote

import pytest

from cogfreeze.client.connection import Client
from cogfreeze.client.inputs import data_uri
from cogfreeze.client.outputs import write_outputs
from cogfreeze.client.process import OWN_SETTINGS
from tests.server.fixtures import shared

SOURCE = """
import hashlib
import os
from typing import Any, Dict, Iterator, List
from cog import BasePredictor, Input, Path

class Predictor(BasePredictor):
    def predict(self, file: Path = None, files: List[Path] = None, make: str = "", size: int = 10) -> Any:
        if file is not None:
            data = open(file, "rb").read()
            return {"name": os.path.basename(str(file)), "sha256": hashlib.sha256(data).hexdigest()}
        if files is not None:
            return [open(one, "rb").read().decode() for one in files]
        return getattr(self, make)(size)

    def two(self, size):
        for name in ("a.txt", "b.png"):
            with open(name, "wb") as file:
                file.write(name.encode() * size)
        return {"text": Path("a.txt"), "list": [Path("b.png"), 3]}

    def one(self, size):
        with open("one.bin", "wb") as file:
            file.write((bytes(range(251)) * (size // 251 + 1))[:size])
        return Path("one.bin")

    def named(self, size):
        names = ("x.glb", "a.mid", "v.npz", "m.safetensors", "out.tar.gz", "t.csv.gz", "noext", "p.png")
        for name in names:
            with open(name, "w") as file:
                file.write(name)
        return [Path(name) for name in names]

    def stream(self, size):
        for name in ("1.txt", "2.txt", "3.txt"):
            with open(name, "w") as file:
                file.write(name)
            yield Path(name)
            yield "between"

    def overwritten(self, size):
        for text in ("one", "two"):
            with open("same.txt", "w") as file:
                file.write(text)
            yield Path("same.txt")

    def link(self, size):
        if not os.path.islink("link.txt"):
            os.symlink("/etc/passwd", "link.txt")
        return Path("link.txt")

    def missing(self, size):
        return Path("not-there.txt")

    def folder(self, size):
        return Path("/tmp")

    def echo_of_a_path(self, size):
        return "/etc/passwd"
"""
server = shared(SOURCE, COG_ALLOW_PRIVATE_URLS="127.0.0.0/8", COG_MAX_DOWNLOAD="100000", COG_USER_AGENT="tests")
CONTENT = bytes(range(256)) * 100


def uri(data, kind="application/octet-stream"):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def decoded(text):
    head, _, data = text.partition(",")
    return head, base64.b64decode(data)


def test_a_data_uri_reaches_the_model_as_a_file_with_its_suffix(server):
    output = server.predict(file=uri(CONTENT, "image/png")).json["output"]

    assert output == {"name": "file.png", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert server.predict(files=["data:,plain%20text", "data:text/plain;charset=utf-8;base64,YmFzZTY0"]).json[
        "output"
    ] == ["plain text", "base64"]


@pytest.mark.parametrize(
    "name",
    ["voice.npz", "a.jsonl", "model.safetensors", "x.glb", "data.tar.gz", "t.csv.gz", "noext", "h\u00e9ron.png"],
)
def test_a_file_keeps_its_name_and_suffix_on_the_way_in(server, receiver, tmp_path, name):
    (tmp_path / name).write_bytes(CONTENT)
    receiver.answers["/folder/" + quote(name)] = (200, {"Content-Type": "application/octet-stream"}, CONTENT)
    expected = {"name": name, "sha256": hashlib.sha256(CONTENT).hexdigest()}

    assert server.predict(file=data_uri(tmp_path / name)).json["output"] == expected
    assert server.predict(file=f"{receiver.url}/folder/{quote(name)}").json["output"] == expected


@pytest.mark.slow
def test_our_client_sends_a_large_file_to_a_server_that_it_started(serve, tmp_path):
    """Base64 makes of 80 MB more than the 100 MiB that a body may have by default."""
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(80_000_000)
    server = serve(SOURCE, **{**OWN_SETTINGS, "COG_LOG_LEVEL": "info"})

    output = Client(f"http://127.0.0.1:{server.port}").predict({"file": data_uri(tmp_path / "large.mp4")})[
        "output"
    ]

    assert output == {"name": "large.mp4", "sha256": hashlib.sha256(bytes(80_000_000)).hexdigest()}


def test_a_name_in_a_data_uri_never_leaves_the_folder(server):
    output = server.predict(file="data:text/plain;name=..%2F..%2Fetc%2Fpasswd;base64,YQ==").json["output"]

    assert output["name"] == "passwd"


def test_a_file_keeps_its_suffix_on_the_way_out(server, tmp_path):
    output = server.predict(make="named").json["output"]
    _, written = write_outputs(output, tmp_path)

    suffixes = (".glb", ".mid", ".npz", ".safetensors", ".tar.gz", ".csv.gz", "", ".png")
    assert [each.name for each in written] == [f"output.{index}{suffix}" for index, suffix in enumerate(suffixes)]
    assert [each.read_text() for each in written][3:5] == ["m.safetensors", "out.tar.gz"]


def test_a_default_that_is_a_url_is_fetched_too(serve, receiver):
    receiver.answers["/default"] = (200, {}, b"fetched")
    source = f"""
        from typing import List
        from cog import BasePredictor, Input, Path

        class Predictor(BasePredictor):
            def predict(
                self,
                file: Path = Input(default="{receiver.url}/default"),
                files: List[Path] = Input(default=["data:,a", "data:,b"]),
                own: Path = Input(default="predict.py"),
            ) -> list:
                return [file.read_text(), *(each.read_text() for each in files), own.name]
    """
    server = serve(source, COG_ALLOW_PRIVATE_URLS="127.0.0.1")

    assert server.predict().json["output"] == ["fetched", "a", "b", "predict.py"]
    assert server.predict(file="data:,x", files=[]).json["output"] == ["x", "predict.py"]


def test_a_data_uri_may_be_broken_into_lines(server):
    lines = "data:image/png;base64,\r\n" + base64.encodebytes(CONTENT).decode()

    assert server.predict(file=lines).json["output"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_so_many_files_that_they_are_an_attack_are_refused(server):
    answer = server.predict(files=["data:,"] * 10_001)

    assert (answer.status, answer.json["detail"][0]["msg"]) == (422, "More than 10000 files")


@pytest.mark.parametrize("text", ["data:nothing", "data:;base64,!!!", "data:;base64,YQ", "DATA:;base64,=YQ="])
def test_a_data_uri_that_is_none_is_422(server, text):
    answer = server.predict(file=text)

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "input", "file"]
    assert answer.json["detail"][0]["msg"].startswith("The data URI")


def test_an_id_that_was_refused_over_its_file_can_be_put_again(server):
    assert server.put("refused", file="data:;base64,!!!").status == 422

    assert server.put("refused", file="data:,good").json["status"] == "succeeded"


def test_a_url_is_fetched_keeping_its_name_and_through_redirects(server, receiver):
    receiver.answers["/a/moved"] = (302, {"Location": "../b/photo.final.jpg?size=2"}, b"")
    receiver.answers["/b/photo.final.jpg?size=2"] = (200, {"Content-Type": "image/jpeg"}, CONTENT)
    receiver.answers["/plain"] = (200, {"Content-Type": "image/png"}, b"x")
    output = server.predict(file=f"{receiver.url}/a/moved").json["output"]

    # The name is of the URL that was asked for: where it leads is the other server's business.
    assert output == {"name": "moved.jpg", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert server.predict(file=f"{receiver.url}/plain").json["output"]["name"] == "plain.png"
    assert receiver.requests[0][2]["user-agent"] == "tests"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, {}, b"no"), "the server answered 404"),
        ((301, {"Location": "/x"}, b""), "more than 5 redirects"),
        ((200, {}, b"x" * 200_000), "more than the limit of 100000 bytes (`server.max_download` in cog.yaml)"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "the answer is not valid HTTP"),
        (
            lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
            "the answer is not valid HTTP",
        ),
        (lambda handler: handler.connection.close(), "the server closed the connection without an answer"),
    ],
)
def test_a_url_that_cannot_be_had_fails_the_prediction_and_says_why(server, receiver, answer, message):
    def closing(handler):
        handler.close_connection = True
        answer(handler)

    receiver.answers["/x"] = closing if callable(answer) else answer
    body = server.predict(file=f"{receiver.url}/x").json

    assert body["status"] == "failed"
    assert body["error"].startswith(f"file: The file could not be fetched: {message}")
    assert server.predict(file="data:,good").json["status"] == "succeeded"


def test_files_of_an_output_become_data_uris_where_they_stand(server):
    output = server.predict(make="two").json["output"]

    assert decoded(output["text"]) == ("data:text/plain;base64", b"a.txt" * 10)
    assert decoded(output["list"][0]) == ("data:image/png;base64", b"b.png" * 10)
    assert output["list"][1] == 3


@pytest.mark.parametrize("size", [0, 1, 49_000, 196_607, 196_608, 196_609, 393_216, 5_000_000])
def test_a_file_of_any_size_comes_whole_now_and_when_asked_for_again(server, size):
    content = (bytes(range(251)) * (size // 251 + 1))[:size]

    now = server.put(f"one-{size}", make="one", size=size).json
    again = server.put(f"one-{size}", make="one", size=size).json
    later = server.get(f"/predictions/one-{size}").json

    assert decoded(now["output"]) == ("data:application/octet-stream;name=one.bin;base64", content)
    assert again == now
    assert {name: later[name] for name in now} == now


def test_text_that_looks_like_a_path_stays_text(server):
    assert server.predict(make="echo_of_a_path").json["output"] == "/etc/passwd"


def test_a_stream_of_files_keeps_its_order_and_each_content(server):
    output = server.predict(make="stream").json["output"]

    assert [decoded(one)[1] if one.startswith("data:") else one for one in output] == [
        *(b"1.txt", "between", b"2.txt", "between", b"3.txt", "between")
    ]
    assert [decoded(one)[1] for one in server.predict(make="overwritten").json["output"]] == [b"one", b"two"]


@pytest.mark.parametrize("make", ["link", "missing", "folder"])
def test_an_output_that_is_no_plain_file_fails_the_prediction(server, make):
    body = server.predict(make=make).json

    assert body["status"] == "failed"
    assert "output" not in body
    assert "root:" not in str(body)


def test_an_output_over_the_limit_fails_the_prediction(serve):
    server = serve(SOURCE, COG_MAX_OUTPUT="10kB")

    body = server.predict(make="two", size=3000).json

    assert body["status"] == "failed"
    assert "more than the limit of 10000 bytes (`server.max_output` in cog.yaml)" in body["error"]
    assert server.predict(make="two").json["status"] == "succeeded"


def test_uploads_are_put_in_order_and_their_location_is_the_output(serve, receiver):
    receiver.answers["/up/a.txt"] = (201, {"Location": "https://files.example.com/A?signature=1"}, b"")
    server = serve(SOURCE, "--upload-url", f"{receiver.url}/up/")

    output = server.predict(make="two").json["output"]

    assert output == {"text": "https://files.example.com/A", "list": [f"{receiver.url}/up/b.png", 3]}
    assert [
        (method, path, headers["content-type"], body) for method, path, headers, body in receiver.requests
    ] == [
        ("PUT", "/up/a.txt", "text/plain", b"a.txt" * 10),
        ("PUT", "/up/b.png", "image/png", b"b.png" * 10),
    ]


def test_a_failed_upload_fails_the_prediction(serve, receiver):
    receiver.answers["/up/2.txt"] = (500, {}, b"")
    server = serve(SOURCE, "--upload-url", f"{receiver.url}/up")

    body = server.predict(make="stream").json

    assert body["status"] == "failed"
    assert body["error"] == "The output file `2.txt` could not be uploaded: the server answered 500"
    assert server.predict(file="data:,good").json["status"] == "succeeded"


def test_a_prediction_leaves_no_file_behind(serve, tmp_path):
    server = serve(SOURCE, TMPDIR=str(tmp_path))
    for _ in range(3):
        server.predict(file=uri(CONTENT))
        server.predict(make="two")

    (folder,) = tmp_path.glob("cog-*")
    server.until(lambda: not list(folder.glob("*/*")), "empty folders")
    server.close()
    assert not folder.exists()
