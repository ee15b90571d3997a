"""What a predictor may return, how it is sent, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

# A predictor that returns whatever the expression in its input gives.
EXPRESSION = """
    import collections, dataclasses, datetime, enum, io, os, sys, tempfile, types
    import cog
    from cog import BaseModel, Path, Secret

    class Color(enum.Enum):
        RED = "red"

    class Level(str, enum.Enum):
        HIGH = "high"

    class Scalar:  # as numpy's are, seen from here
        dtype = "float32"
        def __init__(self, value):
            self.value = value
        def tolist(self):
            return self.value

    class Model2:  # as pydantic 2's are
        def model_dump(self):
            return {"inner": Path("made.txt")}

    class Model1:  # as pydantic 1's are
        __fields__ = {}
        def dict(self):
            return {"a": (1, 2)}

    class Output(BaseModel):
        text: str
        items: list = dataclasses.field(default_factory=list)

    @dataclasses.dataclass
    class Plain:
        a: int

    class Predictor:
        def setup(self):
            with open("made.txt", "w") as file:
                file.write("made")
        def predict(self, expression: str) -> cog.BaseModel:
            return eval(expression)
"""


@pytest.fixture
def evaluate(worker):
    running = worker(EXPRESSION)

    def evaluated(expression):
        return running.predict(expression=expression)

    evaluated.worker = running
    return evaluated


def test_values_become_json(evaluate):
    """Scalars, containers, models, enums, dates and arrays; each as a client would expect it."""
    cases = {
        "None": None,
        "True": True,
        "2**70": 2**70,
        "'\u00e9\U0001f600'": "\u00e9\U0001f600",
        "(1, [2.5, 'x'], {'a': None})": [1, [2.5, "x"], {"a": None}],
        "sorted({3, 1})": [1, 3],
        "{5}": [5],
        "{1: 'a', Color.RED: 'b', None: 'c', 1.5: 'd', True: 'e'}": {
            "1": "e",
            "red": "b",
            "null": "c",
            "1.5": "d",
        },
        "[Color.RED, Level.HIGH]": ["red", "high"],
        "datetime.datetime(2020, 1, 2, 3, 4, 5)": "2020-01-02T03:04:05",
        "Output(text='x', items=[Plain(a=1)])": {"text": "x", "items": [{"a": 1}]},
        "Scalar([1.5, [2.0]])": [1.5, [2.0]],
        "[Scalar(1), {Scalar(2): 3}]": [1, {"2": 3}],
        "Model1()": {"a": [1, 2]},
        "collections.OrderedDict(a=(i for i in range(3)))": {"a": [0, 1, 2]},
        "types.MappingProxyType({'a': 1})": {"a": 1},
        r"'\ud83d\ude00'": "\U0001f600",
        r"'a\ud83d'": "a\ufffd",
    }

    got = {expression: evaluate(expression)["output"] for expression in cases}

    assert got == cases


def test_what_json_has_not_fails_and_says_where(evaluate):
    """Nothing is turned into null in silence."""
    cases = {
        "{'scores': [0.5, float('nan')]}": "the output.scores[1] is nan, which JSON cannot represent",
        "float('inf')": "the output is inf, which JSON cannot represent",
        "[b'x']": "the output[0] is a bytes, which JSON does not support; return a File or a Path",
        "Secret('x')": "the output is a Secret, which JSON does not support",
        "{'a': object()}": "the output.a is a object, which JSON does not support",
        "{(1, 2): 3}": "the output has a key of type tuple, which JSON does not support",
        "(lambda l: l.append(l) or l)([])": "the output contains a cycle, or is nested too deeply",
        "Path('missing.png')": "the output: the output file `missing.png`: No such file or directory",
        "[Path('.')]": "the output[0]: the output file `.` is not a regular file",
    }

    got = {expression: evaluate(expression).get("error") for expression in cases}

    assert got == cases


def test_a_file_is_named_beside_a_null(evaluate):
    """`files` names each with its place; a file of the model's own is copied into the prediction's folder."""
    done = evaluate("{'a': [1, Path('made.txt')], 'b': io.StringIO('text'), 'c': Model2()}")

    assert done["output"] == {"a": [1, None], "b": None, "c": {"inner": None}}
    assert [file["at"] for file in done["files"]] == [["a", 1], ["b"], ["c", "inner"]]
    paths = [Path(file["path"]) for file in done["files"]]
    assert [path.read_text() for path in paths] == ["made", "text", "made"]
    assert [path.name for path in paths] == ["made.txt", "output", "made.txt"]
    assert all(evaluate.worker.outputs in path.parents for path in paths)


def test_the_files_of_one_prediction_outlive_the_next(worker):
    """A model that writes every result over the same file harms no result that it gave out before."""
    running = worker(
        """
        from cog import Path
        class Predictor:
            def predict(self, text: str) -> Path:
                with open("result.txt", "w") as file:
                    file.write(text)
                return Path("result.txt")
        """
    )

    first, second = running.predict(text="one"), running.predict("p2", text="two")

    assert [Path(done["files"][0]["path"]).read_text() for done in (first, second)] == ["one", "two"]
    assert first["files"][0]["at"] == []


def test_an_input_that_looks_like_a_file_is_no_file(worker):
    """A model that echoes its input cannot make the server read a file: text stays text."""
    running = worker("class Predictor:\n    def predict(self, a: dict) -> dict:\n        return a")
    attack = {
        "at": [],
        "path": "/etc/passwd",
        "files": [{"at": ["x"], "path": "/etc/passwd"}],
        "x": "file:///etc/passwd",
    }

    done = running.predict(a=attack)

    assert done["output"] == attack
    assert done["files"] == []


def test_an_input_file_may_be_given_back(worker):
    """A file in the prediction's own folder is handed over where it lies."""
    running = worker(
        "from cog import Path\ndef predict(a: Path) -> Path: return a", reference="predict.py:predict"
    )
    given = running.outputs / "in.txt"
    given.write_text("x")

    assert running.predict(a=str(given))["files"] == [{"at": [], "path": str(given)}]


def test_no_link_leads_out(evaluate):
    """What an unpacked archive calls a picture may be a link to anything: links are refused."""
    outputs = evaluate.worker.outputs
    (outputs / "picture.png").symlink_to("/etc/passwd")
    (outputs / "folder").symlink_to("/etc")
    os.mkfifo(outputs / "pipe")

    assert evaluate(f"Path({str(outputs / 'picture.png')!r})")["error"] == (
        f"the output: the output file `{outputs / 'picture.png'}`: it is a symbolic link; return its target"
    )
    assert evaluate(f"Path({str(outputs / 'folder' / 'passwd')!r})")["error"] == (
        f"the output: the output file `{outputs / 'folder' / 'passwd'}` leaves {outputs} through a symbolic link"
    )
    assert evaluate(f"Path({str(outputs / 'pipe')!r})")["error"] == (
        f"the output: the output file `{outputs / 'pipe'}` is not a regular file"
    )


@pytest.mark.parametrize(
    "body",
    [
        "yield from pieces",
        "return iter(pieces)",
        "return map(str, pieces)",
    ],
)
def test_chunks_are_sent_as_they_come(worker, body):
    """A generator's output comes in `output` frames, numbered; `done` carries none of it."""
    running = worker(
        f"""
        from typing import Iterator
        class Predictor:
            def predict(self, pieces: list) -> Iterator[str]:
                {body}
        """
    )

    done = running.predict(pieces=["a", "b"])

    frames = [(header["index"], header["files"], json.loads(data)) for header, data in running.frames("output")]
    assert frames == [(0, [], "a"), (1, [], "b")]
    assert (done["status"], done["output"], done["files"]) == ("succeeded", None, [])


def test_a_stream_that_breaks_keeps_what_it_gave(worker):
    running = worker(
        """
        from typing import Iterator
        from cog import Path
        class Predictor:
            def predict(self) -> Iterator[Path]:
                open("one.txt", "w").close()
                yield Path("one.txt")
                raise ValueError("broken")
        """
    )

    done = running.predict()

    assert (done["status"], done["error"]) == ("failed", "broken")
    (header, payload) = running.frames("output")[0]
    assert (header["index"], payload, Path(header["files"][0]["path"]).name) == (0, b"null", "one.txt")


def test_ten_megabytes_go_through(evaluate):
    assert evaluate("'x' * 10_000_000")["output"] == "x" * 10_000_000


@pytest.mark.slow
def test_an_output_over_the_limit_fails(evaluate):
    """No frame is over its limit; the prediction fails with a reason, and the next one works."""
    assert evaluate("'x' * 2**29")["error"] == (
        "the output is 536870914 bytes of JSON, more than the limit of 536870912; return it as a file"
    )
    assert evaluate("1")["output"] == 1


def test_more_files_than_a_frame_can_name_fail(evaluate):
    long = evaluate.worker.outputs / ("x" * 200)
    long.write_text("")

    assert evaluate(f"[Path({str(long)!r})] * 4000")["error"] == "the output has too many files"
    assert evaluate("1")["output"] == 1
