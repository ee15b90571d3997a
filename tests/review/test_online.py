"""`cog lock --check --online` finds every poisoned lock by asking the origins again: real ones, on loopback."""

import json
import shutil
from dataclasses import replace

import pytest

from cogfreeze.lock import file as lock_file
from cogfreeze.lock.model import LockedFile
from tests.cli.test_lock import lab  # noqa: F401  # the fixture
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_archive import stanza
from tests.unit.resolve.made_registry import OS_RELEASE, layer

from .repository import Repository

pytestmark = [
    pytest.mark.skipif(not shutil.which("git"), reason="git is not on this machine"),
    pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not on this machine"),
]


@pytest.fixture
def project(lab, monkeypatch, capsys):  # noqa: F811
    """A locked project in a repository, with its world still there."""
    for name in ("left", "right"):
        lab.index.add("simple", f"{name}-1.0-py3-none-any.whl")
    lab.archive.packages["bookworm"] = [stanza("tool"), stanza("other")]
    lab.declare(packages=["left", "right"], system=["tool"])
    lab.lock()
    repository = Repository(lab.folder, monkeypatch, capsys)
    repository.commit()
    repository.lab = lab
    return repository


def poisoned(lock, **changes):
    """The lock with changes by part: `python={…}`, `apt={…}`, `base={…}`, or a function of one package by name."""
    platform = lock.platforms[0]
    for part, values in changes.items():
        platform = replace(platform, **{part: replace(getattr(platform, part), **values)})
    return replace(lock, platforms=(platform,))


def wheel(lock, name, **values):
    wheels = lock.platforms[0].python.wheels
    return poisoned(lock, python={"wheels": tuple(replace(e, **values) if e.name == name else e for e in wheels)})


def deb(lock, **values):
    (tool,) = lock.platforms[0].apt.packages
    return poisoned(lock, apt={"packages": (replace(tool, **values),)})


def another_image(project, lock):
    other = project.lab.publish("library/python", "3.9-slim", layer({"etc/os-release": OS_RELEASE + "OTHER=1\n"}))
    return poisoned(lock, base={"digest": other, "manifest": None})


def foreign_image(project, lock):
    other = project.lab.publish("evil/python", "3.11", layer({"etc/os-release": OS_RELEASE + "EVIL=1\n"}))
    return poisoned(lock, base={"digest": other, "manifest": None})


def extra_package(project, lock):
    project.lab.index.add("simple", "evil-1.0-py3-none-any.whl")
    wheels = lock.platforms[0].python.wheels
    evil = replace(wheels[0], name="evil", file="evil-1.0-py3-none-any.whl", sha256="e" * 64)
    return poisoned(lock, python={"wheels": (evil, *wheels)})


OTHER = "d" * 64
# What was changed → the poisoned lock, and the rule and subject that must be found.
POISONED = {
    "a wheel's hash": (lambda _, lock: wheel(lock, "left", sha256=OTHER), "differs", "left 1.0"),
    "a wheel's size": (lambda _, lock: wheel(lock, "left", size=1), "differs", "left 1.0"),
    "a wheel's file": (
        lambda _, lock: wheel(lock, "left", file="left-1.0-1-py3-none-any.whl", sha256=OTHER),
        "differs",
        "left 1.0",
    ),
    "index and hash together": (
        lambda _, lock: wheel(lock, "left", index="evil", sha256=OTHER),
        "not-confirmed",
        "left 1.0",
    ),
    "a package that nobody declared": (extra_package, "undeclared", "evil 1.0"),
    "a .deb's hash": (lambda _, lock: deb(lock, sha256=OTHER), "differs", "tool 1.0"),
    "a .deb's size": (lambda _, lock: deb(lock, size=1), "differs", "tool 1.0"),
    "a .deb of another archive": (lambda _, lock: deb(lock, archive="debian-security"), "differs", "tool 1.0"),
    "a .deb that the archive never had": (
        lambda _, lock: deb(lock, version="9.0", path="pool/main/t/tool/tool_9.0_amd64.deb"),
        "differs",
        "tool 9.0",
    ),
    "the archive's signed index": (
        lambda _, lock: poisoned(
            lock,
            apt={
                "suites": (
                    replace(lock.platforms[0].apt.suites[0], inrelease=OTHER),
                    *lock.platforms[0].apt.suites[1:],
                )
            },
        ),
        "differs",
        "debian bookworm",
    ),
    "the base image of another tag": (another_image, "not-confirmed", "the base image"),
    "the base image of another repository": (foreign_image, "not-confirmed", "the base image"),
    "the base image's manifest": (
        lambda _, lock: poisoned(lock, base={"manifest": f"sha256:{OTHER}"}),
        "differs",
        "the base image",
    ),
    "the Dockerfile frontend": (
        lambda _, lock: replace(
            lock, tools=replace(lock.tools, frontend=f"evil/dockerfile:1.28.0@sha256:{OTHER}")
        ),
        "not-confirmed",
        "the Dockerfile frontend",
    ),
}


@pytest.mark.parametrize("what", POISONED)
def test_every_poisoned_lock_is_found_with_its_line(project, what):
    poison, rule, subject = POISONED[what]
    project.write(poison(project, lock_file.read(project.lock_path)))
    found = json.loads(project.cog("lock", "--check", "--online", "--since", "HEAD", "--json", status=1).out)
    hits = [each for each in found["findings"] if (each["rule"], each["subject"]) == (rule, subject)]
    assert len(hits) == 1, found
    line = project.lock_path.read_text().splitlines()[hits[0]["line"] - 1]
    word = {"the base image": "sha256:", "the Dockerfile frontend": "frontend"}.get(subject, subject.split()[0])
    assert word in line


def test_what_did_not_change_is_not_asked_again(project):
    project.lab.index.requests.clear()
    said = project.cog("lock", "--check", "--online", "--since", "HEAD")
    assert said.out.splitlines()[-1] == "cog.lock is current; 0 confirmed by their origins"
    assert project.lab.index.requests == []


def test_a_change_that_was_declared_and_is_confirmed_passes(project):
    project.lab.index.add("simple", "left-2.0-py3-none-any.whl")
    project.lab.declare(packages=["left==2.0", "right"], system=["tool"])
    project.lab.lock("--upgrade-package", "left")
    said = project.cog("lock", "--check", "--online", "--since", "HEAD")
    assert said.out.splitlines()[-1] == "cog.lock is current; 1 confirmed by their origins"


def test_an_origin_that_does_not_answer_confirms_nothing(project, monkeypatch):
    lock = lock_file.read(project.lock_path)
    project.commit(wheel(lock, "left", sha256=OTHER))
    project.write(lock)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    found = json.loads(project.cog("lock", "--check", "--online", "--since", "HEAD", "--json", status=1).out)
    assert ("not-confirmed", "left 1.0") in {(each["rule"], each["subject"]) for each in found["findings"]}
    assert found["confirmed"] == 0


def test_an_index_that_gives_no_hash_confirms_by_the_file_itself(project):
    lock = lock_file.read(project.lock_path)
    project.commit(wheel(lock, "left", sha256=OTHER))
    project.write(lock)
    project.lab.index.hashes = False
    words = ("lock", "--check", "--online", "--since", "HEAD", "--json")
    found = json.loads(project.cog(*words, status=1).out)  # the declaration did not ask for it
    assert ([each["rule"] for each in found["findings"]], found["confirmed"]) == (["unexplained"], 1)
    project.lab.index.add("simple", "left-1.0-py3-none-any.whl", files={"left.py": b"evil"})
    found = json.loads(project.cog(*words, status=1).out)
    assert "differs" in {each["rule"] for each in found["findings"]}


def test_without_since_everything_is_asked_and_a_stale_lock_is_a_finding(project):
    project.lab.declare(packages=["left", "right", "six"], system=["tool"])
    found = json.loads(project.cog("lock", "--check", "--online", "--json", status=1).out)
    rules = {each["rule"] for each in found["findings"]}
    assert "stale" in rules
    assert "differs" not in rules
    assert found["confirmed"] >= 5  # two wheels, the .deb, the base image, the archive's suites


def test_a_host_that_is_not_allowed_is_a_finding_and_the_machines_word_counts_first(project, monkeypatch):
    with serving(lambda _: Answer(body=b"data")) as (url, _):
        lock = lock_file.read(project.lock_path)
        file = LockedFile(url=f"{url}/a.bin", sha256="3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7", size=4)  # fmt: skip  # noqa: E501
        project.write(replace(lock, files=(file,)))
        words = ("lock", "--check", "--online", "--since", "HEAD", "--json")
        monkeypatch.setenv("COG_REVIEW_HOSTS", "*.example.org files.example.net")
        found = json.loads(project.cog(*words, status=1).out)
        assert "host" in {each["rule"] for each in found["findings"]}
        monkeypatch.setenv("COG_REVIEW_HOSTS", url.partition("//")[2])
        found = json.loads(project.cog(*words, status=1).out)
        assert "host" not in {each["rule"] for each in found["findings"]}
        assert found["confirmed"] == 1
        project.write(replace(lock, files=(replace(file, sha256=OTHER),)))
        found = json.loads(project.cog(*words, status=1).out)
        assert ("differs", file.url) in {(each["rule"], each["subject"]) for each in found["findings"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--online",), "`--online` needs `--check`"),
        (("--since", "HEAD"), "`--since` needs `--check --online`"),
        (("--check", "--since", "HEAD"), "`--since` needs `--check --online`"),
        (("--check", "--online", "--since", "nowhere"), "there is no revision `nowhere`"),
        (("--check", "--online", "--upgrade"), "cannot be used together"),
    ],
)
def test_words_that_mean_nothing_together_are_refused(project, words, said):
    before = project.lock_path.read_bytes()
    assert said in project.cog("lock", *words, status=2).talk
    assert project.lock_path.read_bytes() == before
