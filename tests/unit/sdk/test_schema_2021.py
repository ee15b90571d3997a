"""The SDK of 2021 (`cog.Predictor`, `@cog.input`): read from the source, and served."""

import json

import pytest
from cog.schema import SourceMistakes, read

SOURCE = """
import cog
from pathlib import Path
import tempfile

SIZES = [1, 2, 4]

class Predictor(cog.Predictor):
    def setup(self):
        self.factor = 2

    @cog.input("image", type=Path, default=None, help="what to enlarge")
    @cog.input("scale", type=float, default=1.5, min=0, max=10, help="how much")
    @cog.input("size", type=int, default=2, options=SIZES)
    @cog.input("text", type=str)
    def predict(self, image, scale, size, text):
        \"\"\"Enlarge.\"\"\"
        return f"{scale * self.factor} {size} {text} {image}"
"""


def test_inputs_are_read_and_the_new_form_is_shown(tmp_path):
    (tmp_path / "predict.py").write_text(SOURCE)
    warnings = []

    document = json.loads(read(str(tmp_path), "predict.py:Predictor", None, warnings))

    schemas = document["components"]["schemas"]
    properties = schemas["Input"]["properties"]
    assert [name for name, _ in sorted(properties.items(), key=lambda pair: pair[1]["x-order"])] == [
        *("image", "scale", "size", "text")
    ]
    assert schemas["Input"]["required"] == ["text"]
    assert properties["image"] == {
        "title": "Image",
        "type": "string",
        "format": "uri",
        "default": None,
        "nullable": True,
        "description": "what to enlarge",
        "x-order": 0,
    }
    scale = {"type": "number", "default": 1.5, "minimum": 0, "maximum": 10, "description": "how much"}
    assert properties["scale"] == {**scale, "title": "Scale", "x-order": 1}
    assert schemas["size"]["enum"] == [1, 2, 4]
    assert schemas["Output"] == {"title": "Output"}
    (warning,) = warnings
    assert (warning.file, warning.line) == ("predict.py", 12)
    assert warning.message == "`@cog.input` is the form of 2021; inputs are now parameters with types"
    assert warning.hint == (
        "write `def predict(self, image: Path = Input(default=None, description='what to enlarge'), "
        "scale: float = Input(default=1.5, description='how much', ge=0, le=10), "
        "size: int = Input(default=2, choices=[1, 2, 4]), text: str = Input()) -> …`"
    )


def test_a_generator_of_2021_streams(tmp_path):
    (tmp_path / "predict.py").write_text(
        "from cog import Predictor, input\n\n"
        "class Model(Predictor):\n"
        "    @input('count', int)\n"
        "    def predict(self, count):\n"
        "        for each in range(count):\n"
        "            yield each\n"
    )

    document = json.loads(read(str(tmp_path), "predict.py:Model"))

    assert document["components"]["schemas"]["Output"]["x-cog-array-type"] == "iterator"


@pytest.mark.parametrize(
    ("decorator", "message", "hint"),
    [
        ('@cog.input("txt", type=str)', "`predict` has no parameter `txt`", "did you mean `text`?"),
        ('@cog.input("text")', "`cog.input` needs a `type`", 'write `@cog.input("scale", type=float)`'),
        ('@cog.input("text", type=str, mni=1)', "`cog.input` has no argument `mni`", "did you mean `min`?"),
        ('@cog.input("text", type=str, default=1)', "`text`: the default 1 is not a string", None),
    ],
)
def test_mistakes_of_2021(tmp_path, decorator, message, hint):
    (tmp_path / "predict.py").write_text(
        f"import cog\nclass Model(cog.Predictor):\n    {decorator}\n    def predict(self, text): ...\n"
    )

    with pytest.raises(SourceMistakes) as caught:
        read(str(tmp_path), "predict.py:Model")

    assert (message, 3) in [(each.message, each.line) for each in caught.value.mistakes]
    if hint is not None:
        assert hint in [each.hint for each in caught.value.mistakes]
