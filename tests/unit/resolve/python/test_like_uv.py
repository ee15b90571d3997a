"""The versions that are locked are those that plain uv chooses for the same question, wheels or not."""

import random

import pytest

from cogfreeze.errors import CogError
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.python import closure, uv
from tests.unit.resolve.python.test_source_builds import BACKEND, sdist

VERSIONS = ("0.9", "1.0", "1.1", "2.0", "2.1rc1")
PYPROJECT = '[build-system]\nrequires = ["backend==1.0"]\nbuild-backend = "backend"\n'


def world(index, chance):
    """Offer packages that require each other, as wheel, as source, as both, or for other machines alone."""
    index.add("simple", "backend-1.0-py3-none-any.whl", files={"backend.py": BACKEND})
    names = [f"pkg{letter}" for letter in "abcdef"]
    for position, name in enumerate(names):
        for version in VERSIONS:
            later = chance.sample(names[position + 1 :], min(2, len(names) - position - 1))
            requires = [f"{each}{chance.choice(['', '>=1', '<2', '!=2.0'])}" for each in later]
            kind = chance.choice(["wheel", "source", "both", "other machine", "none"])
            if kind in ("wheel", "both"):
                index.add("simple", f"{name}-{version}-py3-none-any.whl", requires=requires)
            if kind == "other machine":
                index.add("simple", f"{name}-{version}-cp311-cp311-win_amd64.whl", requires=requires)
            if kind in ("source", "both", "other machine"):
                metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
                metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
                files = {"pyproject.toml": PYPROJECT, "PKG-INFO": metadata}
                index.wheels["simple"][f"{name}-{version}.tar.gz"] = sdist(files, f"{name}-{version}")
    return chance.sample(names[:3], 2)


@pytest.mark.parametrize("seed", range(8))
def test_the_versions_are_those_of_plain_uv(index, settings, tmp_path, seed):
    asked = world(index, random.Random(seed))
    (tmp_path / "asked.in").write_text("".join(f"{each}\n" for each in sorted(asked)))
    words = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--format", "pylock.toml")
    answer = uv.run_uv(
        ["pip", "compile", "asked.in", *words, "--output-file", "pylock.toml"], folder=tmp_path, settings=settings
    )
    build = Build(python_version="3.11", python_packages=tuple(asked))
    place = {"glibc": (2, 36), "settings": settings, "report": Silent()}
    if answer.status != 0:
        with pytest.raises(CogError):
            closure.resolve_python(build, tmp_path, "linux/amd64", **place)
        return
    plain = {each.name: each.version for each in uv.packages((tmp_path / "pylock.toml").read_text(), tmp_path)}
    made = closure.resolve_python(build, tmp_path, "linux/amd64", **place)
    assert {each.name: each.version for each in (*made.wheels, *made.sources)} == plain
