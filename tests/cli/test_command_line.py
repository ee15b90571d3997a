"""The command line as a whole: where it finds the project, what it says of a slip, and in which tone."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cogfreeze.cli import main as module
from cogfreeze.cli.main import COGS, GROUPS, VERBS, main, verb_parser

COG_YAML = 'predict: predict.py:Predictor\nbuild: {python_version: "3.11"}\n'
NO_PLATFORM = "is not a platform that can be built"
PREDICT_PY = "class Predictor:\n    def predict(self, x: int) -> int:\n        return x\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project without a lock in the folder `model`; the current folder is its parent."""
    folder = tmp_path / "model"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "cog.yaml").write_text(COG_YAML)
    (folder / "predict.py").write_text(PREDICT_PY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return folder


def test_the_project_is_found_from_a_folder_below_it(project, monkeypatch, capsys):
    monkeypatch.chdir(project / "sub" / "deep")
    assert main(["config"]) == 0
    assert "image: cog-model\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["-C", "model", "config"], ["config", "-C", "model"], ["--directory=model", "config"]]
)
def test_another_folder_can_be_named_before_and_after_the_verb(project, capsys, words):
    assert main(words) == 0
    assert "image: cog-model\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["lock", "--chekc"], "`cog lock` has no option `--chekc`", "did you mean `--check`?"),
        (["lock", "--upgrade-pt"], "`cog lock` has no option `--upgrade-pt`", "did you mean `--upgrade-apt`?"),
        (["config", "x"], "`cog config` takes no argument `x`", "see `cog config --help`"),
        (["lokc"], "there is no command `lokc`", "did you mean `cog lock`?"),
        (["zzz"], "there is no command `zzz`", "see `cog --help`"),
        (["--chekc"], "`cog` has no option `--chekc`", "the options of a command follow its name"),
        (["-C"], "`-C` needs a value", "write `-C DIR`"),
        (["-C", "nowhere", "config"], "`-C nowhere`: no such file or directory", "give the path of a folder"),
        (["build", "--tag"], "`--tag` needs a value", "see `cog build --help`"),
        (["lock", "--resolver", "pip"], "`--resolver` cannot be `pip`", "did you mean `pip-tools`?"),
        (["lock", "--ours", "--theirs"], "`--ours` and `--theirs` cannot be used together", "use one of them"),
        (["serve", "--local", "-p", "80000"], "`80000` is not a port", "use a number from 1 to 65535"),
        (["build", "--platform", "arm64"], f"`arm64` {NO_PLATFORM}", "did you mean `linux/arm64`?"),
        (["build", "--platform", "foo"], f"`foo` {NO_PLATFORM}", "the platforms are `linux/amd64`, `linux/arm64`"),
        (["predict", "text=a"], "`text=a` is not an image", "write `-i text=a` for an input"),
        (["config", "-q", "-v"], "`--quiet` and `--verbose` cannot be used together", "use one of them"),
        (["lock", "--exit-code"], "`--exit-code` needs `--dry-run`", "`--check` has an exit status of its own"),
        (["help", "cog.yml"], "there is no command or topic `cog.yml`", "did you mean `cog.yaml`?"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_what_was_meant(project, capsys, words, message, hint):
    assert main(words) == 2
    assert capsys.readouterr().err == f"error[CF900]: {message}\nhint: {hint}\n"


@pytest.mark.parametrize("verb", COGS)
def test_a_verb_of_cogs_that_is_not_here_names_what_to_type(verb, capsys):
    assert main([verb]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"`cog {verb}` is not available" in err
    assert re.search(r"hint: .*`.+`", err)


def test_quiet_prints_neither_notes_nor_progress(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["-q", "init"]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "cog.yaml").exists()


def test_offline_asks_no_network(project, monkeypatch, capsys):
    monkeypatch.setenv("COG_OFFLINE", "0")
    monkeypatch.setenv("COG_CACHE_DIR", str(project.parent / "cache"))
    monkeypatch.setenv("HOME", str(project.parent))
    (project / "cog.yaml").write_text(COG_YAML.replace('"3.11"', '"3.11", python_packages: [six]'))
    assert main(["-C", "model", "--offline", "lock"]) == 1
    assert "`--offline`" in capsys.readouterr().err
    assert os.environ["COG_OFFLINE"] == "0"  # a program that calls it keeps its own environment


def verbs():
    return sorted(verb for verb in VERBS if (Path(module.__file__).parent / "verbs" / f"{verb}.py").exists())


@pytest.mark.parametrize("verb", verbs())
def test_help_fits_80_columns_and_shows_examples(verb, capsys):
    assert main(["help", verb]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "examples:\n  cog " in text
    assert "global options:\n  -C, --directory DIR" in text


@pytest.mark.parametrize("verb", verbs())
def test_the_examples_of_a_verb_can_be_parsed(verb):
    parsed = importlib.import_module(f"cogfreeze.cli.verbs.{verb}")
    for example in parsed.EXAMPLES:
        words = shlex.split(example, comments=True)
        assert words[:2] == ["cog", verb]
        cut = next((index for index, word in enumerate(words) if word in ("|", ">", "&&")), len(words))
        verb_parser(verb, parsed).parse(words[2:cut])


@pytest.mark.parametrize("words", [[], ["--help"], ["help"], ["-h"]])
def test_the_overview_fits_80_columns_and_names_every_verb_once(words, capsys):
    assert main(words) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for verb in VERBS:
        assert len(re.findall(rf"^  {verb} ", text, re.MULTILINE)) == 1
    assert set(VERBS) <= {verb for group in GROUPS.values() for verb in group}, "each verb has a group"


@pytest.mark.parametrize("topic", ["cog.yaml", "settings", "errors", "CF201", "cf100"])
def test_a_topic_is_explained_in_80_columns(topic, capsys):
    assert main(["help", topic]) == 0
    text = capsys.readouterr().out
    assert text
    assert [line for line in text.splitlines() if len(line) > 80 and "http" not in line] == []


def test_json_is_printed_for_errors_too(project, capsys):
    (project / "cog.yaml").write_text("build:\n  pyhton_version: '3.11'\n  run: [{command: '-x'}]\n")
    assert main(["-C", "model", "config", "--json"]) == 2
    out, err = capsys.readouterr()
    first, second = json.loads(out)["errors"]
    assert first == {
        "code": "CF100",
        "message": "`build.pyhton_version` is not a key",
        "file": "cog.yaml",
        "line": 2,
        "key": "build.pyhton_version",
        "hint": "did you mean `python_version`?",
    }
    assert second["key"] == "build.run[0].command"
    assert err.count("error[CF100]") == 2


def test_json_is_printed_for_a_slip_on_the_command_line(project, capsys):
    assert main(["lock", "--json", "--chekc"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "CF900"


def test_a_missing_lock_is_a_json_error_with_its_file(project, capsys):
    assert main(["-C", "model", "lock", "--check", "--json"]) == 2
    [error] = json.loads(capsys.readouterr().out)["errors"]
    assert (error["code"], error["line"]) == ("CF200", None)
    assert error["hint"]


def test_the_json_of_inputs_is_no_wish_for_json_errors(project, capsys):
    assert main(["-C", "model", "predict", "--local", "--json", "{}", "--nope"]) == 2
    assert capsys.readouterr().out == ""


def test_github_shows_an_error_beside_its_line(project, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.parent))
    (project / "cog.yaml").write_text("build:\n  gpu: 100%\n")
    assert main(["-C", "model", "config"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == (
        "::error file=model/cog.yaml,line=2,title=CF100::`build.gpu` must be true or false, is text%0A"
        "hint: write `true` or `false` without quotes"
    )


def test_a_bug_is_reported_without_a_traceback_but_for_verbose(project, monkeypatch, capsys):
    from cogfreeze.cli.verbs import config

    def broken(_arguments):
        raise ValueError("boom")

    monkeypatch.setattr(config, "run", broken)
    assert main(["config"]) == 70
    assert "Traceback" not in capsys.readouterr().err


def test_start_up_imports_nothing_heavy():
    code = (
        "import sys; from cogfreeze.cli.main import main; main(['--help']);"
        "heavy = {'yaml', 'requests', 'rich', 'tomlkit', 'pydantic', 'packaging'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
