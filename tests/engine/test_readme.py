"""The README's minute with an engine: the image is built, and answers. (`test_verify.py` verifies others.)"""

import shlex

import pytest
import requests

from cogfreeze.client.connection import Client
from cogfreeze.client.process import free_port
from tests.readme import for_this_machine, minute

pytestmark = pytest.mark.engine


def test_the_minute_builds_and_serves(tmp_path, cog, docker):
    folder = tmp_path / "my-model"
    folder.mkdir()
    for command, _ in minute():
        words = shlex.split(command)
        if words[0] == "docker":
            # The published port may be another's here; it runs in the background.
            port = free_port()
            options = [word.replace("5000:5000", f"127.0.0.1:{port}:5000") for word in words[2:]]
            container = docker("run", "--detach", *options).strip()
            try:
                base = f"http://127.0.0.1:{port}"
                Client(base).wait_ready(timeout=120)
                answer = requests.post(f"{base}/predictions", json={"input": {"name": "you"}}, timeout=60)
            finally:
                docker("rm", "--force", "--volumes", container)
            assert answer.json()["output"] == "Hello, you!"
        elif words[1] not in ("predict", "verify"):
            # The engine of a test cannot pull the pinned frontend; `cog` would try, and say so.
            syntax = ["--syntax", "builtin"] if words[1] == "build" else []
            answer = cog(folder, *words[1:], *syntax)
            assert answer.returncode == 0, (command, answer.stderr)
            if words[1] == "init":
                for_this_machine(folder)
    docker("image", "rm", "--force", "my-model")
