"""`BaseModel`, and the SDK's types as fields of pydantic models."""
# ruff: noqa: UP006, UP007, UP035, UP045, RUF012, RUF036 - the spellings and defaults are what is tested

import io
import json
from dataclasses import field
from pathlib import Path
from typing import List, Optional, Union

import cog
import pydantic
import pydantic.v1
import pytest
from cogworker.outputs import encode

from tests.unit.sdk.reading import mistakes, output


def test_an_optional_field_without_a_default_is_none():
    """However the annotation is written, and before or after required fields."""

    class Local: ...

    class Output(cog.BaseModel):
        score: Optional[float]
        text: str
        file: cog.Path | None
        other: Union[int, None, Local]
        local: "Optional[Local]"
        newer: "Local | None"

    assert repr(Output(text="a")).endswith(
        "Output(score=None, text='a', file=None, other=None, local=None, newer=None)"
    )
    assert Output(1.5, "a").score == 1.5
    assert Output("a", text="b").text == "b"


def test_a_mutable_default_is_copied_for_each_instance():
    class Inner(cog.BaseModel):
        count: int = 0

    class Output(cog.BaseModel):
        tags: List[List[str]] = [["a"]]
        inner: Inner = Inner()
        names: dict = field(default_factory=dict)

    one, other = Output(), Output()
    one.tags[0].append("b")
    one.inner.count = 1
    one.names["x"] = 1

    assert (other.tags, other.inner.count, other.names) == ([["a"]], 0, {})


def test_a_required_field_may_follow_one_with_a_default():
    class Base(cog.BaseModel, frozen=True):
        text: str
        score: float = 0.5
        tags: list = []

    class More(Base, frozen=True):
        extra: int

        def __post_init__(self):
            assert self.extra

    assert repr(More("a", extra=1)).endswith("More(text='a', score=0.5, tags=[], extra=1)")
    with pytest.raises(TypeError, match="More needs a value for `text`, `extra`"):
        More()
    with pytest.raises(TypeError, match="`text` was given twice of More"):
        More("a", text="b", extra=1)
    with pytest.raises(TypeError, match="`odd` is not a field of More"):
        More("a", odd=1)
    with pytest.raises(TypeError, match="More has 4 fields, but 5 values were given"):
        More(1, 2, 3, 4, 5)


def test_models_mix_with_other_classes_only_where_fields_are_inherited():
    class Plain: ...

    class Own(cog.BaseModel, auto_dataclass=False): ...

    class Auto(cog.BaseModel): ...

    with pytest.raises(TypeError, match="the first base class of Mixed must be a BaseModel, not Plain"):
        type("Mixed", (Plain, cog.BaseModel), {})
    for base, own in ((Own, True), (Auto, False)):
        with pytest.raises(ValueError, match="must have the same auto_dataclass"):
            type("Mixed", (base,), {}, auto_dataclass=own)


@pytest.mark.parametrize("base", ["pydantic.BaseModel", "pydantic.v1.BaseModel"])
def test_the_schema_of_a_pydantic_model_with_files_and_of_its_optional_fields(tmp_path, base):
    before = f"""
    import pydantic, pydantic.v1
    class Inner({base}):
        file: Path
        more: List[File]
    class Out(BaseModel):
        inner: Optional[Inner]
        score: Optional[float] = 0.5
        text: str
    """
    schema = output(tmp_path, "Out", before)

    assert schema["required"] == ["text"]
    inner = schema["properties"]["inner"]
    assert inner["required"] == ["file", "more"]
    assert inner["properties"]["file"]["format"] == inner["properties"]["more"]["items"]["format"] == "uri"


@pytest.mark.parametrize("kind", ["Path", "File", "Secret", "List[Path]"])
def test_a_model_with_a_file_or_secret_is_refused_as_an_input(tmp_path, kind):
    source = f"""
    import pydantic
    class In(pydantic.BaseModel):
        field: {kind}
    def predict(
        one: In,
    ) -> str: ...
    """

    (found,) = mistakes(tmp_path, source)

    assert (found.line, found.message) == (6, "`one`: an object cannot have files or secrets as fields")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("base", [pydantic.BaseModel, pydantic.v1.BaseModel])
def test_a_pydantic_output_hands_over_its_files(tmp_path, base):
    class Inner(base):
        file: cog.File

    class Output(base):
        path: cog.Path
        inner: List[Inner]
        text: Optional[str] = None

    (tmp_path / "a.txt").write_text("a")

    made = Output(path=cog.Path(tmp_path / "a.txt"), inner=[Inner(file=io.BytesIO(b"b"))])
    data, files = encode(made, str(tmp_path))

    assert json.loads(data) == {"path": None, "inner": [{"file": None}], "text": None}
    assert [(each["at"], Path(each["path"]).read_bytes()) for each in files] == [
        (["path"], b"a"),
        (["inner", 0, "file"], b"b"),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("base", [pydantic.BaseModel, pydantic.v1.BaseModel])
def test_a_pydantic_model_validates_files_and_secrets(base):
    """A URL or data URI is one; a plain string never names a file of this machine."""

    class Model(base):
        path: Optional[cog.Path] = None
        file: Optional[cog.File] = None
        secret: Optional[cog.Secret] = None

    assert Model(path="data:text/plain;base64,QUJD").path.convert().read_bytes() == b"ABC"
    assert Model(path="https://example/a.png").path.name == "a.png"
    assert Model(file="data:,ABC").file.read() == b"ABC"
    assert Model(secret="s3cret").secret == cog.Secret("s3cret")
    for wrong in ({"path": "/etc/passwd"}, {"path": 1}, {"file": "a.txt"}, {"file": 1}, {"secret": 1}):
        with pytest.raises(ValueError, match=r"expected an? "):
            Model(**wrong)
    schema = (Model.model_json_schema if base is pydantic.BaseModel else Model.schema)()
    assert "password" in str(schema["properties"]["secret"])
