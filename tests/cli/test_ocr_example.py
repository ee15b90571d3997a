"""The example that the README shows: from its committed lock, without Docker, it reads the sample's text."""

import json
import os
import runpy
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "ocr"
LINES = runpy.run_path(str(EXAMPLE / "make_sample.py"))["LINES"]
COG = [sys.executable, "-m", "cogfreeze.cli.main"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("ocr") / "ocr"))


def predict(folder, *words):
    """Run the model; its environment is kept in the machine's cache, as a user's is."""
    command = [*COG, "predict", "--local", "-i", "image=@sample.png", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def size_of_png(path):
    signature, width, height = struct.unpack(">8s8x2I", path.read_bytes()[:24])
    assert signature == b"\x89PNG\r\n\x1a\n"
    return width, height


def test_the_text_is_the_one_in_the_picture(folder):
    predict(folder, "-o", "result.json")

    result = json.loads((folder / "result.json").read_text())
    width, height = size_of_png(folder / "sample.png")

    assert tuple(line["text"] for line in result["lines"]) == LINES
    assert all(0.5 <= line["score"] <= 1 for line in result["lines"])
    for left, top, right, bottom in (line["box"] for line in result["lines"]):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    assert result["picture"] == "result.picture.png"
    assert size_of_png(folder / "result.picture.png") == (width, height)


def test_unsure_lines_are_left_out(folder):
    assert json.loads(predict(folder, "-i", "min_score=1"))["lines"] == []
