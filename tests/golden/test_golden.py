"""Each folder here is a case: cog.yaml says the point that it makes, cog.lock is as `cog lock` wrote it, and
Dockerfile is what they become, byte for byte, wherever and whenever this runs.
"""

from pathlib import Path

import pytest

from cogfreeze.lock import file as lock_file
from cogfreeze.lock import staleness
from cogfreeze.lock.inputs import inputs_of
from cogfreeze.project import cog_yaml
from cogfreeze.recipe.compose import compose
from cogfreeze.recipe.dockerfile import render

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/cog.yaml"))
SCHEMA = '{"openapi": "3.0.2", "info": {"title": "Cog", "version": "0.1.0"}}'

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_case
def test_the_dockerfile_is_the_same_byte_for_byte(case, request):
    project, lock = cog_yaml.read(case / "cog.yaml"), lock_file.read(case / "cog.lock")
    text = render(compose(project, lock, lock.platforms[0].platform, schema=SCHEMA))

    golden = case / "Dockerfile"
    if request.config.getoption("--golden-update", default=False):
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


@each_case
def test_the_lock_is_what_cog_lock_would_write_and_is_current(case):
    text = (case / "cog.lock").read_text(encoding="utf-8")
    lock = lock_file.loads(text)

    assert lock_file.dumps(lock) == text
    assert staleness.reasons(lock, inputs_of(cog_yaml.read(case / "cog.yaml"))) == ()


def test_there_are_cases():
    assert len(CASES) >= 7
