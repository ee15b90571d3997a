"""`cog deploy` as a person runs it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from cogfreeze.cli.main import main

GOLDEN = Path(__file__).parents[2] / "golden" / "no-packages"
DIGEST = "sha256:" + "ab" * 32
IMAGE = f"registry.example.com/model@{DIGEST}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A locked project; its lock is held to the files, and not to this version of the runtime."""
    for name in ("cog.yaml", "cog.lock"):
        shutil.copy(GOLDEN / name, tmp_path / name)
    (tmp_path / "predict.py").write_text("class Predictor:\n    def predict(self) -> str:\n        return ''\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cogfreeze.lock.staleness.runtime_reasons", lambda *_, **__: ())
    return tmp_path


def run(*words):
    return main(["deploy", "--image", IMAGE, "--memory", "1Gi", *words])


def test_the_manifest_goes_to_stdout(project, capsys):
    assert run("--target", "kubernetes") == 0
    out, err = capsys.readouterr()
    assert next(each["kind"] for each in yaml.safe_load_all(out)) == "Deployment"
    assert IMAGE in out
    assert err == ""


def test_a_file_is_written_once_and_then_up_to_date(project, capsys):
    assert run("--target", "kubernetes", "-o", "out/deep") == 0
    assert capsys.readouterr().err == (
        "wrote out/deep/kubernetes.yaml (Deployment, Service, PodDisruptionBudget, NetworkPolicy)\n"
    )
    before = (project / "out/deep/kubernetes.yaml").read_bytes()
    assert run("--target", "kubernetes", "-o", "out/deep") == 0
    assert capsys.readouterr().err == "out/deep/kubernetes.yaml is up to date\n"
    assert (project / "out/deep/kubernetes.yaml").read_bytes() == before


def test_a_script_can_be_run(project):
    assert run("--target", "docker-run", "-o", ".") == 0
    assert (project / "docker-run.sh").stat().st_mode & 0o111


def test_a_dry_run_writes_nothing(project, capsys):
    before = sorted(project.rglob("*"))
    assert run("--target", "kserve", "-o", "out", "--dry-run") == 0
    assert "would write out/kserve.yaml (InferenceService" in capsys.readouterr().err
    assert sorted(project.rglob("*")) == before


def test_json_holds_the_file_and_its_objects(project, capsys):
    assert run("--target", "knative", "--json") == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["image"], body["file"]) == (IMAGE, "knative.yaml")
    assert list(yaml.safe_load_all(body["text"])) == body["objects"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "nomad"], "`--target` cannot be `nomad`"),
        ([], "`--target` is missing"),
        (["--target", "kubernetes", "--gpus", "2"], "2 GPUs asked for, but the project has no GPU"),
        (["--target", "kubernetes", "--gpus", "-1"], "`-1` is not usable"),
        (["--target", "kubernetes", "--name", "Model!"], "`Model!` is not a name that Kubernetes accepts"),
    ],
)
def test_a_mistake_is_an_error_of_status_2_and_nothing_is_written(project, capsys, words, message):
    before = sorted(project.rglob("*"))
    assert run("-o", "out", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("error[") == 1
    assert sorted(project.rglob("*")) == before


def test_a_lock_without_a_digest_says_how_to_get_one(project, capsys):
    assert main(["deploy", "--target", "compose"]) == 2
    assert "the lock records no image digest" in capsys.readouterr().err


def test_a_stale_lock_is_refused(project, capsys):
    text = (project / "cog.yaml").read_text()
    (project / "cog.yaml").write_text(text.replace("3.11", "3.12"))
    assert run("--target", "kubernetes", "-o", "out") == 1
    assert not (project / "out").exists()
