"""The folder that a project's builds share."""

import fcntl
import threading

import pytest

from cogfreeze.engine import build
from cogfreeze.report import Silent


class Waiting(Silent):
    """Lets the other build end as soon as it is waited for."""

    def __init__(self, ending):
        self.said, self.ending = [], ending

    def note(self, message):
        self.said.append(message)
        self.ending.set()


def test_a_second_build_says_that_it_waits_and_then_goes_on(tmp_path):
    ending, begun = threading.Event(), threading.Event()

    def first():
        with build.build_folder(tmp_path, Silent()):
            begun.set()
            ending.wait(30)

    other = threading.Thread(target=first)
    other.start()
    assert begun.wait(30)
    report = Waiting(ending)
    with build.build_folder(tmp_path, report) as folder, (folder / "lock").open("w") as file:
        assert report.said == ["waiting for another build of this project to finish"]
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    other.join()


def test_what_killed_builds_left_is_removed_and_nothing_else(tmp_path):
    for name in ("verify-1/first", "record-2/image", "build/context", "other"):
        (tmp_path / ".cog" / name).mkdir(parents=True)
    with build.build_folder(tmp_path, Silent()):
        pass

    assert sorted(path.name for path in (tmp_path / ".cog").iterdir()) == [".gitignore", "build", "other"]
    assert (tmp_path / ".cog/build/context").is_dir()
