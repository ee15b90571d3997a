"""`cog diff` over files and git revisions, and with input that it can't use."""

import json
import shutil
from dataclasses import replace

import pytest

from cogfreeze.lock import file as lock_file

from .pairs import LOCK, UPGRADED, apt, base, declaring, known, sha, wheels
from .repository import Repository

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return ""
"""

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not on this machine")


@pytest.fixture
def repository(tmp_path, monkeypatch, capsys):
    return Repository(tmp_path, monkeypatch, capsys)


def test_without_a_word_the_working_tree_is_compared_with_the_last_commit(repository):
    repository.commit(LOCK)
    assert repository.cog("diff").out == "Nothing changed.\n"
    repository.write(UPGRADED)
    assert "requests 2.31.0 → 2.32.3, upgraded" in repository.cog("diff").out


def test_a_branch_is_compared_with_the_working_tree_or_another_branch(repository):
    repository.commit(LOCK)
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit(UPGRADED)
    assert "upgraded" in repository.cog("diff", "main").out
    assert "upgraded" in repository.cog("diff", "main", "topic").out
    assert "downgraded" in repository.cog("diff", "topic", "main").out


def test_a_lock_in_a_folder_of_the_repository_is_found_from_a_folder_below(repository, monkeypatch):
    model = repository.folder / "models/a"
    (model / "src").mkdir(parents=True)
    repository.lock_path = model / "cog.lock"
    repository.commit(LOCK)
    repository.write(UPGRADED)
    monkeypatch.chdir(model / "src")
    assert "upgraded" in repository.cog("diff").out


def test_two_files_need_no_repository(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.lock").write_text(lock_file.dumps(LOCK))
    (tmp_path / "b.lock").write_text(lock_file.dumps(UPGRADED))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    repository = Repository.__new__(Repository)
    repository.capsys = capsys
    monkeypatch.chdir(tmp_path)
    assert "upgraded" in repository.cog("diff", "a.lock", "b.lock").out
    (tmp_path / "cog.lock").write_text(lock_file.dumps(LOCK))
    assert "is in no git repository" in repository.cog("diff", status=2).talk


def test_a_lock_that_was_not_there_before_is_all_new(repository):
    repository.commit(message="empty")
    repository.write(LOCK)
    found = json.loads(repository.cog("diff", "--format", "json").out)
    assert found["first"] is True
    assert found["before"] == "no lock at HEAD"
    assert {each["change"] for each in found["platforms"][0]["packages"]} == {"added"}


def test_every_format_is_printed_whole(repository):
    repository.commit(LOCK)
    repository.write(UPGRADED)
    assert repository.cog("diff", "--format", "markdown").out.startswith("### Changes of cog.lock\n")
    assert repository.cog("diff", "--format", "html").out.endswith("</html>\n")
    assert json.loads(repository.cog("diff", "--format", "json").out)["format"] == 1


def test_exit_code_tells_whether_the_locks_differ(repository):
    repository.commit(LOCK)
    repository.cog("diff", "--exit-code")
    repository.write(UPGRADED)
    repository.cog("diff")
    repository.cog("diff", "--exit-code", status=1)


def test_a_declaration_that_moved_on_is_said(repository):
    (repository.folder / "predict.py").write_text(PREDICT)
    (repository.folder / "cog.yaml").write_text(
        'build:\n  python_version: "3.12"\npredict: predict.py:Predictor\n'
    )
    repository.commit(LOCK)
    assert "cog.lock is stale: `build.python_packages`" in repository.cog("diff").talk


SWAPPED = replace(known("numpy"), sha256=sha(666), index="index-1")
# What an attacker changed → the lock, the rule that finds it, and what it is about.
POISONED = {
    "index and hash swapped together": (wheels(LOCK, SWAPPED), "new-origin", "numpy 2.3.1"),
    "hash swapped alone": (wheels(LOCK, replace(known("numpy"), sha256=sha(667))), "other-hash", "numpy 2.3.1"),
    "index swapped alone": (wheels(LOCK, replace(known("numpy"), index="index-1")), "new-origin", "numpy 2.3.1"),
    "base digest of another image": (base(LOCK, digest=f"sha256:{sha(668)}"), "unexplained", "the declaration"),
    "size changed": (wheels(LOCK, replace(known("idna"), size=1)), "other-size", "idna 3.10"),
    "a .deb of another archive": (
        apt(
            LOCK,
            suites=(*LOCK.platforms[0].apt.suites, replace(LOCK.platforms[0].apt.suites[0], archive="evil")),
            packages=tuple(replace(each, archive="evil") for each in LOCK.platforms[0].apt.packages),
        ),
        "new-origin",
        "evil bookworm",
    ),
    "an older version with a known hole": (
        wheels(
            LOCK,
            replace(known("urllib3"), version="1.26.0", file="urllib3-1.26.0-py3-none-any.whl", sha256=sha(669)),
        ),
        "downgrade",
        "urllib3",
    ),
}


@pytest.mark.parametrize("name", POISONED)
def test_a_poisoned_lock_is_found_and_shown_first(repository, name):
    lock, rule, subject = POISONED[name]
    repository.commit(LOCK)
    repository.commit(lock, message="Refresh the lock")
    found = json.loads(repository.cog("diff", "HEAD~1", "--format", "json").out)
    assert (rule, subject) in {(each["rule"], each["subject"]) for each in found["dangers"]}
    assert repository.cog("diff", "HEAD~1").out.startswith("Look at this first\n")


CONFLICT = "<<<<<<< HEAD\nschema = 1\n=======\nschema = 1\n>>>>>>> topic\n"


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ((), CONFLICT, "it has merge-conflict markers"),
        ((), "schema = 99\n", "its schema is 99"),
        ((), "schema = [", "it is not valid TOML"),
        ((), lock_file.dumps(LOCK).replace('name = "idna"', 'name = "id<b>na"'), "name` is not a name"),
        ((), lock_file.dumps(LOCK).replace("size = 70442", "size = -70442"), "must be more than 0"),
        (("nowhere",), None, "`nowhere` is no lock file, no git revision and no image"),
        (("missing.lock",), None, "there is no such file"),
        (("HEAD", "v9"), None, "`v9` is no lock file, no git revision and no image"),
        (("one", "two", "three"), None, "takes no argument `three`"),
        (("--format", "yaml"), None, "`--format` cannot be `yaml`"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_said_and_nothing_is_printed(repository, words, text, said):
    repository.commit(LOCK)
    if text is not None:
        repository.write(text)
    before = sorted(repository.folder.iterdir())
    answer = repository.cog("diff", *words, status=2)
    assert said in answer.talk
    assert answer.out == ""
    assert sorted(repository.folder.iterdir()) == before


def test_a_revision_whose_lock_cannot_be_read_is_named(repository):
    repository.commit(CONFLICT)
    repository.write(LOCK)
    assert "HEAD:cog.lock:1: it has merge-conflict markers" in repository.cog("diff", status=2).talk


def test_values_cannot_drive_the_terminal(repository):
    repository.commit(LOCK)
    repository.write(declaring(LOCK, python_packages=("requests==2.31.0 # \x1b[31m", "torch==2.9.0")))
    assert "\x1b" not in repository.cog("diff").out
