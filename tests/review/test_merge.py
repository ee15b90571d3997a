"""Two branches' locks merge by git without a person, unless they contradict each other."""

import shutil
import sys
from dataclasses import replace

import pytest

from cogfreeze.cli import git
from cogfreeze.lock import file as lock_file
from cogfreeze.review import merge

from .pairs import LOCK, RECORD, apt, base, deb, debs, declaring, known, platform, sha, suite, wheel, wheels
from .repository import Repository

PILLOW = wheels(
    declaring(LOCK, python_packages=("pillow==11.0.0", "requests==2.31.0", "torch==2.9.0")),
    wheel("pillow", "11.0.0", 4_400_000, 103),
)
HTTPX = wheels(
    declaring(LOCK, python_packages=("httpx==0.28.1", "requests==2.31.0", "torch==2.9.0")),
    wheel("httpx", "0.28.1", 73_000, 110),
    replace(known("certifi"), required_by=("httpx", "requests")),
    wheel("anyio", "4.9.0", 100_000, 111, "httpx"),
)
WITHOUT_REQUESTS = wheels(
    declaring(LOCK, python_packages=("torch==2.9.0",)), without=("requests", "certifi", "idna", "urllib3")
)


def names(lock):
    return {each.name: each.required_by for each in lock.platforms[0].python.wheels}


def test_both_sides_packages_are_in_the_merged_lock_as_cog_lock_writes_it():
    merged = merge.merge(LOCK, PILLOW, HTTPX)
    assert names(merged).keys() == names(PILLOW).keys() | names(HTTPX).keys()
    assert dict(merged.inputs)["build.python_packages"] == (
        "httpx==0.28.1",
        "pillow==11.0.0",
        "requests==2.31.0",
        "torch==2.9.0",
    )
    order = [(bool(each.required_by), each.name) for each in merged.platforms[0].python.wheels]
    assert order == sorted(order)
    assert merge.merge(LOCK, HTTPX, PILLOW) == merged
    assert lock_file.loads(lock_file.dumps(merged)) == merged


def test_a_package_that_one_side_removed_stays_for_the_other_side_that_requires_it():
    merged = names(merge.merge(LOCK, WITHOUT_REQUESTS, HTTPX))
    assert merged["certifi"] == ("httpx",)
    assert not {"requests", "idna", "urllib3"} & merged.keys()


def test_a_package_that_one_side_declares_is_declared_in_the_merged_lock():
    declared = wheels(
        declaring(LOCK, python_packages=("numpy==2.3.1", "requests==2.31.0", "torch==2.9.0")),
        replace(known("numpy"), required_by=()),
    )
    requiring = wheels(PILLOW, replace(known("numpy"), required_by=("pillow", "torch")))
    assert names(merge.merge(LOCK, declared, requiring))["numpy"] == ()
    assert names(merge.merge(LOCK, requiring, declared))["numpy"] == ()


def test_one_side_alone_changing_anything_is_that_side():
    for changed in (
        PILLOW,
        WITHOUT_REQUESTS,
        base(LOCK, digest=f"sha256:{sha(1)}"),
        apt(LOCK, snapshot="20261201T000000Z"),
    ):
        assert merge.merge(LOCK, changed, LOCK) == changed
        assert merge.merge(LOCK, LOCK, changed) == changed


def test_system_packages_of_one_snapshot_merge():
    jq = debs(declaring(LOCK, system_packages=("git", "jq", "libgl1")), deb("jq", "1.6-2.1", 64_900, 300))
    curl = debs(
        declaring(LOCK, system_packages=("curl", "git", "libgl1")),
        deb("curl", "7.88.1", 315_000, 301),
        replace(known("libcurl3-gnutls"), required_by=("curl", "git")),
    )
    merged = merge.merge(LOCK, jq, curl).platforms[0].apt.packages
    assert {"jq", "curl"} < {each.name for each in merged}
    assert next(each for each in merged if each.name == "libcurl3-gnutls").required_by == ("curl", "git")


SECURITY = LOCK.platforms[0].apt.suites[1]
CONTRADICTIONS = {
    "linux/amd64 certifi": (
        wheels(LOCK, wheel("certifi", "2025.1.31", 1, 400, "requests")),
        wheels(LOCK, wheel("certifi", "2025.2.2", 1, 401, "requests")),
    ),
    "linux/amd64 base image": (base(LOCK, digest=f"sha256:{sha(1)}"), base(LOCK, digest=f"sha256:{sha(2)}")),
    "linux/amd64 archive snapshot": (
        apt(LOCK, snapshot="20261201T000000Z"),
        apt(LOCK, snapshot="20261202T000000Z", suites=(suite("debian", "bookworm", 402), SECURITY)),
    ),
    "inputs.build.python_version": (
        declaring(LOCK, python_version="3.12"),
        declaring(LOCK, python_version="3.13"),
    ),
    "tools": (
        replace(LOCK, tools=replace(LOCK.tools, recipe=3)),
        replace(LOCK, tools=replace(LOCK.tools, recipe=4)),
    ),
}


@pytest.mark.parametrize("thing", CONTRADICTIONS)
def test_what_both_sides_changed_differently_is_a_conflict_that_names_it(thing):
    with pytest.raises(merge.Conflict) as conflict:
        merge.merge(LOCK, *CONTRADICTIONS[thing])
    assert conflict.value.things == (thing,)


def test_locks_that_each_side_made_anew_merge_only_where_they_agree():
    assert merge.merge(None, LOCK, LOCK) == LOCK
    with pytest.raises(merge.Conflict):
        merge.merge(None, LOCK, CONTRADICTIONS["linux/amd64 base image"][0])


def test_a_recorded_image_is_kept_only_for_the_lock_that_it_is_of():
    recorded = platform(LOCK, image=RECORD)
    assert merge.merge(LOCK, recorded, LOCK) == recorded
    assert merge.merge(recorded, recorded, PILLOW).platforms[0].image is None


# --- by git ---


@pytest.fixture
def repository(tmp_path, monkeypatch, capsys):
    """A repository that knows of cog.lock, whose `cog` is this one."""
    if not shutil.which("git"):
        pytest.skip("git is not on this machine")
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "cog"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m cogfreeze.cli.main "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "project"
    folder.mkdir()
    repository = Repository(folder, monkeypatch, capsys)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    repository.cog("init", "--git")
    return repository


def branches(repository, ours, theirs):
    """`main` and `topic` from one commit, each with its own lock; `main` is checked out."""
    repository.commit(LOCK)
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit(theirs)
    repository.git("checkout", "-q", "main")
    repository.commit(ours)


def test_git_merges_two_branches_that_each_add_a_package(repository):
    branches(repository, PILLOW, HTTPX)
    repository.git("merge", "-q", "topic", "-m", "merge")
    assert lock_file.read(repository.lock_path) == merge.merge(LOCK, PILLOW, HTTPX)
    assert repository.git("status", "--porcelain") == ""


def test_git_rebases_in_the_same_way(repository):
    branches(repository, PILLOW, HTTPX)
    repository.git("checkout", "-q", "topic")
    repository.git("rebase", "-q", "main")
    assert lock_file.read(repository.lock_path) == merge.merge(LOCK, PILLOW, HTTPX)


def test_a_contradiction_leaves_the_usual_markers_and_says_what_to_do(repository):
    ours, theirs = CONTRADICTIONS["linux/amd64 certifi"]
    branches(repository, ours, theirs)
    repository.git("merge", "topic", status=1)
    assert repository.git("status", "--porcelain").startswith("UU cog.lock")
    text = repository.lock_path.read_text()
    assert "<<<<<<< ours\n" in text
    assert ">>>>>>> theirs\n" in text
    assert "it has merge-conflict markers" in repository.cog("tree", status=2).talk


def test_packages_that_do_not_fit_together_are_a_conflict_that_names_both_lines(repository):
    capped = wheels(PILLOW, replace(known("idna"), required_by=("pillow", "requests")))
    capped = wheels(capped, wheel("pillow", "11.0.0", 4_400_000, 103, requires=("idna<3.11",)))
    newer = wheels(
        declaring(LOCK, python_packages=("idna==3.11", "requests==2.31.0", "torch==2.9.0")),
        wheel("idna", "3.11", 1, 104),
    )
    schema_2 = [replace(each, schema=2) for each in (LOCK, capped, newer)]
    repository.commit(schema_2[0])
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit(schema_2[2])
    repository.git("checkout", "-q", "main")
    repository.commit(schema_2[1])
    repository.git("merge", "topic", status=1)
    text = repository.lock_path.read_text()
    assert "<<<<<<<" not in text
    assert {each.name: each.version for each in lock_file.loads(text).platforms[0].python.wheels}["idna"] == "3.11"


def test_git_diff_shows_a_line_for_each_change(repository):
    repository.commit(LOCK)
    repository.write(PILLOW)
    changed = [
        line for line in repository.git("diff").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed == [
        "+declared: build.python_packages: pillow==11.0.0",
        f"+python: pillow 11.0.0, 4.4 MB, from pypi, sha256 {sha(103)[:16]}, declared",
    ]


@pytest.mark.parametrize("text", ["<<<<<<< a\n", "schema = 99\n", "no lock"])
def test_what_is_no_lock_is_shown_as_it_is(tmp_path, capsys, text):
    (tmp_path / "cog.lock").write_text(text)
    assert git.textconv(str(tmp_path / "cog.lock")) == 0
    assert capsys.readouterr().out == text


def test_registering_twice_changes_nothing_and_keeps_what_is_there(repository):
    attributes = repository.folder / ".gitattributes"
    attributes.write_text("*.bin binary")
    for _ in range(2):
        repository.cog("init", "--git")
    assert attributes.read_text().splitlines() == ["*.bin binary", *git.ATTRIBUTES]
    assert repository.git("config", "--get-all", "merge.cog-lock.driver").splitlines() == [
        "cog lock --merge-driver %O %A %B %P"
    ]


def test_init_registers_in_a_repository_and_says_so_where_there_is_none(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(folder)
    plain = Repository.__new__(Repository)
    plain.capsys = capsys
    assert "is in no git repository" in plain.cog("init", "--git", status=2).talk
    repository = Repository(folder, monkeypatch, capsys)
    assert "registered with git" in repository.cog("init").talk
    assert (folder / ".gitattributes").read_text().splitlines() == [*git.ATTRIBUTES]
