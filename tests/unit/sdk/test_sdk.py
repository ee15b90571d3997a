"""What model code imports from `cog`, used outside of any server: as in a model's own tests."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cog
import pytest
from cog.scope import Scope, enter, leave

RUNTIME = Path(__file__).parents[3] / "runtime"


def test_the_sdk_has_the_builders_version():
    assert cog.__version__ == version("cogfreeze")


def test_every_name_that_cog_exports_is_there():
    """A predictor's import statement never fails for a name that Cog 0.22 has."""
    names = [
        "AsyncConcatenateIterator",
        "BaseModel",
        "BasePredictor",
        "BaseRunner",
        "CancelationException",
        "ConcatenateIterator",
        "ExperimentalFeatureWarning",
        "FieldInfo",
        "File",
        "Input",
        "Opaque",
        "Path",
        "Secret",
        "URLFile",
        "URLPath",
        "concurrent",
        "current_scope",
        "emit_metric",
        "streaming",
    ]

    assert set(names) <= set(cog.__all__)
    assert all(hasattr(cog, name) for name in names)


def test_importing_cog_is_cheap_and_brings_no_server():
    """It loads no package of the server's, and none of the slow modules of the standard library."""
    slow = ("cogserve", "asyncio", "dataclasses", "http")
    script = f"import sys; import cog; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": str(RUNTIME)}, capture_output=True, check=True
    )

    assert done.stdout == b"[]\n"


def test_a_model_is_a_dataclass():
    class Base(cog.BaseModel):
        text: str
        score: float = 0.5

    class More(Base):
        extra: int  # a field without a default after one with

    class Own(cog.BaseModel, auto_dataclass=False):
        text: str

    assert repr(Base("a")).endswith("Base(text='a', score=0.5)")
    assert Base("a") == Base(text="a")
    assert More(text="a", extra=1).extra == 1
    assert not hasattr(Own, "__dataclass_fields__")


def test_a_secret_shows_itself_to_those_who_ask_only():
    secret = cog.Secret("s3cret")

    assert (str(secret), repr(secret), f"{secret}") == ("**********", "Secret('**********')", "**********")
    assert secret.get_secret_value() == "s3cret"
    assert secret == cog.Secret("s3cret") != cog.Secret("other")
    assert len({secret, cog.Secret("s3cret")}) == 1


def test_a_path_is_a_path():
    path = cog.Path("/a") / "b.png"

    assert isinstance(path, cog.Path)
    assert isinstance(path, Path)
    assert path.parent == Path("/a")


def test_what_is_still_at_its_address_is_fetched_once(tmp_path):
    path = cog.URLPath(source="https://example/a.png", filename="a.png", fileobj=io.BytesIO(b"data"))

    assert (str(path), path.name) == ("https://example/a.png", "a.png")
    fetched = path.convert()
    assert (fetched.read_bytes(), fetched.name, path.convert()) == (b"data", "a.png", fetched)
    path.unlink()
    assert not fetched.exists()


def test_only_web_addresses_are_fetched():
    with pytest.raises(ValueError, match="only http and https URLs can be downloaded, not 'file:///etc/passwd'"):
        cog.URLFile("file:///etc/passwd").read()


def test_input_keeps_what_it_is_told():
    field = cog.Input(default=[1], description="d", ge=0, choices=(1, 2))

    assert isinstance(field, cog.FieldInfo)
    assert (field.default, field.description, field.ge, field.choices, field.le) == ([1], "d", 0, [1, 2], None)
    assert repr(field) == "FieldInfo(choices=[1, 2], default=[1], description='d', ge=0)"


def test_input_takes_no_default_factory():
    with pytest.raises(TypeError, match="Input\\(\\) does not accept `default_factory`"):
        cog.Input(default_factory=list)


def test_only_asynchronous_functions_are_concurrent():
    @cog.concurrent(max=1)
    def one(): ...

    @cog.concurrent(max=4)
    @cog.streaming
    async def four():
        yield 1

    assert (one.__cog_concurrent__, four.__cog_concurrent__, four.__cog_streaming__) == (1, 4, True)
    with pytest.raises(TypeError, match=r"@concurrent\(max=2\) requires `async def`"):
        cog.concurrent(max=2)(one)
    with pytest.raises(TypeError, match="@concurrent requires an integer, not True"):
        cog.concurrent(max=True)
    with pytest.raises(ValueError, match="@concurrent requires max to be at least 1, not 0"):
        cog.concurrent(max=0)


def test_outside_of_a_prediction_nothing_is_recorded():
    """A predictor's own tests may call it without a server; even a bad metric is no error there."""

    class Predictor(cog.BasePredictor):
        def predict(self) -> str:
            self.record_metric("", object(), mode="odd")
            return repr(self.scope.context)

    assert Predictor().predict() == "{}"
    assert cog.current_scope().id is None


@pytest.fixture
def scope():
    told = []
    running = Scope("p1", {"user": "a"}, lambda *metric: told.append(metric))
    running.told = told
    enter(running)
    yield running
    leave(running)


def test_metrics_are_kept_and_told(scope):
    cog.current_scope().record_metric("a.b", 1)
    scope.metrics.record("a.b", 2.5, mode="incr")
    scope.metrics["tags"] = ["x"]
    scope.metrics.record("tags", "y", mode="append")
    scope.metrics.record("fresh", {"k": 1}, mode="append")
    scope.metrics["gone"] = True
    del scope.metrics["gone"]

    assert {name: scope.metrics[name] for name in scope.metrics} == {
        "a.b": 3.5,
        "tags": ["x", "y"],
        "fresh": [{"k": 1}],
    }
    assert scope.told == [
        ("a.b", 1, "replace"),
        ("a.b", 2.5, "incr"),
        ("tags", ["x"], "replace"),
        ("tags", "y", "append"),
        ("fresh", {"k": 1}, "append"),
        ("gone", True, "replace"),
        ("gone", None, "replace"),
    ]


@pytest.mark.parametrize("name", ["a", "A1", "a_b", "a.b.c.d", "a" * 128, "a1_2b"])
def test_good_names(scope, name):
    scope.record_metric(name, 1)

    assert name in scope.metrics


@pytest.mark.parametrize(
    "name",
    ["", "1a", "_a", "a_", "a__b", "a.b.c.d.e", "a..b", ".a", "a.", "a" * 129, "a-b", "a b", "\u00e9", "a\n",
     "predict_time", "cog", "cog.x"],
)  # fmt: skip
def test_bad_and_reserved_names(scope, name):
    with pytest.raises(ValueError, match=r"not a valid metric name|is reserved"):
        scope.record_metric(name, 1)
    assert scope.told == []


@pytest.mark.parametrize(
    ("value", "mode", "error", "message"),
    [
        (object(), "replace", TypeError, "a metric must be a bool, number, str, list or dict, not object"),
        (1, "add", TypeError, "a metric's mode must be one of replace, incr, append, not 'add'"),
        ("x", "replace", TypeError, "the metric 'n' is a number; `replace` cannot change it to a str"),
        (True, "replace", TypeError, "the metric 'n' is a number; `replace` cannot change it to a bool"),
        ("x", "incr", TypeError, "the metric 'n' can only be incremented by a number, not by str"),
        (1, "append", TypeError, "the metric 'n' is a number; `append` cannot change it to a list"),
        (float("nan"), "replace", ValueError, "the metric 'n' is nan, which JSON cannot represent"),
    ],
)
def test_bad_values(scope, value, mode, error, message):
    scope.record_metric("n", 1)

    with pytest.raises(error, match=message):
        scope.record_metric("n", value, mode=mode)

    assert (scope.metrics["n"], len(scope.told)) == (1, 1)


def test_a_deleted_metric_may_become_another_kind(scope):
    scope.record_metric("n", 1)
    scope.record_metric("n", None)
    scope.record_metric("n", "text")

    assert scope.metrics["n"] == "text"


def test_a_scope_that_has_ended_records_nothing_more(scope):
    """A thread that outlives its prediction cannot speak for it."""
    late = Scope("p2", {}, lambda *_: pytest.fail("told"))
    enter(late)
    leave(late)

    late.record_metric("a", 1)

    assert late.id is None


def test_the_older_name_warns_once(scope, capsys):
    cog.emit_metric("a", 1)
    cog.emit_metric("a", 2)

    assert capsys.readouterr().err.count("emit_metric() is deprecated") == 1
    assert scope.metrics["a"] == 2


SERVER = """
import json, os, sys
def main():
    print(json.dumps({
        "arguments": sys.argv[1:], "isolated": sys.flags.isolated, "path": sys.path[:2],
        "pythonpath": os.environ["PYTHONPATH"], "folder": os.getcwd(),
        "model_is_hidden": not any(os.path.exists(os.path.join(each, "predict.py")) for each in sys.path),
    }))
    return 7
"""


def test_the_server_is_started_apart_from_the_model(tmp_path):
    """`python -m cog.server.http` becomes an isolated interpreter with the server's folder, and keeps the rest."""
    server, project = tmp_path / "server", tmp_path / "project"
    (server / "cogserve").mkdir(parents=True)
    (server / "cogserve" / "__init__.py").touch()
    (server / "cogserve" / "main.py").write_text(SERVER)
    project.mkdir()
    (project / "predict.py").touch()
    environment = {"PYTHONPATH": str(RUNTIME), "COG_SERVER_PATH": str(server)}

    done = subprocess.run(
        [sys.executable, "-m", "cog.server.http", "--port", "1"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (7, "")
    assert json.loads(done.stdout) == {
        "arguments": ["--port", "1"],
        "isolated": 1,
        "path": [str(server), str(RUNTIME)],
        "pythonpath": str(RUNTIME),
        "folder": str(project),
        "model_is_hidden": True,
    }


def test_a_missing_server_is_one_clear_error(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cog.server.http"],
        env={"PYTHONPATH": str(RUNTIME), "COG_SERVER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"error: no prediction server found in {tmp_path}\n"
        "hint: `cog serve --local` starts one on this machine; set COG_SERVER_PATH to use another folder\n"
    )
