"""`cog schema` and what other verbs build on: the predictor's OpenAPI document, or all of its mistakes."""

from __future__ import annotations

import json

import pytest

from cogfreeze.cli.main import main
from cogfreeze.errors import ProjectErrors
from cogfreeze.local.schema import schema_of
from cogfreeze.project.model import Build, Project


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cog.yaml").write_text('build:\n  python_version: "3.11"\npredict: predict.py:Predictor\n')
    return tmp_path


def test_prints_the_document_on_stdout(folder, capsys):
    """The document is data: it goes to stdout, and ends with a newline."""
    (folder / "predict.py").write_text(
        "import torch\nfrom cog import Input\n"
        "class Predictor:\n    def predict(self, n: int = Input(ge=1)) -> str: ...\n"
    )

    assert main(["schema"]) == 0

    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["openapi"] == "3.0.2"
    assert document["components"]["schemas"]["Input"]["properties"] == {
        "n": {"title": "N", "type": "integer", "minimum": 1, "x-order": 0}
    }
    assert printed.out.endswith("}\n")
    assert printed.err == ""


def test_tells_every_mistake_with_its_line(folder, capsys):
    """An impossible signature fails with file and line, all mistakes at once."""
    (folder / "predict.py").write_text(
        "import numpy as np\nfrom cog import Input\n"
        "class Predictor:\n"
        "    def predict(\n"
        "        self,\n"
        "        image: np.ndarray,\n"
        "        steps: int = Input(default=70, le=50),\n"
        "    ):\n"
        "        ...\n"
    )

    assert main(["schema"]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "error[CF100]: predict.py:4: `predict` has no return type annotation\n"
        "hint: write `-> str:`, or whatever its type is; `-> Any:` is allowed\n"
        "error[CF100]: predict.py:6: `np.ndarray` is a type of the installed package `numpy`, "
        "which has no schema\n"
        "hint: write `Annotated[np.ndarray, Opaque]` (`from cog import Opaque`) for a JSON object with any "
        "content, or use `Path` for a file\n"
        "error[CF100]: predict.py:7: `steps`: the default 70 is greater than 50\n"
        "hint: change the default or the limit\n"
    )


def test_a_project_without_a_predictor_has_no_document(folder, capsys):
    (folder / "cog.yaml").write_text('build:\n  python_version: "3.11"\n')

    assert main(["schema"]) == 2

    assert capsys.readouterr().err == (
        "error[CF100]: cog.yaml: the project has no predictor\nhint: add `predict: predict.py:Predictor`\n"
    )


def test_reads_training_beside_prediction(tmp_path):
    """One document describes both; the trainer's parts are named so."""
    (tmp_path / "both.py").write_text("def predict(a: str) -> str: ...\ndef train(b: int) -> float: ...\n")
    project = Project(
        file="cog.yaml",
        image="both",
        predict="both.py:predict",
        train="both.py:train",
        build=Build(python_version="3.11"),
    )

    document = json.loads(schema_of(tmp_path, project))

    schemas = document["components"]["schemas"]
    assert schemas["Input"]["required"] == ["a"]
    assert schemas["TrainingInput"]["required"] == ["b"]
    assert schemas["TrainingOutput"] == {"title": "TrainingOutput", "type": "number"}
    assert "/trainings/{training_id}/cancel" in document["paths"]


def test_files_of_the_project_stand_in_for_nothing(tmp_path, monkeypatch):
    """A project with files called like the standard library's, or like the SDK, is read all the same."""
    for name in ("ast.py", "json.py", "typing.py", "cog.py"):
        (tmp_path / name).write_text("raise RuntimeError('the project was run')\n")
    (tmp_path / "predict.py").write_text("raise RuntimeError('the project was run')\ndef predict() -> str: ...\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    project = Project(
        file="cog.yaml", image="odd", predict="predict.py:predict", build=Build(python_version="3.11")
    )

    assert json.loads(schema_of(tmp_path, project))["info"]["title"] == "Cog"


def test_a_target_python_that_cannot_run_is_passed_over(tmp_path, monkeypatch):
    """`python3.12` on the PATH may be a launcher that only says what to install."""
    launcher = tmp_path / "bin" / "python3.12"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{launcher.parent}:/usr/bin:/bin")
    (tmp_path / "predict.py").write_text("def predict() -> Str: ...\n")
    project = Project(
        file="cog.yaml", image="odd", predict="predict.py:predict", build=Build(python_version="3.12")
    )

    with pytest.raises(ProjectErrors) as raised:
        schema_of(tmp_path, project)

    assert [str(error) for error in raised.value.errors] == ["predict.py:1: `Str` is not defined in this file"]
