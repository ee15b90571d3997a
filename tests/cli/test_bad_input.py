"""Every mistake gets one clear message with where and what to do, exit 1 or 2, no traceback; the lock stays."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

PROJECT = """\
build:
  python_version: "3.11"
  python_packages:
    - six==1.17.0
predict: predict.py:Predictor
"""
PREDICTOR = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, text: str) -> str:
        return text
"""
NOWHERE = "http://127.0.0.1:9"
OLD_LOCK = "# an older lock\n"


@dataclass
class Told:
    status: int
    error: str
    hint: str


@dataclass
class Folder:
    path: object
    environment: dict = field(default_factory=dict)

    def write(self, name, text):
        (self.path / name).write_text(text)

    def cog(self, *words):
        environment = {**os.environ, "COG_CACHE_DIR": str(self.path / "cache"), **self.environment}
        command = [sys.executable, "-m", "cogfreeze.cli.main", *words]
        answer = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert "Traceback" not in answer.stderr
        return answer

    def refused(self, *words):
        answer = self.cog(*words)
        errors = re.findall(r"^error\[CF\d+\]: (.*(?:\n(?!hint|error|warning).*)*)", answer.stderr, re.MULTILINE)
        hints = re.findall(r"^hint: (.*)", answer.stderr, re.MULTILINE)
        assert len(errors) == 1, answer.stderr
        assert hints, answer.stderr
        return Told(answer.returncode, errors[0], hints[-1])


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    made.write("cog.yaml", PROJECT)
    made.write("predict.py", PREDICTOR)
    return made


DECLARATIONS = {
    "misspelt key": (
        PROJECT.replace("python_packages", "python_pakages"),
        r"cog\.yaml:3: `build\.python_pakages` .*",
        "python_packages",
    ),
    "pytorch": (PROJECT.replace("six==1.17.0", "pytorch==2.0.1"), r"cog\.yaml:4: .*pytorch.*", "torch"),
    "wrong type": (
        PROJECT.replace("\n    - six==1.17.0", " 7"),
        r"cog\.yaml:3: `build\.python_packages` .*list.*",
        ".",
    ),
    "both": (
        PROJECT.replace("predict:", "  python_requirements: requirements.txt\npredict:"),
        r"cog\.yaml:\d: (?=.*python_packages).*python_requirements.*",
        ".",
    ),
    "missing requirements": (
        PROJECT.replace("python_packages:\n    - six==1.17.0", "python_requirements: nothing.txt"),
        r"cog\.yaml:3: .*nothing\.txt.*",
        ".",
    ),
}


@pytest.mark.parametrize("verb", ["lock", "config"])
@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_mistake_in_the_declaration(folder, name, verb):
    text, error, hint = DECLARATIONS[name]
    folder.write("cog.yaml", text)
    if name == "both":
        folder.write("requirements.txt", "six\n")
    told = folder.refused(verb)
    assert told.status == 2
    assert re.fullmatch(error, told.error), told.error
    assert re.search(hint, told.hint), told.hint


def test_a_folder_without_a_declaration(tmp_path):
    told = Folder(tmp_path).refused("lock")
    assert told.status == 2
    assert "cog.yaml" in told.error
    assert "cog init" in told.hint


def test_a_predictor_without_predict(folder):
    folder.write("predict.py", PREDICTOR.replace("def predict", "def forecast"))
    told = folder.refused("lock")
    assert told.status == 2
    assert told.error.startswith("predict.py:4: ")
    assert "predict" in told.error


def test_a_predictor_that_is_no_python(folder):
    folder.write("predict.py", "class Predictor(:\n")
    told = folder.refused("config")
    assert told.status == 2
    assert told.error.startswith("predict.py:1: ")


def test_a_predictor_that_is_not_there(folder):
    (folder.path / "predict.py").unlink()
    told = folder.refused("lock")
    assert told.status == 2
    assert "predict.py" in told.error


AGAIN = "version control|cog lock"
LOCKS = {
    "merge conflict": (
        "schema = 1\n<<<<<<< HEAD\n=======\n>>>>>>> x\n",
        "cog.lock:2: it has merge-conflict markers",
        "--ours",
    ),
    "edited by hand": ("schema = 1\nnonsense = true\n", r"cog.lock:\d: .*edited by hand\?", AGAIN),
    "newer schema": (
        "schema = 99\n",
        "cog.lock: its schema is 99, this cogfreeze reads up to [0-9]+",
        "newer cogfreeze",
    ),
    "no TOML": ("schema = = 1\n", "cog.lock:1: it is not valid TOML: .*", AGAIN),
}


@pytest.mark.parametrize("words", [("lock",), ("lock", "--check"), ("build",), ("dockerfile",), ("verify",)])
@pytest.mark.parametrize("name", LOCKS)
def test_an_unusable_lock_stops_every_verb_and_stays_as_it_is(folder, name, words):
    text, error, hint = LOCKS[name]
    folder.write("cog.lock", text)
    told = folder.refused(*words)
    assert told.status == 2
    assert re.fullmatch(error, told.error), told.error
    assert re.search(hint, told.hint), told.hint
    assert (folder.path / "cog.lock").read_text() == text


@pytest.mark.parametrize("verb", ["build", "dockerfile", "verify"])
def test_a_missing_lock(folder, verb):
    told = folder.refused(verb)
    assert told.status == 2
    assert told.error.endswith("there is no `cog.lock` here")
    assert told.hint == "run `cog lock`"


def test_a_stale_lock_names_the_key(folder):
    folder.environment["COG_REGISTRY_MIRROR"] = NOWHERE  # the catalogue answers
    assert folder.cog("lock").returncode == 0
    folder.write("cog.yaml", PROJECT.replace("six==1.17.0", "six==1.16.0"))
    for words in (("lock", "--check"), ("build",), ("dockerfile",)):
        told = folder.refused(*words)
        assert told.status == 1
        assert told.error == (
            "cog.lock is stale: `build.python_packages`: `six==1.16.0` is new, `six==1.17.0` is gone"
        )
        assert told.hint == "run `cog lock` and commit the result"


def kept(folder, *words):
    """The refusal of a lock that would replace an older one, which must stay."""
    before = (folder.path / "cog.lock").read_bytes()
    told = folder.refused(*words)
    assert (folder.path / "cog.lock").read_bytes() == before
    assert not list(folder.path.glob(".cog.lock*"))
    return told


@pytest.fixture
def locked(folder):
    folder.environment["COG_REGISTRY_MIRROR"] = NOWHERE
    assert folder.cog("lock").returncode == 0
    return folder


def test_an_unsatisfiable_requirement(locked):
    locked.write("cog.yaml", PROJECT.replace("six==1.17.0", "six==99"))
    told = kept(locked, "lock")
    assert told.status == 1
    assert "six" in told.error
    assert told.error.startswith("cog.yaml:4: ") or "build.python_packages" in told.error


def test_a_package_that_does_not_exist(locked):
    locked.write("cog.yaml", PROJECT.replace("six==1.17.0", "cogfreeze-has-no-such-package"))
    told = kept(locked, "lock")
    assert told.status == 1
    assert "cogfreeze-has-no-such-package" in told.error


def test_an_index_that_cannot_be_reached(locked):
    locked.environment["UV_DEFAULT_INDEX"] = f"{NOWHERE}/simple"
    locked.write("cog.yaml", PROJECT.replace("six==1.17.0", "six==1.16.0"))
    told = kept(locked, "lock")
    assert told.status == 1
    assert "127.0.0.1:9" in told.error


def test_a_registry_that_cannot_be_reached_and_an_image_that_nobody_knows(locked):
    locked.write("cog.yaml", PROJECT.replace("  python_p", "  base_image: example/unknown:1\n  python_p"))
    told = kept(locked, "lock")
    assert told.status == 1
    assert "127.0.0.1:9" in told.error or "example/unknown:1" in told.error


def test_an_archive_that_cannot_be_reached(locked):
    locked.environment["COG_DEBIAN_SNAPSHOT"] = NOWHERE
    locked.write("cog.yaml", PROJECT.replace("predict:", "  system_packages: [libgl1]\npredict:"))
    told = kept(locked, "lock")
    assert told.status == 1
    assert "127.0.0.1:9" in told.error


def test_no_engine_names_the_verb_that_needs_none(locked):
    locked.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    told = locked.refused("build")
    assert told.status == 2
    assert "cog dockerfile" in told.hint


@pytest.mark.parametrize("words", [("lokc",), ("lock", "--frobnicate"), ("build", "--platform", "plan9/mips")])
def test_a_wrong_word_on_the_command_line(folder, words):
    assert folder.refused(*words).status == 2
