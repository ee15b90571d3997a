"""The README's minute runs word for word, up to the first command that needs Docker."""

import os
import subprocess
import sys
from pathlib import Path

from tests.readme import for_this_machine, minute


def test_the_minute_runs_as_the_readme_shows_it(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "COG_CACHE_DIR": str(tmp_path / "cache"),
        "COG_REGISTRY_MIRROR": "http://127.0.0.1:9",  # the catalogue knows the base image
    }
    ran = []
    for command, printed in minute():
        if command.startswith(("cog build", "cog verify", "docker")):
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        if printed:
            assert done.stdout.splitlines() == printed
        if command == "cog init":
            for_this_machine(folder)
        ran.append(command.split()[1])
    assert ran[:3] == ["init", "lock", "predict"]
    assert (folder / "cog.lock").exists()
