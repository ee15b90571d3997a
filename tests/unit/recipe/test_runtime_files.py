import pytest

from cogfreeze import bundled
from cogfreeze.recipe.runtime_files import runtime_digest, runtime_files


@pytest.fixture
def runtime(tmp_path):
    for name in ("cog/__init__.py", "cogserve/main.py", "cogworker/frames.py"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(name)
    return tmp_path


def test_times_modes_and_compiled_leftovers_do_not_count(runtime):
    before = runtime_digest(runtime)
    (runtime / "cog/__pycache__").mkdir()
    (runtime / "cog/__pycache__/__init__.cpython-311.pyc").write_bytes(b"compiled")
    (runtime / "cog/__init__.py").chmod(0o600)
    (runtime / "notes.txt").write_text("beside the packages")

    assert runtime_digest(runtime) == before


def test_a_changed_byte_counts(runtime):
    before = runtime_digest(runtime)
    (runtime / "cogworker/frames.py").write_text("cogworker/frames.pY")

    assert runtime_digest(runtime) != before


def test_a_renamed_file_counts(runtime):
    before = runtime_digest(runtime)
    (runtime / "cogworker/frames.py").rename(runtime / "cogworker/frame.py")

    assert runtime_digest(runtime) != before


def test_what_moves_from_a_name_into_a_content_counts(runtime):
    """Names and contents are told apart by their lengths, so no two trees look alike."""
    (runtime / "cog/a").write_text("1\0b")
    one = runtime_digest(runtime)
    (runtime / "cog/a").write_text("1")
    (runtime / "cog/b").write_text("")

    assert runtime_digest(runtime) != one


def test_the_image_gets_our_packages_and_nothing_else():
    packages = {path.relative_to(bundled.RUNTIME).parts[0] for path in runtime_files(bundled.RUNTIME)}

    assert packages == {"cog", "cogserve", "cogworker"}
