"""Each folder of `deploy/` is a project (cog.yaml) and the options of `cog deploy`, one command a line, with the
files that they become, byte for byte. tests/unit/deploy validates the files against the schemas of their readers.
"""

import argparse
import dataclasses
from pathlib import Path

import pytest

from cogfreeze.cli.verbs import deploy
from cogfreeze.deploy import plan, render
from cogfreeze.lock import file as lock_file
from cogfreeze.lock.model import ImageRecord
from cogfreeze.project import cog_yaml

HERE = Path(__file__).parent
CASES = [
    (path.parent, line)
    for path in sorted(HERE.glob("deploy/*/options.txt"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
RECORD = ImageRecord(
    made_from="sha256:" + "0" * 64,
    digest="sha256:" + "1234" * 16,
    layers=(),
    engine="docker 28.5.2",
    frontend=None,
)


def rendered(folder, line):
    """What `cog deploy` writes for a project with a recorded lock."""
    project = cog_yaml.read(folder / "cog.yaml")
    lock = lock_file.read(HERE / "no-packages" / "cog.lock")
    platform = project.build.platforms[0]
    part = dataclasses.replace(lock.platforms[0], platform=platform, image=RECORD)
    parser = argparse.ArgumentParser()
    deploy.configure(parser)
    request = deploy.request_from(parser.parse_args(line.split()))
    decided = plan(project, dataclasses.replace(lock, platforms=(part,)), request)
    return render(decided, version="0.0.0")


@pytest.mark.parametrize(("folder", "line"), CASES, ids=lambda value: getattr(value, "name", value))
def test_the_manifest_is_the_same_byte_for_byte(folder, line, request):
    output = rendered(folder, line)

    golden = folder / output.file
    if request.config.getoption("--golden-update", default=False):
        golden.write_text(output.text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == output.text
    assert rendered(folder, line) == output


def test_at_least_twelve_projects_are_covered():
    assert len({folder for folder, _ in CASES}) >= 12
