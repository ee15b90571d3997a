"""`cog predict --local` as a user runs it: the whole way from words to output, and every way that it can fail."""

import base64
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cogfreeze.lock import file as lock_file
from cogfreeze.lock.inputs import inputs_of
from cogfreeze.lock.model import Apt, AptSuite, Deb
from cogfreeze.project import cog_yaml

ROOT = Path(__file__).parents[2]
COG = [sys.executable, "-m", "cogfreeze.cli.main"]
# Nothing listens there: the base image comes from the catalogue, and no registry is asked.
NOWHERE = "http://127.0.0.1:9"

DECLARATION = """\
build:
  python_version: "3.11"
environment:
  - GREETING=hello
predict: predict.py:Predictor
"""

CHOICES = ["text", "json", "file", "fail", "exit", "sleep", "variables"]

PREDICTOR = """\
import os
import pathlib
import tempfile
import time
from typing import Any

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def setup(self):
        print("setting up")

    def predict(
        self,
        what: str = Input(choices=%s),
        times: int = Input(default=1, ge=1, le=5),
        files: list[Path] = Input(default=[]),
    ) -> Any:
        print("predicting")
        if what == "text":
            return "ab" * times
        if what == "json":
            return {"sizes": [each.stat().st_size for each in files], "times": times}
        if what == "file":
            made = Path(tempfile.mkdtemp()) / "made.txt"
            made.write_text("made")
            return {"report": made}
        if what == "fail":
            raise ValueError("this cannot be done")
        if what == "exit":
            os._exit(3)
        if what == "variables":
            return {name: os.environ.get(name) for name in ("GREETING", "EXTRA", "PYTHONPATH", "MINE")}
        pathlib.Path("worker.pid").write_text(str(os.getpid()))
        while True:
            time.sleep(0.05)
""".replace("%s", str(CHOICES))


STREAMER = """\
import pathlib
import time

from cog import BasePredictor, ConcatenateIterator, streaming


class Predictor(BasePredictor):
    @streaming
    def predict(self) -> ConcatenateIterator[str]:
        yield "ein"
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        yield " Reiher"
"""


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return {**os.environ, "COG_CACHE_DIR": str(cache), "COG_REGISTRY_MIRROR": NOWHERE, "MINE": "of this machine"}


@pytest.fixture(scope="module")
def project(tmp_path_factory, variables):
    """A locked project whose environment is made."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "cog.yaml").write_text(DECLARATION)
    (folder / "predict.py").write_text(PREDICTOR)
    subprocess.run([*COG, "lock"], cwd=folder, env=variables, capture_output=True, check=True)
    return folder


def run_cog(folder, variables, *words, stdin=""):
    """Return the exit status, stdout, and the lines of stderr."""
    done = subprocess.run(
        [*COG, *words], cwd=folder, env=variables, input=stdin, capture_output=True, text=True, check=False
    )
    assert "cogfreeze/" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.fixture
def predict(project, variables):
    """Runs `cog predict --local` in the project."""
    return functools.partial(run_cog, project, variables, "predict", "--local")


def test_text_is_shown_as_text_and_the_models_words_go_to_stderr(predict):
    status, shown, talk = predict("-i", "what=text", "-i", "times=2")

    assert (status, shown) == (0, "abab\n")
    assert [line for line in talk if line in ("setting up", "predicting")] == ["setting up", "predicting"]


def test_a_stream_of_text_is_shown_as_it_comes(tmp_path, project, variables):
    """The first piece is on stdout while the model still works: it waits for us to have read it."""
    shutil.copy(project / "cog.yaml", tmp_path)
    shutil.copy(project / "cog.lock", tmp_path)
    (tmp_path / "predict.py").write_text(STREAMER)
    process = subprocess.Popen(
        [*COG, "predict", "--local"],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    assert process.stdout.read(3) == b"ein"
    (tmp_path / "go").touch()

    assert process.communicate(timeout=60)[0] == b" Reiher\n"
    assert process.returncode == 0


def test_files_go_in_and_json_comes_out(predict, tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"")

    status, shown, _ = predict("-i", "what=json", "-i", f"files=@{tmp_path}/a", "-i", f"files=@{tmp_path}/b")

    assert (status, json.loads(shown)) == (0, {"sizes": [3, 0], "times": 1})


def test_the_input_can_be_one_json_object_from_stdin(predict):
    uri = "data:text/plain;base64," + base64.b64encode(b"12345").decode()

    status, shown, _ = predict("--json", "-", stdin=json.dumps({"what": "json", "files": [uri], "times": 2}))

    assert (status, json.loads(shown)) == (0, {"sizes": [5], "times": 2})


def test_a_file_in_the_output_is_written_and_named(predict, project):
    status, shown, talk = predict("-i", "what=file")

    assert (status, json.loads(shown)) == (0, {"report": "output.report.txt"})
    assert (project / "output.report.txt").read_text() == "made"
    assert talk[-1] == "wrote output.report.txt"


def test_the_output_goes_to_the_named_file(predict, tmp_path):
    status, shown, talk = predict("-i", "what=file", "-o", str(tmp_path / "result.json"))

    assert (status, shown) == (0, "")
    assert json.loads((tmp_path / "result.json").read_text()) == {"report": f"{tmp_path}/result.report.txt"}
    assert talk[-2:] == [f"wrote {tmp_path}/result.report.txt", f"wrote {tmp_path}/result.json"]


def test_the_model_has_the_projects_variables_and_this_runs(predict):
    status, shown, _ = predict("-i", "what=variables", "-e", "EXTRA=more", "-e", "MINE")

    made = json.loads(shown)
    assert status == 0
    assert re.fullmatch(r"/\S+/runtime/\w+/sdk", made.pop("PYTHONPATH"))
    assert made == {"GREETING": "hello", "EXTRA": "more", "MINE": "of this machine"}


def test_a_model_that_fails_gives_its_error_and_its_traceback(predict):
    status, shown, talk = predict("-i", "what=fail")

    assert (status, shown) == (1, "")
    assert talk[-2:] == ["error[CF600]: ValueError: this cannot be done", "hint: see its output above"]
    assert "ValueError: this cannot be done" in talk


def test_a_model_that_dies_is_told(predict):
    status, shown, talk = predict("-i", "what=exit")

    assert (status, shown) == (1, "")
    assert talk[-1].startswith("error[CF600]: ")
    assert "3" in talk[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["-i", "what=tex", "-i", "time=2"],
            [
                "error[CF900]: the model has no input `time`; input `what` must be one of "
                + ", ".join(f"`{each}`" for each in CHOICES)
                + ", not `tex`",
                "hint: did you mean `times`?",
            ],
        ),
        ([], ["error[CF900]: input `what` is missing", "hint: add `-i what=VALUE`"]),
        (
            ["-i", "what=text", "--json", "{}"],
            [
                "error[CF900]: `--input` and `--json` cannot be used together",
                "hint: use one of them",
            ],
        ),
        (
            ["ocr", "-i", "what=text"],
            [
                "error[CF900]: `--local` runs the project of this folder, not an image",
                "hint: remove the image's name or `--local`",
            ],
        ),
        (
            ["-i", "what=text", "-e", "9=1"],
            ["error[CF900]: `9` is not a variable name", "hint: write `-e NAME=VALUE`, or `-e NAME`"],
        ),
    ],
)
def test_a_mistake_is_told_before_anything_is_set_up(predict, words, expected):
    assert predict(*words) == (2, "", expected)


def test_a_value_over_a_limit_is_a_mistake_before_setup(predict):
    status, shown, talk = predict("-i", "what=text", "-i", "times=9")

    assert (status, shown) == (2, "")
    assert talk == ["error[CF900]: input `times` must be at most 5, not 9"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_model_too(project, variables, number):
    """Ctrl-C, SIGTERM and a closed terminal leave no server and no worker behind."""
    marker = project / "worker.pid"
    marker.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*COG, "predict", "--local", "-i", "what=sleep"], cwd=project, env=variables, stderr=subprocess.PIPE
    )
    while not (marker.exists() and marker.read_text()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    worker = int(marker.read_text())

    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert not Path(f"/proc/{worker}").exists()


def test_a_setup_that_fails_is_told(tmp_path, project, variables):
    shutil.copy(project / "cog.yaml", tmp_path)
    shutil.copy(project / "cog.lock", tmp_path)
    (tmp_path / "predict.py").write_text(PREDICTOR.replace('print("setting up")', 'open("/no/weights")'))

    status, shown, talk = run_cog(tmp_path, variables, "predict", "--local", "-i", "what=text")

    assert (status, shown) == (1, "")
    assert talk[-2:] == [
        "error[CF600]: `setup()` failed: FileNotFoundError: [Errno 2] No such file or directory: '/no/weights'",
        "hint: see its output above",
    ]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import torch", "hint: add `torch` to `build.python_packages`, then run `cog lock`"),
        ("import cv2.dnn", "hint: add `opencv-python` to `build.python_packages`, then run `cog lock`"),
        ("import broken", "hint: see its output above"),
    ],
)
def test_a_package_that_is_not_locked_is_named(tmp_path, project, variables, source, hint):
    """A module of the project's own that fails is no package to add."""
    (tmp_path / "predict.py").write_text(f"{source}\n{PREDICTOR}")
    (tmp_path / "broken.py").write_text("raise ModuleNotFoundError(\"No module named 'broken.part'\")\n")
    (tmp_path / "cog.yaml").write_text(DECLARATION)
    shutil.copy(project / "cog.lock", tmp_path)

    status, shown, talk = run_cog(tmp_path, variables, "predict", "--local", "-i", "what=text")

    assert (status, shown) == (1, "")
    assert talk[-2].startswith("error[CF600]: ")
    assert talk[-1] == hint


def test_without_docker_the_hint_names_local(project, variables):
    status, _, talk = run_cog(project, {**variables, "PATH": "/nowhere"}, "predict", "-i", "what=text")

    assert (status, talk[-2:]) == (
        2,
        [
            "error[CF500]: `docker` is not installed",
            "hint: `--local` runs the model on this machine, without Docker",
        ],
    )


def test_a_schema_that_only_the_running_code_tells_is_made_by_importing_it(tmp_path, project, variables):
    shutil.copy(project / "cog.yaml", tmp_path)
    shutil.copy(project / "cog.lock", tmp_path)
    source = PREDICTOR.replace("default=1", "default=int(time.time() > 0)")
    assert source != PREDICTOR
    (tmp_path / "predict.py").write_text("print('importing')\n" + source)

    refused, _, talk = run_cog(tmp_path, variables, "schema")
    status, shown, _ = run_cog(tmp_path, variables, "schema", "--import")

    assert refused == 2
    assert "`default` is `int(time.time() > 0)`, which cannot be computed without running the code" in talk[-2]
    assert "`cog schema --import > openapi.json`" in talk[-1]
    expected = run_cog(project, variables, "schema")[1]
    assert (status, shown) == (0, expected)


def test_without_a_lock_one_is_resolved_for_this_run_and_not_written(tmp_path, project, variables):
    shutil.copy(project / "cog.yaml", tmp_path)
    shutil.copy(project / "predict.py", tmp_path)

    status, shown, talk = run_cog(tmp_path, variables, "predict", "--local", "-i", "what=text")

    assert (status, shown) == (0, "ab\n")
    assert "warning: there is no `cog.lock`: resolving for this run only" in talk
    assert not (tmp_path / "cog.lock").exists()


def test_system_packages_that_cannot_be_had_are_told_and_the_model_is_tried(tmp_path, project, variables):
    """The machine may have what the model needs under another name."""
    shutil.copy(project / "predict.py", tmp_path)
    (tmp_path / "cog.yaml").write_text(DECLARATION.replace("build:", "build:\n  system_packages: [libnothing0]"))
    lock = lock_file.read(project / "cog.lock")
    deb = Deb(
        name="libnothing0",
        version="1",
        architecture="amd64",
        sha256="0" * 64,
        size=1,
        archive="debian",
        path="pool/main/libn/libnothing/libnothing0_1_amd64.deb",
    )
    suite = AptSuite(
        archive="debian", suite="bookworm", components=("main",), inrelease="0" * 64, signers=("A" * 40,)
    )
    [platform] = lock.platforms
    platform = replace(
        platform,
        base=replace(platform.base, packages="sha256:" + "0" * 64),
        apt=Apt(snapshot="20261121T000000Z", suites=(suite,), packages=(deb,)),
    )
    inputs = inputs_of(cog_yaml.read(tmp_path / "cog.yaml"))
    lock_file.write(tmp_path / "cog.lock", replace(lock, inputs=inputs, platforms=(platform,)))

    unreachable = {**variables, "COG_DEBIAN_SNAPSHOT": NOWHERE}
    status, shown, talk = run_cog(tmp_path, unreachable, "predict", "--local", "-i", "what=text")

    assert (status, shown) == (0, "ab\n")
    [warning] = [line for line in talk if line.startswith("warning: ")]
    assert warning.startswith("warning: system packages that this machine lacks could not be fetched: ")
    assert "hint: if the model doesn't start, install them here: libnothing0" in talk
