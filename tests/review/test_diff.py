"""What `cog diff` says of each change, in every format, as the golden files have it."""

import json
from pathlib import Path

import pytest

from cogfreeze.cli import reviewing
from cogfreeze.lock import file as lock_file
from cogfreeze.review.changes import diff
from cogfreeze.review.render import as_json, html, markdown, text

from .pairs import LOCK, PAIRS

GOLDEN = Path(__file__).parent / "golden"


def compared(name):
    before, after = PAIRS[name]
    layers = reviewing.layers(before), reviewing.layers(after)
    return diff(before, after, names=("cog.lock at main", "cog.lock"), layers=layers)


def rendered(found):
    return {
        "diff.txt": "".join(f"{style:8}{line}\n" for style, line in text.lines(found)),
        "diff.md": markdown.render(found),
        "diff.json": json.dumps(as_json.render(found), indent=2, ensure_ascii=False) + "\n",
        # The page around it is the same for all.
        "diff.html": "\n".join(html.sections(found)) + "\n",
    }


@pytest.mark.parametrize("name", PAIRS)
def test_each_change_reads_as_in_its_golden_file(name, request):
    for file, content in rendered(compared(name)).items():
        path = GOLDEN / name / file
        if request.config.getoption("--diff-update", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        assert content == path.read_text(encoding="utf-8"), file


def test_no_golden_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir()} == set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_is_of_locks_that_can_be_written_and_read(name):
    for lock in filter(None, PAIRS[name]):
        if name != "deb-from-another-archive":
            assert lock_file.loads(lock_file.dumps(lock)).inputs == lock.inputs


DANGERS = {
    "package-downgraded": {"downgrade"},
    "same-version-other-hash": {"other-hash", "unexplained"},
    "same-version-other-file": {"other-file", "unexplained"},
    "same-hash-other-size": {"other-size", "unexplained"},
    "package-from-another-index": {"new-origin", "unexplained"},
    "new-index": {"new-origin"},
    "index-gives-no-hash-any-more": {"no-index-hash", "unexplained"},
    "wheel-becomes-source-build": {"from-source", "unexplained"},
    "git-commit-moved": {"unexplained"},
    "git-repository-moved": {"new-origin", "unexplained"},
    "lock-moved-without-declaration": {"unexplained"},
    "package-that-nobody-declared": {"undeclared"},
    "base-image-tag-moved": {"unexplained"},
    "base-image-of-another-repository": {"new-origin", "unexplained"},
    "base-digest-kept-manifest-swapped": {"other-hash", "unexplained"},
    "system-packages-from-a-newer-snapshot": {"unexplained"},
    "snapshot-went-back": {"downgrade", "unexplained"},
    "archive-signed-by-a-new-key": {"new-signer"},
    "index-of-the-archive-swapped": {"other-hash"},
    "deb-from-another-archive": {"new-origin", "other-hash", "unexplained"},
    "server-package-swapped": {"unexplained"},
    "frontend-from-another-repository": {"new-origin"},
    "file-of-a-command-replaced": {"other-hash", "unexplained"},
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_a_reviewer_must_not_miss_is_a_danger_and_nothing_else_is(name):
    assert {each.rule for each in compared(name).dangers} == DANGERS.get(name, set())


def test_dangers_come_before_everything_else_in_every_format():
    found = compared("same-version-other-hash")
    first = {file: content.find("numpy") for file, content in rendered(found).items()}
    for file, content in rendered(found).items():
        assert 0 < first[file] < content.find('"platforms"' if file == "diff.json" else "linux/amd64"), file


def test_a_change_of_one_package_reads_in_ten_lines():
    assert len(list(text.lines(compared("one-package-upgraded-with-what-it-requires")))) <= 10


def test_the_page_loads_and_runs_nothing_and_holds_no_tag_of_a_hostile_value():
    page = html.render(compared("hostile-words-in-the-declaration"))
    assert "http-equiv" in page
    assert not [word for word in ("<script", "src=", "href=", "url(") if word in page]


def test_markdown_keeps_a_hostile_value_within_its_code_span():
    line = next(
        each
        for each in markdown.render(compared("hostile-words-in-the-declaration")).splitlines()
        if "everyone" in each
    )
    assert line.endswith("`` torch==2.9.0 ; extra == '</code><script>`|@everyone' ``")


def test_sections_are_the_same_whatever_the_order_of_packages_in_a_lock():
    before, after = PAIRS["one-package-upgraded-with-what-it-requires"]
    turned = after.platforms[0].python.wheels[::-1]
    from dataclasses import replace

    shuffled = replace(
        after, platforms=(replace(after.platforms[0], python=replace(after.platforms[0].python, wheels=turned)),)
    )
    assert list(text.lines(diff(before, shuffled))) == list(text.lines(diff(before, after)))


def test_a_lock_without_change_says_so():
    assert list(text.lines(diff(LOCK, LOCK))) == [("plain", "Nothing changed.")]
