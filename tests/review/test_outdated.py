"""`cog outdated`: what the index, the archive and the tag have that is newer."""

import json
import shutil

import pytest

from tests.cli.test_lock import lab  # noqa: F401  # the fixture
from tests.unit.resolve.made_archive import stanza
from tests.unit.resolve.made_registry import OS_RELEASE, layer

from .repository import Repository

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not on this machine")


@pytest.fixture
def project(lab, capsys):  # noqa: F811
    lab.index.add("simple", "left-1.0-py3-none-any.whl")
    lab.archive.packages["bookworm"] = [stanza("tool")]
    lab.declare(packages=["left"], system=["tool"])
    lab.lock()
    runner = Repository.__new__(Repository)
    runner.capsys, runner.lab = capsys, lab
    return runner


def test_nothing_newer_is_said(project):
    assert project.cog("outdated", "--exit-code").out == "nothing newer\n"


def test_each_kind_is_compared_with_what_its_origin_has_today(project):
    for file in ("left-1.5", "left-2.0rc1", "left-3.0-cp38-cp38-win_amd64"):
        name = file if file.count("-") > 1 else f"{file}-py3-none-any"
        project.lab.index.add("simple", f"{name}.whl")
    project.lab.archive.packages["bookworm"] = [stanza("tool", "1.0+deb12u10"), stanza("tool", "1.0+deb12u9")]
    project.lab.publish("library/python", "3.11-slim-bookworm", layer({"etc/os-release": OS_RELEASE + "NEW=1\n"}))
    from cogfreeze.resolve.apt import archive

    archive._releases.cache_clear()
    found = json.loads(project.cog("outdated", "--json").out)
    newest = {each["name"]: each["newest"] for each in found}
    assert newest["left"] == "1.5"
    assert newest["tool"] == "1.0+deb12u10"
    assert len(newest["python:3.11-slim-bookworm"]) == 12
    project.cog("outdated", "--exit-code", status=1)
    assert "  left 1.0 → 1.5, declared\n" in project.cog("outdated").out


def test_a_release_for_another_python_is_none_that_the_image_could_have():
    from cogfreeze.resolve.index import target_for
    from cogfreeze.review.online.indexes import File
    from cogfreeze.review.online.outdated import _version

    target = target_for("3.11", "linux/amd64", (2, 36))
    for requires, found in ((">=3.12", None), (">=3.11", "1.0"), (None, "1.0"), ("nonsense", "1.0")):
        file = File(name="left-1.0.tar.gz", url="", requires_python=requires)
        version = _version(file, target)
        assert (str(version) if version else None) == found
    assert _version(File(name="left-1.0.tar.gz", url="", yanked=""), target) is None


def test_an_origin_that_does_not_answer_is_said_and_nothing_is_called_newer(project, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("COG_REGISTRY_MIRROR", "http://127.0.0.1:9")
    found = json.loads(project.cog("outdated", "--json", "--exit-code").out)
    assert {each["newest"] for each in found} == {None}
    assert all("cannot reach" in each["note"] for each in found)
