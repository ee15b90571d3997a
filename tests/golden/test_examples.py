"""The examples are committed as a user would commit them: a current lock, and the Dockerfile that it gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted(path.parent for path in (Path(__file__).parents[2] / "examples").glob("*/cog.lock"))

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def cog(*words, folder):
    """Run a verb where no network answers: what is asked here is offline by promise."""
    unreachable = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "cogfreeze.cli.main", *words]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **unreachable}, capture_output=True, text=True, check=False
    )


@each_example
def test_the_lock_is_current_and_locking_again_changes_no_byte(example, request):
    lock = example / "cog.lock"
    if request.config.getoption("--golden-update", default=False):
        assert cog("lock", "--upgrade-runtime", folder=example).returncode == 0
    before = lock.read_bytes()

    checked = cog("lock", "--check", folder=example)
    assert (checked.returncode, checked.stderr) == (0, "cog.lock is current\n")
    assert cog("lock", folder=example).returncode == 0
    assert lock.read_bytes() == before


@each_example
def test_the_dockerfile_is_the_one_that_is_committed(example, request):
    made = cog("dockerfile", folder=example)
    assert (made.returncode, made.stderr) == (0, "")
    golden = example / "Dockerfile"
    if request.config.getoption("--golden-update", default=False):
        golden.write_text(made.stdout, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == made.stdout


def test_there_is_an_example():
    assert EXAMPLES
