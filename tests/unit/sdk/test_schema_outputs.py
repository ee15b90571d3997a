"""The schemas of outputs, the predictor as it is found, and the document as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from cog.schema import SourceMistakes, read

from tests.unit.sdk.reading import document, mistakes, output

RUNTIME = Path(__file__).parents[3] / "runtime"

LINE = """
class Line(BaseModel):
    text: str
    score: Optional[float] = None
class Odd(TypedDict):
    a: int
    b: NotRequired[str]
"""
LINE_SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"title": "Text", "type": "string", "x-order": 0},
        "score": {"title": "Score", "type": "number", "nullable": True, "x-order": 1},
    },
    "required": ["text"],
}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("float", {"type": "number"}),
        ("Path", {"type": "string", "format": "uri"}),
        ("Any", {}),
        ("None", {"nullable": True}),
        ("Optional[str]", {"type": "string", "nullable": True}),
        ("Union[str, int]", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ("List[File]", {"type": "array", "items": {"type": "string", "format": "uri"}}),
        ("Tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
        ("tuple[str, float]", {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}}),
        ("dict", {"type": "object"}),
        (
            "Dict[str, List[int]]",
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
        ),
        ("Line", LINE_SCHEMA),
        ("List[Line]", {"type": "array", "items": {"title": "Line", **LINE_SCHEMA}}),
        (
            "Odd",
            {
                "type": "object",
                "properties": {
                    "a": {"title": "A", "type": "integer", "x-order": 0},
                    "b": {"title": "B", "type": "string", "x-order": 1},
                },
                "required": ["a"],
            },
        ),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
        ("Iterator[str]", {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"}),
        ("AsyncIterator[Path]", {
            "type": "array", "items": {"type": "string", "format": "uri"}, "x-cog-array-type": "iterator"
        }),
        ("Generator[int, None, None]", {
            "type": "array", "items": {"type": "integer"}, "x-cog-array-type": "iterator"
        }),
        *(
            (
                name,
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "x-cog-array-type": "iterator",
                    "x-cog-array-display": "concatenate",
                },
            )
            for name in ("ConcatenateIterator[str]", "ConcatenateIterator", "AsyncConcatenateIterator[str]")
        ),
    ],
)  # fmt: skip
def test_types(tmp_path, annotation, schema):
    assert output(tmp_path, annotation, LINE) == {"title": "Output", **schema}


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("List[Iterator[str]]", "only the whole output can be an iterator, not part of it"),
        ("Secret", "a `Secret` cannot be returned"),
        ("ConcatenateIterator[int]", "only strings can be concatenated"),
        ("bytes", "`bytes` is not a supported type"),
        ("Dict[str, int, ]", None),
        ("List[Strange]", "`Strange` is not a supported type"),
        ("'not python'", "`'not python'` is not a supported type"),
        ("1", "`1` is not a supported type"),
    ],
)
def test_what_cannot_be(tmp_path, annotation, message):
    if message is None:
        assert output(tmp_path, annotation)
        return
    (mistake,) = mistakes(tmp_path, f"class Strange: ...\n\ndef predict() -> {annotation}: ...")

    assert (mistake.line, mistake.message) == (3, message)


def write(folder, files):
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(source)


@pytest.mark.parametrize(
    "statement",
    [
        "from shapes import Box",
        "from shapes import *",
        "import shapes\nBox = shapes.Box",
        "import shapes as s\nBox = s.Box",
        "from package.deep import Box",
        "from package import deep\nBox = deep.Box",
        "import package.deep\nBox = package.deep.Box",
        "try:\n    from shapes import Box\nexcept ImportError:\n    Box = None",
        "from package import Again as Box",
    ],
)
def test_types_come_from_other_files_of_the_project(tmp_path, statement):
    write(
        tmp_path,
        {
            "shapes.py": "from cog import BaseModel\nimport torch\nclass Box(BaseModel):\n    left: int\n",
            "package/__init__.py": "from .deep import Box as Again\n",
            "package/deep.py": "from shapes import Box\n",
            "predict.py": f"{statement}\nimport numpy as np\ndef predict() -> Box: ...\n",
        },
    )

    described = json.loads(read(str(tmp_path), "predict.py:predict"))

    assert described["components"]["schemas"]["Output"]["required"] == ["left"]


def test_files_that_import_each_other_are_no_trap(tmp_path):
    source = "from other import *\ndef predict() -> Missing: ...\n"
    write(tmp_path, {"predict.py": source, "other.py": "from predict import *\n"})

    with pytest.raises(SourceMistakes) as raised:
        read(str(tmp_path), "predict.py:predict")

    assert [mistake.message for mistake in raised.value.mistakes] == ["`Missing` is not defined in this file"]


def test_a_mistake_in_another_file_is_told_there(tmp_path):
    write(
        tmp_path,
        {
            "shapes.py": "from cog import BaseModel\nclass Box(BaseModel):\n    left: Intt\n",
            "predict.py": "from shapes import Box\ndef predict() -> Box: ...\n",
        },
    )

    with pytest.raises(SourceMistakes) as raised:
        read(str(tmp_path), "predict.py:predict")

    assert [(mistake.file, mistake.line) for mistake in raised.value.mistakes] == [("shapes.py", 3)]


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        ("class Predictor(BasePredictor):\n    def predict(self, a: int) -> str: ...", "predict.py:Predictor"),
        ("class Runner(BaseRunner):\n    async def run(self, a: int) -> str: ...", "predict.py:Runner"),
        ("class Runner:\n    def run(self, a: int) -> str: ...", "predict.py"),
        ("class Predictor:\n    @staticmethod\n    def predict(a: int) -> str: ...", "predict.py"),
        ("class Base:\n    def predict(self, a: int) -> str: ...\nclass Own(Base): ...", "predict.py:Own"),
        ("if True:\n    async def predict(a: int) -> str: ...", "predict.py:predict"),
    ],
)
def test_the_predictor_is_found(tmp_path, source, reference):
    described = document(tmp_path, source, predict=reference)

    assert described["components"]["schemas"]["Input"]["required"] == ["a"]


@pytest.mark.parametrize(
    ("source", "reference", "message", "hint"),
    [
        ("", "nope.py:X", "cannot read the file: No such file or directory", None),
        ("", "predict:X", "`predict:X` is not a reference to a class or function", None),
        (
            "class Predictor: ...",
            "predict.py:Predicter",
            "no class or function `Predicter` in this file",
            "did you mean `Predictor`?",
        ),
        (
            "class Predictor:\n    def predct(self) -> str: ...",
            "predict.py:Predictor",
            "`Predictor` has no method `run` or `predict`",
            "did you mean `predct`?",
        ),
        (
            "class A:\n    def run(self) -> str: ...\n    def predict(self) -> str: ...",
            "predict.py:A",
            "`A` must define either run() or predict(), not both",
            "rename or remove one of them",
        ),
        (
            "class A:\n    def setup(self, device): ...\n    def run(self) -> str: ...",
            "predict.py:A",
            "`setup` can only take `self` and `weights`, not `device`",
            "read it from a file or an environment variable",
        ),
        ("def predict(:", "predict.py:predict", "this is not valid Python: invalid syntax", None),
        ("def predict() -> str: ...\0", "predict.py:predict", None, None),
        (
            "@concurrent(max=2)\ndef predict() -> str: ...",
            "predict.py:predict",
            "`@concurrent(max=2)` requires `async def`",
            "a synchronous predictor runs one prediction at a time",
        ),
        (
            "@concurrent(max=N)\nasync def predict() -> str: ...",
            "predict.py:predict",
            "`@concurrent` requires a literal integer of at least 1",
            "write `@concurrent(max=4)`",
        ),
        ("def predict(): ...", "predict.py:predict", "`predict` has no return type annotation", None),
    ],
)
def test_what_cannot_serve(tmp_path, source, reference, message, hint):
    (mistake,) = mistakes(tmp_path, source, predict=reference)

    if message is None:
        assert mistake.message.startswith("this is not valid Python: ")
    else:
        assert mistake.message == message
    if hint is not None:
        assert mistake.hint == hint


def test_marks_stand_at_the_top_and_that_of_streaming_where_cogs_clients_look_for_it(tmp_path):
    described = document(
        tmp_path, "@streaming\n@cog.concurrent(max=8)\nasync def predict() -> AsyncIterator[str]: ..."
    )

    assert (described["x-cog-streaming"], described["x-cog-concurrency"]) == (True, 8)
    assert described["paths"]["/predictions"]["post"]["x-cog-streaming"] is True
    assert "x-cog-streaming" not in str(document(tmp_path, "def predict() -> str: ..."))
    assert not [key for key in document(tmp_path, "def predict() -> str: ...") if key.startswith("x-")]


def test_the_document_is_the_same_text_every_time(tmp_path):
    """Sorted, so that no hash seed and no order of definitions shows; it ends with a newline."""
    source = "from typing import Literal\ndef predict(b: Literal['y', 'x'], a: int = 1) -> str: ...\n"
    (tmp_path / "predict.py").write_text(source)

    text = read(str(tmp_path), "predict.py:predict")

    assert text == read(str(tmp_path), "predict.py:predict")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_the_document_is_openapi(tmp_path):
    """Every schema in it is a valid one, every reference leads somewhere, and Cog's components are there."""
    described = document(
        tmp_path,
        LINE + "def predict(a: Literal['x'], b: Path, c: Optional[Line] = None) -> Iterator[Line]: ...\n"
        "def train(a: Literal['z'], n: int = Input(ge=1)) -> Path: ...\n",
        train="predict.py:train",
    )

    schemas = described["components"]["schemas"]
    assert (described["openapi"], described["info"]["title"]) == ("3.0.2", "Cog")
    assert {
        "Input", "Output", "PredictionRequest", "PredictionResponse", "Status", "HTTPValidationError",
        "ValidationError", "TrainingInput", "TrainingOutput", "TrainingRequest", "TrainingResponse",
    } <= set(schemas)  # fmt: skip
    for schema in schemas.values():
        jsonschema.Draft4Validator.check_schema(schema)
    references = set()

    def walk(node):
        if isinstance(node, dict):
            references.update([node["$ref"]] if "$ref" in node else [])
            node = list(node.values())
        for each in node if isinstance(node, list) else ():
            walk(each)

    walk(described)
    assert {reference.rpartition("/")[2] for reference in references} <= set(schemas)
    operations = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(operations) == len(set(operations))


def test_the_reader_imports_nothing_of_the_models(tmp_path):
    """The model's own code is never run, nor are its dependencies looked for."""
    (tmp_path / "predict.py").write_text("import nowhere\nraise SystemExit\ndef predict() -> str: ...\n")
    before = set(sys.modules)

    read(str(tmp_path), "predict.py:predict")

    assert "predict" not in set(sys.modules) - before


EVERYTHING = """
from __future__ import annotations
import enum
from dataclasses import dataclass
from typing import Annotated, Any, Dict, Iterator, List, Literal, Optional, TypedDict, Union
import cog
from cog import BaseModel, BasePredictor, Input, Opaque, Path, Secret, streaming
SIZES = {"small": 1, "large": 2 ** 10}
class Kind(str, enum.Enum):
    A = "a"
    B = "b"
class Line(BaseModel):
    text: str
    box: List[List[float]]
    extra: Dict[str, Any] = {}
class Predictor(BasePredictor):
    def setup(self, weights: Optional[Path] = None): ...
    @streaming
    def predict(
        self,
        image: Path = Input(description=f"one of {len(SIZES):03d} at {0.1 + 0.2!r}", accept="image/*"),
        size: str = Input(choices=list(SIZES), default=[name for name in SIZES][0]),
        kind: Literal["x", "y"] | None = None,
        score: float = Input(default=-1.5e-3, ge=-1, le=1),
        either: Union[int, str] = SIZES["large"],
        rest: Annotated[object, Opaque] = None,
        which: Kind = Kind.B,
    ) -> Iterator[Line]: ...
"""


def test_every_python_reads_the_same(tmp_path, python):
    """The document is one text, whichever Python read it; on the oldest, newer spellings too."""
    (tmp_path / "predict.py").write_text(EVERYTHING)
    command = [python, "-m", "cog.schema", "predict.py:Predictor"]
    environment = {"PYTHONPATH": str(RUNTIME), "PYTHONWARNINGS": "error"}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == read(str(tmp_path), "predict.py:Predictor")


def test_the_documents_example_is_a_predictor(tmp_path):
    """What `docs/python-sdk.md` shows first can be read as it stands there."""
    text = (RUNTIME.parent / "docs" / "python-sdk.md").read_text()
    (tmp_path / "predict.py").write_text(text.partition("```python\n")[2].partition("```")[0])

    schemas = json.loads(read(str(tmp_path), "predict.py:Predictor"))["components"]["schemas"]

    assert schemas["Input"]["required"] == ["image"]
    assert schemas["Output"]["required"] == ["text", "picture"]
