"""The one distribution that users install carries all that it needs: a wheel from the sdist, in an empty place."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = [sys.executable, "-m", "uv"]

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, name: str) -> str:
        return "hello " + name
"""


def run(*words, **options):
    answer = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600, **options)
    assert answer.returncode == 0, f"{words}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An empty environment with nothing but the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("distribution")
    run(*UV, "build", "--quiet", "--no-build-isolation", "--sdist", "--wheel", "--out-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    run(*UV, "venv", "--quiet", str(folder / "venv"), cwd=folder)
    run(*UV, "pip", "install", "--quiet", "--python", str(folder / "venv"), str(wheel), cwd=folder)
    return folder / "venv" / "bin"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "cog.yaml").write_text('build:\n  python_version: "3.11"\npredict: predict.py:Predictor\n')
    (tmp_path / "predict.py").write_text(PREDICT)
    return tmp_path


def test_both_commands_are_there(installed):
    assert run(str(installed / "cog"), "--version").startswith("cog 0.")
    assert run(str(installed / "cogfreeze"), "--version").startswith("cogfreeze 0.")


def test_it_locks_and_builds_from_there(installed, project, engine_environment):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))},
        **engine_environment,
        "COG_CACHE_DIR": str(project / "cache"),
    }
    cog = str(installed / "cog")
    run(cog, "lock", cwd=project, env=environment)
    run(cog, "lock", "--check", cwd=project, env=environment)
    told = run(
        cog, "build", "--syntax", "builtin", "-t", "cogfreeze-test-distribution", cwd=project, env=environment
    )
    assert "sha256:" in told
    answer = run(cog, "predict", "cogfreeze-test-distribution", "-i", "name=there", cwd=project, env=environment)
    assert "hello there" in answer
    shutil.rmtree(project / "cache")
