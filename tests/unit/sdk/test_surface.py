"""Every name of the SDK that a model's code may import, and what it does."""

import asyncio
import importlib
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import cog
import pytest
from cog.coder import Coder
from cog.predictor import get_predict, load_predictor_from_ref
from cogworker.inputs import Inputs
from cogworker.outputs import encode

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs/python-sdk.md").read_text().partition("<!-- names -->")[2].partition("<!-- end -->")[0]
NAMES = [name for row in TABLE.splitlines()[3:] for name in re.findall(r"`(cog\.[\w.]+)`", row.split("|")[1])]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_table_is_there(name):
    module, _, attribute = name.rpartition(".")

    assert hasattr(importlib.import_module(module), attribute)


def test_the_table_has_every_public_name():
    public = {f"cog.{name}" for name in cog.__all__ if not name.startswith("__")}
    for module in ("cog.types", "cog.server.exceptions", "cog.server.scope"):
        public |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}

    assert public <= set(NAMES)


def test_decorators_in_every_form():
    async def function(): ...

    for mark in (cog.streaming, cog.streaming()):
        assert mark(function).__cog_streaming__ is True
    for mark, number in ((cog.concurrent, 1), (cog.concurrent(), 1), (cog.concurrent(max=4), 4)):
        assert mark(function).__cog_concurrent__ == number


class Predicts(cog.BasePredictor):
    def predict(self, text: str, *, times: int = cog.Input(default=2, ge=1)) -> str:
        return text * times


class Runs(cog.BaseRunner):
    async def run(self, text: str = cog.Input(default="a")) -> str:
        return text


def test_run_and_predict_call_each_other():
    assert Predicts().run("a", times=3) == Predicts().predict("a", times=3) == "aaa"
    assert asyncio.run(Runs().predict("b")) == asyncio.run(Runs().run(text="b")) == "b"
    assert get_predict(Predicts()).__name__ == "predict"
    with pytest.raises(NotImplementedError, match=r"Neither defines neither run\(\) nor predict\(\)"):
        type("Neither", (cog.BaseRunner,), {})().predict()


def test_setup_may_call_the_base_class():
    class Own(cog.BasePredictor):
        def setup(self):
            super().setup()
            self.ready = True

    own = Own()
    own.setup()
    assert own.ready
    assert cog.BasePredictor().setup(weights="a") is None


def test_a_direct_call_uses_the_defaults_and_the_worker_still_has_the_limits():
    assert Predicts().predict("a") == "aa"
    assert asyncio.run(Runs().run()) == "a"
    inputs = Inputs(Predicts().predict)
    assert inputs.bind({"text": "a"}) == {"text": "a", "times": 2}
    with pytest.raises(Exception, match="times must be at least 1, not 0"):
        inputs.bind({"text": "a", "times": 0})


def test_a_predictor_is_loaded_by_its_reference(tmp_path, monkeypatch):
    (tmp_path / "own_model.py").write_text("class Predictor:\n    def predict(self) -> int:\n        return 1\n")
    monkeypatch.chdir(tmp_path)

    assert load_predictor_from_ref("own_model.py:Predictor").predict() == 1
    assert load_predictor_from_ref("own_model.py").predict() == 1
    for reference, message in (("own_model.py:No", "has no class or function No"), ("no.py:X", "file not found")):
        with pytest.raises(cog.errors.PredictorNotSet, match=message):
            load_predictor_from_ref(reference)
    monkeypatch.delitem(sys.modules, "own_model")


class Point:
    def __init__(self, x):
        self.x = x


class PointCoder(Coder):
    @staticmethod
    def factory(type_):
        return PointCoder() if type_ is Point else None

    def encode(self, value):
        return {"x": value.x}

    def decode(self, value):
        return Point(value["x"])


def test_a_coder_converts_a_type_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Coder, "_registered", [])
    Coder.register(PointCoder)

    def predict(a: Annotated[Point, cog.Opaque], b: Point) -> None: ...

    made = Inputs(predict).bind({"a": {"x": 1}, "b": {"x": 2}})
    assert (made["a"].x, made["b"].x) == (1, 2)
    assert encode([Point(3)], str(tmp_path)) == (b'[{"x":3}]', [])
    with pytest.raises(Exception, match="a is not valid: KeyError: 'x'; b must be an object, not a number"):
        Inputs(predict).bind({"a": {}, "b": 1})


def test_values_keep_their_type():
    def predict(either: str | float, number: float, maybe: float | None, many: list[str | float]) -> None: ...

    made = Inputs(predict).bind({"either": 1, "number": 1, "maybe": 1, "many": [1, 1.5, "1"]})

    assert [type(each) for each in made.values()] == [int, float, float, list]
    assert [type(each) for each in made["many"]] == [int, float, str]
    with pytest.raises(Exception, match="either must be"):
        Inputs(predict).bind({"either": True, "number": 1, "maybe": 1, "many": []})


def test_output_is_suppressed_also_of_child_processes(capfd):
    from cog.suppress_output import suppress_output

    with suppress_output():
        print("hidden")
        print("hidden", file=sys.stderr)
        os.system("echo hidden; echo hidden >&2")
    print("shown")

    assert capfd.readouterr() == ("shown\n", "")


def test_small_classes():
    assert issubclass(cog.ExperimentalFeatureWarning, FutureWarning)
    assert (str(cog.Secret()), len(cog.Secret()), cog.Secret().get_secret_value()) == ("", 0, None)
    assert str(importlib.import_module("cog.mode").Mode.TRAIN) == "train"
    with pytest.raises(ValueError, match="only http and https URLs"):
        cog.URLFile("ftp://host/a")
    assert cog.types.get_filename("https://host/a%20b/c%2Fd.png?x=1") == "d.png"


TYPED = """
from __future__ import annotations

from typing import AsyncIterator, Iterator, Optional

import cog
from cog import BaseModel, BasePredictor, BaseRunner, File, Input, Path, Secret
from cog import concurrent, current_scope, streaming


class Output(BaseModel):
    text: str
    picture: Optional[Path]


class Predictor(BasePredictor):
    def setup(self) -> None:
        super().setup()
        self.factor: float = 2.0

    def predict(self, image: Path, key: Secret, scale: float = Input(default=1.5, ge=0)) -> Output:
        self.record_metric("a", 1)
        current_scope().metrics["b"] = key.get_secret_value()
        return Output(text=str(image / "x") + str(scale), picture=image)


class Streaming(BaseRunner):
    async def setup(self, weights: Optional[cog.Path] = None) -> None: ...

    @streaming
    @concurrent(max=4)
    async def run(self, prompt: str) -> AsyncIterator[str]:
        yield prompt


class Text(BasePredictor):
    @streaming()
    @concurrent
    def predict(self, file: File) -> Iterator[str]:
        yield file.read().decode()


predictor = Predictor()
predictor.setup()
output: Output = predictor.predict(Path("a"), Secret("s"))
assert output.text == "a/x1.5", output
"""


BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def run(*command, folder):
    """Return what a command prints; it must succeed."""
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def developer(tmp_path_factory):
    """A folder with a virtual environment that has the SDK's own distribution, and nothing else."""
    folder = tmp_path_factory.mktemp("developer")
    run(sys.executable, "-c", BUILD, folder, folder=ROOT / "sdk")
    run(sys.executable, "-m", "uv", "venv", "--offline", "--python", sys.executable, "venv", folder=folder)
    (wheel,) = folder.glob("cog-*.whl")
    run(
        *(sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps"),
        *("--python", "venv/bin/python", wheel),
        folder=folder,
    )
    return folder


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_a_predictor_is_clean_for_a_strict_type_checker(developer, version):
    (developer / "predict.py").write_text(textwrap.dedent(TYPED))
    options = ["--strict", "--python-version", version, "--cache-dir", "cache"]
    options += ["--python-executable", "venv/bin/python"]

    printed = run(sys.executable, "-m", "mypy", *options, "predict.py", folder=developer)

    assert printed == "Success: no issues found in 1 source file\n"


def test_a_predictor_runs_without_a_server(developer):
    (developer / "predict.py").write_text(textwrap.dedent(TYPED))

    assert run("venv/bin/python", "-I", "predict.py", folder=developer) == ""
    assert run("venv/bin/python", "-I", "-c", "import cog; print(cog.__version__)", folder=developer) == (
        f"{cog.__version__}\n"
    )
