"""`cog cache`: one folder holds everything, and says so."""

import json
import time

import pytest

from cogfreeze.cli.main import main
from cogfreeze.resolve.python.uv import uv_environment
from cogfreeze.settings import Settings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "cache"


def test_dir_names_the_folder(folder, capsys):
    assert main(["cache", "dir"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"


def test_size_prune_and_clean(folder, capsys):
    home = folder / "envs" / ("a" * 32)
    home.mkdir(parents=True)
    (home / "file").write_bytes(b"x" * 2_000_000)
    assert main(["cache", "size", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["envs"] >= 2_000_000
    assert main(["cache", "size"]) == 0
    assert "2.0 MB  environments of --local\n" in capsys.readouterr().out
    assert main(["cache", "prune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 0, "bytes": 0, "kept": []}
    time.sleep(0.01)
    assert main(["cache", "prune", "--days", "0"]) == 0
    assert "removed 1 entry, 2.0 MB\n" in capsys.readouterr().err
    assert not home.exists()
    assert main(["cache", "clean"]) == 0
    assert "removed 0 entries, 0.0 MB\n" in capsys.readouterr().err


def test_uvs_cache_is_in_the_same_folder_unless_it_has_its_own(folder):
    settings = Settings.from_environment({"COG_CACHE_DIR": str(folder)})
    assert uv_environment(settings, {})["UV_CACHE_DIR"] == str(folder / "uv")
    assert uv_environment(settings, {"UV_CACHE_DIR": "/mine"})["UV_CACHE_DIR"] == "/mine"


def test_an_action_that_is_not_there_names_the_nearest(folder, capsys):
    assert main(["cache", "prnue"]) == 2
    assert capsys.readouterr().err == "error[CF900]: `ACTION` cannot be `prnue`\nhint: did you mean `prune`?\n"
