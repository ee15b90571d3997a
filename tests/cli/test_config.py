"""`cog config` prints the project as understood, offline, or all that is wrong with it."""

import json
import subprocess
import sys

import pytest

from cogfreeze.cli.main import main
from cogfreeze.project import cog_yaml

COG_YAML = """\
predict: predict.py:Predictor
build:
  python_version: "3.11"
  python_requirements: requirements.txt
  fast: true
"""
PREDICT_PY = "class Predictor:\n    def predict(self, x: int) -> int:\n        return x\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A good project in the current folder."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "cog.yaml").write_text(COG_YAML)
    (folder / "predict.py").write_text(PREDICT_PY)
    (folder / "requirements.txt").write_text("torch==2.9.0 # pinned\n")
    monkeypatch.chdir(folder)
    return folder


def test_yaml_is_the_default_with_all_defaults_written_out(project, capsys):
    assert main(["config"]) == 0

    out, err = capsys.readouterr()
    assert (
        out
        == """\
image: cog-my-model
predict: predict.py:Predictor
build:
  python_version: '3.11'
  gpu: false
  platforms:
  - linux/amd64
  python_requirements: requirements.txt
  network: false
  sources: allow
  user: cog
server:
  queue: 64
  max_body: 104857600
  max_download: 1073741824
  max_output: 536870912
  drain: 30.0
"""
    )
    assert err == "warning: cog.yaml:5: `build.fast` has no effect: Cog has removed it\n"


def test_what_it_prints_means_the_same(project, capsys):
    before = cog_yaml.read(project / "cog.yaml")
    main(["config"])
    (project / "cog.yaml").write_text(capsys.readouterr().out)

    assert main(["config"]) == 0
    after = cog_yaml.read(project / "cog.yaml")
    assert after.warnings == ()
    assert (after.build, after.predict, after.image) == (before.build, before.predict, before.image)


def test_json_is_the_whole_record(project, capsys):
    assert main(["config", "--json"]) == 0

    record = json.loads(capsys.readouterr().out)
    assert record["image"] == "cog-my-model"
    assert record["build"]["python_requirements"] == [{"path": "requirements.txt", "lines": ["torch==2.9.0"]}]
    assert record["server"] == {
        "queue": 64,
        "deadline": None,
        "max_body": 104857600,
        "max_download": 1073741824,
        "max_output": 536870912,
        "drain": 30.0,
        "protocols": [],
    }
    assert record["warnings"] == ["cog.yaml:5: `build.fast` has no effect: Cog has removed it"]


def test_another_file_is_named_by_f(project, capsys):
    (project / "cog.gpu.yaml").write_text("build: {python_version: '3.12', gpu: true}\n")

    assert main(["config", "-f", "cog.gpu.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["build"]["gpu"] is True


def test_every_mistake_of_the_file_is_told_and_the_status_is_2(project, capsys):
    (project / "cog.yaml").write_text("build:\n  pyhton_version: '3.11'\n  gpu: yes please\n")

    assert main(["config"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err
        == """\
error[CF100]: cog.yaml:2: `build.pyhton_version` is not a key
hint: did you mean `python_version`?
error[CF100]: cog.yaml:3: `build.gpu` must be true or false, is text
hint: write `true` or `false` without quotes
"""
    )


def test_a_predictor_that_cannot_predict_is_a_mistake(project, capsys):
    (project / "predict.py").write_text("class Predictor:\n    def setup(self): ...\n")

    assert main(["config"]) == 2
    assert (
        capsys.readouterr().err
        == """\
error[CF100]: predict.py:1: the class `Predictor` has no `predict` and no `run`
hint: add a method `def predict(self, …)`
"""
    )


def test_a_folder_without_a_project_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["config"]) == 2
    assert (
        capsys.readouterr().err
        == """\
error[CF100]: there is no `cog.yaml` in this folder or above it
hint: run `cog init` to start a project here
"""
    )


def test_a_mistake_cannot_drive_the_terminal(project, capsys):
    (project / "cog.yaml").write_text('"\\e[31mred": 1\n')

    assert main(["config"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_no_heavy_module_is_imported(project):
    """Every verb reads the project first, and `cog lock --check` has 0.3 s for all."""
    code = (
        "import sys; from cogfreeze.cli.main import main; status = main(['config']);"
        "heavy = {'pydantic', 'requests', 'tomlkit', 'rich', 'docker', 'pysequoia'} & set(sys.modules);"
        "sys.exit(f'{heavy}' if heavy else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


def test_the_schema_of_cog_yaml_needs_no_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["config", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["build"]["properties"]["gpu"]["type"] == [
        "boolean",
        "null",
    ]
