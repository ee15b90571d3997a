"""`cog diff --contents` and `--database`: licences, start-up files and advisories that a change brings."""

import json
import shutil
from dataclasses import replace

import pytest

from cogfreeze.lock import file as lock_file
from tests.unit.resolve.index_server import served, sha256

from .advisories import AUDITED, packed
from .pairs import LOCK, UPGRADED, wheel, wheels
from .repository import Repository

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not on this machine")


@pytest.fixture
def repository(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("COG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COG_OSV_API", "http://127.0.0.1:9")
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return Repository(folder, monkeypatch, capsys)


def test_a_wheel_that_gained_a_startup_file_is_a_danger(repository, monkeypatch):
    with served() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        locked = []
        for version, files in (("1.0", {"left.py": b""}), ("1.1", {"left.py": b"", "left.pth": b"import left"})):
            file = f"left-{version}-py3-none-any.whl"
            data = index.add("simple", file, files=files)
            locked.append(replace(wheel("left", version, len(data), 0), sha256=sha256(data)))
        repository.commit(wheels(LOCK, locked[0]))
        repository.write(wheels(LOCK, locked[1]))
        plain = json.loads(repository.cog("diff", "--format", "json").out)
        assert "startup-file" not in {each["rule"] for each in plain["dangers"]}
        found = json.loads(repository.cog("diff", "--contents", "--format", "json").out)
        (danger,) = [each for each in found["dangers"] if each["rule"] == "startup-file"]
        assert (danger["subject"], danger["detail"]) == ("left 1.1", "left.pth")


def test_a_wheel_that_cannot_be_read_is_said(repository, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    repository.commit(LOCK)
    repository.write(UPGRADED)
    assert "could not be read: certifi, requests" in repository.cog("diff", "--contents").talk


def test_advisories_that_came_and_went_are_listed(repository, tmp_path):
    database = str(packed(tmp_path / "db"))
    repository.commit(AUDITED)
    fixed = wheels(AUDITED, wheel("requests", "2.32.3", 64_928, 101))
    repository.write(fixed)
    found = json.loads(repository.cog("diff", "--database", database, "--format", "json").out)["advisories"]
    assert ([each["id"] for each in found["fixed"]], found["introduced"]) == (["CVE-2024-35195"], [])
    repository.commit(fixed)
    repository.write(AUDITED)
    shown = repository.cog("diff", "--database", database).out
    assert "Known vulnerabilities that this brings in\n  CVE-2024-35195 (medium) requests 2.31.0: " in shown
    for form in ("markdown", "html"):
        assert "CVE-2024-35195" in repository.cog("diff", "--database", database, "--format", form).out
    assert json.loads(repository.cog("diff", "--format", "json").out)["advisories"]["introduced"] is None


def test_a_licence_that_changed_is_listed():
    from cogfreeze.review.changes import diff
    from cogfreeze.review.model import Knowledge
    from cogfreeze.review.render import html, markdown, text

    old, new = (lock.platforms[0].python.wheels for lock in (LOCK, UPGRADED))
    by_name = [{each.name: each.sha256 for each in side} for side in (old, new)]
    known = {
        by_name[0]["requests"]: "MIT",
        by_name[1]["requests"]: "GPL-3.0-only",
        by_name[1]["certifi"]: "MPL-2.0",
    }
    found = diff(LOCK, lock_file.loads(lock_file.dumps(UPGRADED)), knowledge=Knowledge(licences=known))
    assert [(each.package, each.before, each.after) for each in found.licences] == [
        ("requests 2.32.3", "MIT", "GPL-3.0-only")
    ]
    for shown in ("\n".join(line for _, line in text.lines(found)), markdown.render(found), html.render(found)):
        assert "GPL-3.0-only" in shown
