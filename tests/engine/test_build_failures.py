"""A build that fails says which step and why, and leaves every name as it was."""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cogfreeze.engine import build
from cogfreeze.engine.buildx import Options
from cogfreeze.errors import IntegrityError
from cogfreeze.report import Silent
from tests.engine.outside import archive

pytestmark = pytest.mark.engine

NAME = "cogfreeze-test-failing"


@pytest.fixture(autouse=True)
def _named_nothing(docker):
    """Whatever goes wrong, no image has the name that it would have had."""
    yield
    assert NAME not in docker("image", "ls")


def refused(cog, folder, *words, variables=()):
    answer = cog(folder, "build", "-t", NAME, "--syntax", "builtin", *words, variables=variables)
    assert answer.stdout == ""
    assert "cogfreeze/cli/main.py" not in answer.stderr  # as a traceback of ours would have
    return answer.returncode, [line for line in answer.stderr.splitlines() if line]


def test_a_failing_command_is_named_with_the_end_of_what_it_printed(new_project, cog):
    folder = new_project("run:\n  - echo before; echo broken; exit 7\n")
    status, lines = refused(cog, folder)

    assert status == 1
    error = next(index for index, line in enumerate(lines) if line.startswith("error[CF400]"))
    assert lines[error:] == [
        "error[CF400]: build.run[0]: the command failed with exit status 7:",
        "  before",
        "  broken",
        "hint: `--progress plain` shows the full output",
    ]


FETCHING = f"python -c \"import urllib.request; urllib.request.urlopen('{archive()}', timeout=5)\""


def test_a_command_has_no_network_and_is_told_how_to_get_it(new_project, cog):
    status, lines = refused(cog, new_project(f"run:\n  - {json.dumps(FETCHING)}\n"))

    assert status == 1
    assert lines[-1] == (
        "hint: commands have no network: lock what this command downloads (`cog lock` shows how), or allow it with"
        " `network: true`, which makes the image not reproducible"
    )


def test_a_missing_secret_is_told_before_anything_is_built(new_project, cog):
    folder = new_project(
        "run:\n  - command: cat /run/key\n    mounts:\n      - type: secret\n        id: key\n"
        "        target: /run/key\n"
    )

    assert refused(cog, folder) == (
        2,
        [
            "error[CF900]: the command `build.run[0]: cat /run/key` needs the secret `key`",
            "hint: pass it: `--secret id=key,src=FILE`, or `env=VARIABLE` in place of the file",
        ],
    )


def test_without_an_engine_one_error_names_the_way_that_needs_none(small, cog, tmp_path):
    status, lines = refused(cog, small, variables={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})

    assert status == 2
    assert lines[0].startswith("error[CF500]: the Docker engine does not answer: ")
    assert (
        lines[1]
        == "hint: start it; `cog dockerfile -o DIR` writes everything that an engine on another machine needs"
    )

    status, lines = refused(cog, small, variables={"PATH": str(tmp_path)})
    assert (status, lines[0]) == (2, "error[CF500]: `docker` is not installed")


def test_a_stale_lock_is_refused(new_project, cog):
    folder = new_project()
    text = (folder / "cog.yaml").read_text()
    (folder / "cog.yaml").write_text(text.replace("predict:", "  system_packages: [libgl1]\npredict:"))
    status, lines = refused(cog, folder)

    assert status == 1
    assert lines[0] == "error[CF201]: cog.lock is stale: `build.system_packages`: `libgl1` is new"


def test_a_missing_lock_is_refused(new_project, cog):
    folder = new_project()
    (folder / "cog.lock").unlink()

    assert refused(cog, folder)[0] == 2


@pytest.mark.parametrize("name", ["libgl1_1.6.0-1_amd64.deb", "six-1.17.0-py2.py3-none-any.whl", "uv-0.13.8-py3-"])
def test_one_changed_byte_stops_the_build(prepared, ocr, tmp_path, name):
    """The engine checks again what this machine has checked: a file may change between the two."""
    _, _, recipe, files = prepared(ocr)
    (sha256,) = (key for key, path in files.items() if path.name.startswith(name))
    data = bytearray(files[sha256].read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / files[sha256].name).write_bytes(data)

    with pytest.raises(IntegrityError, match="has another SHA-256 than"):
        build.build(
            recipe, {**files, sha256: tmp_path / files[sha256].name}, ocr, Options(), Silent(), names=(NAME,)
        )


def test_a_file_that_is_not_in_the_lock_is_not_installed(prepared, ocr, monkeypatch):
    """What lies beside the locked files is none of them: the lists decide."""
    _, _, recipe, files = prepared(ocr)
    real = build.write_contexts

    def with_a_stranger(recipe, files, project, folder, report):
        real(recipe, files, project, folder, report)
        (folder / "debs/fetched/stranger_1_all.deb").write_bytes(b"no package at all")

    monkeypatch.setattr(build, "write_contexts", with_a_stranger)
    image = build.build(recipe, files, ocr, Options(), Silent(), names=("cogfreeze-test-stranger",))

    assert image.digest


@pytest.mark.parametrize(
    ("sent", "status", "said"), [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")], ids=str
)
def test_an_interrupt_or_the_end_of_a_job_stops_the_build_and_names_nothing(
    new_project, engine_environment, cache, docker, sent, status, said
):
    # No cache has the command's end, whatever became of an earlier run.
    folder = new_project(f"run:\n  - echo started; sleep 300; echo {secrets.token_hex(8)}\n")
    command = [sys.executable, "-m", "cogfreeze.cli.main", "build", "-t", NAME, "--syntax", "builtin"]
    environment = os.environ | engine_environment | {"COG_CACHE_DIR": str(cache)}
    process = subprocess.Popen(
        [*command, "--progress", "plain"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = next(line for line in process.stderr if "| started" in line)
        assert line.strip() == "build.run[0] | started"
        process.send_signal(sent)
        assert process.wait(60) == status
        assert process.stderr.read().endswith(said)
        # Nothing of ours goes on building.
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert Path(folder, "cog.lock").exists()
