"""Names that `cog` does not have, types of installed packages, and constants that can be computed."""

import pytest

from tests.unit.sdk.reading import document, inputs, mistakes


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("from cog import BaseModell", "`cog` has no name `BaseModell`", "did you mean `BaseModel`?"),
        ("from cog.types import Pth", "`cog.types` has no name `Pth`", "did you mean `Path`?"),
        ("import cog.typs", "`cog` has no name `typs`", None),
        ("from cog.serving import x", "there is no module `cog.serving`", None),
        ("x = cog.Secrets", "`cog` has no name `Secrets`", "did you mean `Secret`?"),
        (
            "def f(): return cog.current_scop()",
            "`cog` has no name `current_scop`",
            "did you mean `current_scope`?",
        ),
    ],
)
def test_a_name_that_cog_does_not_have_is_told_where_it_is_used(tmp_path, line, message, hint):
    """The model's own start would fail there."""
    (found,) = mistakes(tmp_path, f"{line}\ndef predict() -> str: ...")

    assert (found.line, found.message) == (1, message)
    assert hint is None or found.hint == hint


def test_names_are_checked_in_the_files_that_the_predictor_imports(tmp_path):
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "helper" / "inner.py").write_text("import predict\nfrom cog import Nothing\n")

    (found,) = mistakes(tmp_path, "import helper\ndef predict() -> str: ...")

    assert (found.file, found.message) == ("helper/inner.py", "`cog` has no name `Nothing`")


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    from cog import Newer\nexcept ImportError:\n    Newer = None",
        "if TYPE_CHECKING:\n    from cog import Newer",
        "from cog.server.exceptions import CancelationException",
        "from cog import Predictor, input\nimport cog.types, cog.input\nx = cog.types.Path",
        "class cog:\n    x = 1\ny = cog.x",
    ],
)
def test_what_may_be_imported_or_may_fail_is_no_mistake(tmp_path, source):
    document(tmp_path, f"{source}\ndef predict() -> str: ...")


def test_a_type_of_an_installed_package_is_told_with_the_way_to_use_it(tmp_path):
    source = (
        "import numpy as np\nfrom PIL import Image\ndef predict(a: np.ndarray, b: List[Image.Image]) -> str: ..."
    )

    first, second = mistakes(tmp_path, source)

    assert first.message == "`np.ndarray` is a type of the installed package `numpy`, which has no schema"
    assert second.message == "`Image.Image` is a type of the installed package `PIL`, which has no schema"
    assert second.hint == (
        "write `Annotated[Image.Image, Opaque]` (`from cog import Opaque`) for a JSON object with any content, "
        "or use `Path` for a file"
    )
    document(tmp_path, source.replace("List[Image.Image]", "str").replace("np.ndarray", "Annotated[np.x, Opaque]"))


BEFORE = """
import os
from pathlib import Path as P
DEBUG = False
class Config:
    SIZES = {"small": 1, "large": 2}
    STEPS: int = 20
class More(Config):
    FOLDER = os.path.join("weights", "v1")
COMMON = Input(default=3, ge=1, description="common")
class Mode(enum.Enum):
    FAST = "fast"
"""


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("a: int = Config.STEPS", {"default": 20}),
        ("a: int = Input(default=More.STEPS, le=Config.STEPS * 2)", {"default": 20, "maximum": 40}),
        ("a: str = Input(default=os.path.join(More.FOLDER, 'a.bin'))", {"default": "weights/v1/a.bin"}),
        ("a: Path = P('examples') / 'a.png'", {"default": "examples/a.png"}),
        ("a: int = 1 if DEBUG else 50", {"default": 50}),
        ("a: int = Input(default=50 if not DEBUG and Config.STEPS >= 10 else 1)", {"default": 50}),
        ("a: bool = Input(default='small' in Config.SIZES)", {"default": True}),
        ("a: dict = Input(default={**Config.SIZES, 'huge': 3})", {"default": {"small": 1, "large": 2, "huge": 3}}),
        ("a: dict = dict(x=1)", {"default": {"x": 1}}),
        ("a: str = Mode.FAST.value", {"default": "fast"}),
        ("a: int = COMMON", {"default": 3, "minimum": 1, "description": "common"}),
        ("a: float = round(abs(-1.55), 1)", {"default": 1.6}),
    ],
)
def test_constant_expressions_are_read(tmp_path, parameter, expected):
    schema = inputs(tmp_path, parameter, BEFORE)["a"]

    assert {name: schema.get(name) for name in expected} == expected


def test_choices_may_come_from_the_keys_of_a_class_attribute(tmp_path):
    found = document(tmp_path, BEFORE + "def predict(a: str = Input(choices=list(Config.SIZES))) -> str: ...")

    assert found["components"]["schemas"]["a"]["enum"] == ["small", "large"]


def test_the_class_body_is_the_scope_of_a_methods_defaults(tmp_path):
    source = """
    STEPS = 1
    class Base:
        LIMIT = 9
    class Predictor(Base):
        STEPS = 5
        CHOICES = [STEPS, STEPS * 2]
        def predict(self, a: int = Input(default=STEPS, choices=CHOICES), b: int = Input(le=Base.LIMIT)) -> str:
            ...
    """
    schemas = document(tmp_path, source, predict="predict.py:Predictor")["components"]["schemas"]

    assert schemas["a"]["enum"] == [5, 10]
    assert schemas["Input"]["properties"]["a"]["default"] == 5
    assert schemas["Input"]["properties"]["b"]["maximum"] == 9


@pytest.mark.parametrize(
    ("parameter", "written"),
    [
        ("a: int = Input(default=load_default())", "`default` is `load_default()`"),
        ("a: int = os.cpu_count() or 1", "`default` is `os.cpu_count() or 1`"),
        ("a: str = Input(choices=[x\n for x in os.listdir('x')])", "`choices` is `[x for x in os.listdir('x')]`"),
        ("a: int = Input(ge=1 if torch.is_warn() else 2)", "`ge` is `1 if torch.is_warn() else 2`"),
    ],
)  # fmt: skip
def test_where_the_source_cannot_tell_the_message_names_input_and_expression(tmp_path, parameter, written):
    (found,) = mistakes(tmp_path, f"import os, torch\ndef predict({parameter}) -> str: ...")

    assert found.message == f"`a`: {written}, which cannot be computed without running the code"
