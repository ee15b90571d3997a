"""The document of a predictor that is imported agrees with the one that is read from its source."""

import json
import os
import subprocess
import sys

import pytest
from cog.schema import read

from tests.unit.sdk.reading import IMPORTS
from tests.unit.sdk.test_surface import ROOT

SOURCE = """
import os, datetime, pydantic
class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"
class Inner(pydantic.BaseModel):
    file: Path
    note: Optional[str] = None
@dataclass
class Point:
    x: float
    y: Optional[int] = None
class Named(TypedDict):
    a: int
class Output(BaseModel):
    text: str
    inner: List[Inner]
    when: Optional[datetime.datetime]
    score: float = 0.5
class Predictor(BasePredictor):
    @streaming
    @concurrent(max=2)
    async def predict(
        self,
        text: str,
        image: Path = Input(description="a file", accept="image/*"),
        key: Secret = None,
        steps: int = Input(default=3, ge=1, le=9),
        size: Size = Size.SMALL,
        mode: Literal["a", "b"] = "a",
        either: Union[str, float, None] = None,
        many: List[str] = Input(default=["x"], max_length=4),
        chosen: List[int] = Input(default=[1], choices=[1, 2]),
        point: Point = None,
        named: Named = None,
        any: Dict[str, int] = Input(default={"a": 1}),
        opaque: Annotated[object, Opaque] = None,
        pattern: str = Input(default="ab", regex="^a", min_length=2, deprecated=True),
    ) -> AsyncIterator[Output]:
        yield 1
def train(a: int) -> ConcatenateIterator[str]: ...
"""


def imported(folder, *words):
    """Return what `cog.schema` finds by importing: in a process of its own, as the project's code runs there."""
    result = folder / "result.json"
    script = "import sys; from cog.schema.__main__ import main_importing; sys.exit(main_importing(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(result), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return json.loads(result.read_text())


def test_it_agrees_with_the_source_on_every_type(tmp_path):
    (tmp_path / "predict.py").write_text(IMPORTS + SOURCE)
    references = ("predict.py:Predictor", "--train", "predict.py:train")

    found = json.loads(imported(tmp_path, *references)["document"])

    assert found == json.loads(read(str(tmp_path), "predict.py:Predictor", "predict.py:train"))


def test_it_knows_what_only_running_the_code_tells(tmp_path):
    (tmp_path / "predict.py").write_text(
        "import os\nfrom cog import Input\nprint('importing')\n"
        "def number(**limits):\n    return Input(default=len(os.sep), **limits)\n"
        "CHOICES = sorted({'b', 'a'} | {os.sep})\n"
        "def predict(steps: int = number(le=4), name: str = Input(choices=CHOICES)) -> str: ...\n"
    )

    schemas = json.loads(imported(tmp_path, "predict.py:predict")["document"])["components"]["schemas"]

    assert schemas["Input"]["properties"]["steps"]["maximum"] == 4
    assert schemas["name"]["enum"] == ["/", "a", "b"]


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("a", "`a` has no type annotation"),
        ("a: complex", "`a`: the type `complex` has no schema"),
        ("a: int = object()", "`a`: <object"),
        ("a: int = Input(default=5, le=4)", "`a`: the default 5 is greater than 4"),
    ],
)
def test_mistakes_are_told_there_too(tmp_path, signature, message):
    (tmp_path / "predict.py").write_text(f"from cog import Input\n\ndef predict({signature}) -> str: ...\n")

    (found,) = imported(tmp_path, "predict.py")["mistakes"]

    assert (found["file"], found["line"]) == ("predict.py", 3)
    assert found["message"].startswith(message)
