"""Every example, locked against this engine's mirrors: two builds are one image, and the image predicts.

The OCR example is built, verified and asked by the tests beside this one.
"""

import functools
import json
import runpy
import shutil
import struct
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "open sesame"
PREFIX = "cogfreeze-test-example"

pytestmark = pytest.mark.engine


@pytest.fixture
def copied(tmp_path):
    """Copy an example, without what was made from it."""

    def copy(name):
        made = shutil.ignore_patterns(".cog", "cog.lock", "Dockerfile", "weights.bin")
        return Path(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=made))

    return copy


@pytest.fixture
def verified(cog):
    """Lock a folder, verify it, build it under a name, and hold the image to the digest of the two builds."""

    def verify(folder, *words, variables=()):
        locked = cog(folder, "lock")
        assert locked.returncode == 0, locked.stderr
        answer = cog(folder, "verify", "--syntax", "builtin", *words, variables=variables)
        assert answer.returncode == 0, answer.stderr
        one, other = answer.stdout.split()
        assert one == other

        name = f"{PREFIX}-{folder.name}"
        image = cog(
            folder, "build", "--syntax", "builtin", "--expect", one, "-t", name, *words, variables=variables
        )
        assert image.returncode == 0, image.stderr
        return name

    return verify


@pytest.fixture
def predicted(cog, tmp_path):
    """Ask an image for one prediction, with nothing of the project at hand."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def predict(image, *words):
        inputs = [word for each in words for word in ("-i", each)]
        return cog(elsewhere, "predict", image, *inputs)

    return predict


def test_every_example_is_shown():
    names = {path.parent.name for path in EXAMPLES.glob("*/cog.yaml")}
    assert names == {"access-key", "edges", "embeddings", "hello", "ocr", "spelling"}


def test_hello_needs_python_alone(copied, verified, predicted):
    image = verified(copied("hello"))

    answer = predicted(image, "name=Ada", "loud=true")
    assert (answer.returncode, answer.stdout) == (0, "HELLO, ADA!\n")


def test_access_key_keeps_what_the_secret_hashes_to_and_not_the_secret(copied, verified, predicted, docker):
    image = verified(copied("access-key"), "--secret", "id=access_key,env=KEY", variables={"KEY": KEY})

    answer = predicted(image, "text=live", f"access_key={KEY}")
    assert (answer.returncode, answer.stdout) == (0, "evil\n")
    refused = predicted(image, "text=live", "access_key=guessed")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "\nerror[CF600]: PermissionError: that is not the key of this model\n" in refused.stderr
    assert KEY not in docker("image", "history", "--no-trunc", image) + docker("image", "inspect", image)


def test_embeddings_have_a_layer_for_their_weights(copied, verified, predicted, built):
    folder = copied("embeddings")
    runpy.run_path(str(folder / "make_weights.py"), run_name="__main__")
    image = verified(folder, "--separate-weights")

    answer = predicted(image, "one=a red car", "other=the red car")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, 0.6428)

    before = built(folder, "--separate-weights", name=image)["layers"]
    (folder / "predict.py").write_text((folder / "predict.py").read_text().replace("total", "summed"))
    after = built(folder, "--separate-weights", name=image)["layers"]
    assert [old == new for old, new in zip(before, after, strict=True)][-2:] == [True, False]


def test_spelling_gets_its_words_by_hash(copied, verified, predicted):
    folder = copied("spelling")
    serve = functools.partial(SimpleHTTPRequestHandler, directory=str(folder / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        declared = (folder / "cog.yaml").read_text()
        (folder / "cog.yaml").write_text(declared.replace(":8000/", f":{server.server_port}/"))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            image = verified(folder)
        finally:
            server.shutdown()
            thread.join()

    answer = predicted(image, "word=gradeint")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, ["gradient"])


@pytest.mark.slow
def test_edges_carry_a_wheel_of_261_mb(copied, verified, predicted, tmp_path):
    folder = copied("edges")
    image = verified(folder)
    asked = tmp_path / "elsewhere"
    # A picture of 8 by 8, its left half black, its right half white.
    rows = (b"\0" * 12 + b"\xff" * 12) * 8
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 0, 54, 40, 8, 8, 1, 24, 0, len(rows), 0, 0, 0, 0
    )
    (asked / "halves.bmp").write_bytes(header + rows)

    answer = predicted(image, "image=@halves.bmp")
    assert answer.returncode == 0, answer.stderr
    output = json.loads(answer.stdout)
    # Two columns of the eight, where the halves meet.
    assert output["share"] == 0.25
    assert (asked / output["picture"]).read_bytes().startswith(b"\x89PNG")
