"""cog.lock is written the same way every time, and read strictly."""

import re
from dataclasses import replace

import pytest

from cogfreeze.errors import LockUnusable
from cogfreeze.lock import file, model

from .sample import LOCK, WITH_SOURCES

TEXT = file.dumps(LOCK)


def test_what_was_written_reads_back_as_the_same_lock():
    assert file.loads(TEXT) == LOCK
    assert file.dumps(file.loads(TEXT)) == TEXT


def test_a_package_is_one_line_and_the_file_ends_in_one_newline():
    assert [line for line in TEXT.splitlines() if '"libglvnd0"' in line] == [
        '    {name = "libglvnd0", version = "1.6.0-1", architecture = "amd64", sha256 = "'
        + "b" * 64
        + '", size = 5, '
        'archive = "debian", path = "pool/main/libg/libglvnd/libglvnd0_1.6.0-1_amd64.deb", required_by = ["libgl1"]},'  # noqa: E501
    ]
    assert TEXT.endswith("\n")
    assert not TEXT.endswith("\n\n")
    assert "\r" not in TEXT


def test_a_checkout_with_crlf_reads_the_same():
    assert file.loads(TEXT.replace("\n", "\r\n")) == LOCK


def refusal(text: str) -> LockUnusable:
    with pytest.raises(LockUnusable) as caught:
        file.loads(text)
    return caught.value


def test_conflict_markers_are_named_with_their_line_and_the_way_out():
    error = refusal(TEXT.replace("[tools]", "<<<<<<< HEAD\n[tools]"))
    line = TEXT.splitlines().index("[tools]") + 1
    assert str(error) == f"cog.lock:{line}: it has merge-conflict markers"
    assert error.hint == "resolve afresh from one side: `cog lock --ours` or `cog lock --theirs`"


def test_a_newer_schema_is_refused_by_name():
    error = refusal(TEXT.replace("schema = 2", "schema = 3"))
    assert str(error) == "cog.lock: its schema is 3, this cogfreeze reads up to 2"


def test_a_missing_lock_names_the_verb(tmp_path):
    with pytest.raises(LockUnusable) as caught:
        file.read(tmp_path / "cog.lock")
    assert caught.value.hint == "run `cog lock`"


@pytest.mark.parametrize(
    ("pattern", "by", "message", "where"),
    [
        ("1:1.6.0-1", "1:1.6.0-2", "path` does not end in `libgl1_1.6.0-2_amd64.deb`", 'name = "libgl1"'),
        (r'version = "2.0.0"', 'version = "2.0.1"', "file` is not of `numpy` 2.0.1", '"numpy"'),
        ("a{64}", "A" * 64, "runtime` is not a digest", "runtime"),
        (r"size = 88808", "size = true", "size` must be a whole number", "88808"),
        (r"size = 88808", 'size = "big"', "size` must be a whole number", "88808"),
        (r"snapshot =", "snapshoot =", "snapshoot` is unknown", "snapshot ="),
        (r"snapshot =.*\n", "", "snapshot` is missing", '"linux/amd64".apt]'),
        (r"pool/main/libg/libglvnd/libgl1_", "../../libgl1_", "path` is not a path", 'name = "libgl1"'),
        (r'archive = "debian", path', 'archive = "evil", path', "is `evil`, which is none of", 'name = "libgl1"'),
        ('"pillow\\[x', '"pillow @ https://a', "requires` is not a requirement", '"numpy"'),
        ('"libglvnd0 \\(= ', '"libglvnd0 (== ', "depends` is not a dependency", 'name = "libgl1"'),
        (":1.28.0@", ":1.28.0\\\\nRUN x@", "frontend` is not an image", "frontend"),
    ],
)  # fmt: skip
def test_an_edit_by_hand_is_refused_with_its_line_and_key(pattern, by, message, where):
    edited = re.sub(pattern, by, TEXT, count=1)
    assert edited != TEXT
    error = refusal(edited)
    assert message in error.message
    assert error.message.endswith("; was it edited by hand?")
    line = next(number for number, line in enumerate(TEXT.splitlines(), 1) if where in line)
    assert error.where == f"cog.lock:{line}"


@pytest.mark.parametrize(
    ("pattern", "by", "message", "name"),
    [
        (r"docopt-0.6.2.tar.gz", "../docopt.tar.gz", "file` is not a source archive", "docopt"),
        ('kind = "sdist"', 'kind = "svn"', "kind` must be `sdist`, `git` or `local`", "docopt"),
        ('kind = "sdist"', 'kind = "git"', "must have `commit` and `url` for its kind", "docopt"),
        ('url = "https://git@', 'url = "https://git:secret@', "url` is not an address of a repository", "tiny"),
        ('commit = "cc', 'commit = "--upload-pack=x', "commit` is not a commit", "tiny"),
        ('path = "python"', 'path = "../python"', "path` leads out of its folder", "tiny"),
        ('name = "tiny"', 'name = "numpy"', "is a second `numpy`", "tiny"),
    ],
)  # fmt: skip
def test_an_edited_source_is_refused_with_its_line(pattern, by, message, name):
    text = file.dumps(WITH_SOURCES)
    edited = re.sub(pattern, by, text, count=1)
    assert edited != text
    error = refusal(edited)
    assert message in error.message
    line = next(number for number, line in enumerate(text.splitlines(), 1) if f'name = "{name}"' in line)
    assert error.where == f"cog.lock:{line}"


def test_sources_and_what_builds_them_are_read_back():
    assert file.loads(file.dumps(WITH_SOURCES)) == WITH_SOURCES


def test_broken_toml_is_named_with_its_line():
    error = refusal("schema = 1\nplatforms = [\n")
    assert error.where is not None
    assert error.where.startswith("cog.lock")
    assert error.message.startswith("it is not valid TOML: ")


def test_the_old_lock_stays_when_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "cog.lock"
    file.write(path, LOCK)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        file.write(path, replace(LOCK, files=()))
    assert path.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [path]


RECORD = model.ImageRecord(
    made_from=f"sha256:{'a' * 64}", digest=f"sha256:{'b' * 64}", layers=(f"sha256:{'c' * 64}",), engine="docker 28"
)
RECORDED = file.dumps(LOCK.with_record("linux/amd64", RECORD))


def test_a_record_is_a_section_of_its_own_at_the_end():
    """A pull request shows it as a few lines, and nothing above them moves."""
    assert (
        TEXT
        + (
            '\n[platforms."linux/amd64".image]\n'
            f'made_from = "sha256:{"a" * 64}"\n'
            f'digest = "sha256:{"b" * 64}"\n'
            f'layers = [\n    "sha256:{"c" * 64}",\n]\n'
            'engine = "docker 28"\n'
        )
        == RECORDED
    )


@pytest.mark.parametrize(
    ("was", "by", "what"),
    [
        ("a" * 64 + '"\ndigest', "latest" + '"\ndigest', "image.made_from` is not"),
        ('digest = "sha256:' + "b" * 64, 'digest = "sha256:' + "B" * 64, "image.digest` is not"),
        ("c" * 64, "c" * 63, r"image.layers[0]` is not"),
        ('layers = [\n    "sha256:' + "c" * 64 + '",\n]', "layers = []", "image.layers` must not be empty"),
        ('"docker 28"', '"docker\\u0007 28"', "image.engine` is not an engine's releases"),
        ('"docker 28"', '"docker 28"\nfrontend = "--x"', "image.frontend` is not"),
        ('"docker 28"', '"docker 28"\nsigned = "me"', "image.signed` is unknown"),
    ],
)
def test_a_record_that_was_edited_by_hand_is_refused(was, by, what):
    head, _, tail = RECORDED.partition(".image]")
    assert was in tail
    assert what in str(refusal(f"{head}.image]{tail.replace(was, by, 1)}"))


def test_a_lock_of_schema_1_is_read_and_stays_as_it_is():
    """Its packages say nothing of what they require; the image that it gives is the same as ever."""
    text = re.sub(r", (extras|requires|depends) = \[(\"[^\"]*\"(, )?)*\]", "", TEXT)
    text = re.sub(r', (requires_python|source|source_version) = "[^"]*"', "", text).replace(
        "schema = 2", "schema = 1"
    )
    lock = file.loads(text)

    assert (lock.schema, lock.platforms[0].python.wheels[0].requires) == (1, ())
    assert file.dumps(lock) == text
