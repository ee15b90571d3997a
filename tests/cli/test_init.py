"""`cog init` starts a project that works, and never touches what is there."""

import pytest

from cogfreeze.cli.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_writes_a_project_and_says_so(folder, capsys):
    assert main(["init"]) == 0

    assert sorted(path.name for path in folder.iterdir()) == [
        ".dockerignore",
        "cog.yaml",
        "predict.py",
        "requirements.txt",
    ]
    assert (
        capsys.readouterr().err
        == """\
wrote `cog.yaml`
wrote `predict.py`
wrote `requirements.txt`
wrote `.dockerignore`
next: `cog lock`, then `cog predict --local -i name=you`
"""
    )


def test_the_project_is_a_good_one_without_warnings(folder, capsys):
    main(["init"])
    capsys.readouterr()

    assert main(["config"]) == 0
    assert capsys.readouterr().err == ""


def test_its_predictor_answers(folder):
    """The example runs on the SDK as it stands."""
    main(["init"])
    namespace = {}
    exec((folder / "predict.py").read_text(), namespace)
    predictor = namespace["Predictor"]()
    predictor.setup()

    assert predictor.predict(name="you", times=2) == "Hello, you! Hello, you!"


def test_a_project_that_is_there_is_left_alone(folder, capsys):
    (folder / "cog.yaml").write_text("mine\n")

    assert main(["init"]) == 0
    assert [path.name for path in folder.iterdir()] == ["cog.yaml"]
    assert (folder / "cog.yaml").read_text() == "mine\n"
    assert capsys.readouterr().err == "`cog.yaml` exists already: nothing written\n"


@pytest.mark.parametrize(
    ("file", "source", "reference"),
    [
        ("predict.py", "class Model:\n    def predict(self): ...\n", "predict.py:Model"),
        ("run.py", "class Runner:\n    def run(self): ...\n", "run.py:Runner"),
        ("predict.py", "def predict(x: int) -> int: ...\n", "predict.py:predict"),
    ],
)
def test_a_predictor_that_is_there_is_the_one_that_is_named(folder, capsys, file, source, reference):
    (folder / file).write_text(source)

    assert main(["init"]) == 0
    assert (folder / file).read_text() == source
    assert f"predict: {reference}\n" in (folder / "cog.yaml").read_text()
    assert f"found the predictor `{reference}`\n" in capsys.readouterr().err
    assert main(["config"]) == 0


def test_files_that_are_there_are_kept(folder, capsys):
    (folder / "requirements.txt").write_text("torch\n")
    (folder / "predict.py").write_text("x = 1\n")
    (folder / ".dockerignore").symlink_to("nowhere")

    assert main(["init"]) == 0
    assert (folder / "requirements.txt").read_text() == "torch\n"
    assert (folder / "predict.py").read_text() == "x = 1\n"
    assert not (folder / "nowhere").exists()
    assert (
        capsys.readouterr().err
        == """\
wrote `cog.yaml`
kept `predict.py`, which exists already
kept `requirements.txt`, which exists already
kept `.dockerignore`, which exists already
warning: `predict.py` has no class with a method `predict`
hint: write one, and set `predict` in `cog.yaml`
next: `cog lock`
"""
    )
