"""Files that commands name by URL, fetched and hashed once."""

import hashlib
from dataclasses import replace

import pytest

from cogfreeze.errors import NetworkError
from cogfreeze.lock.model import LockedFile
from cogfreeze.project.model import Build, InputFile, Project, RunCommand
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download, inputs
from cogfreeze.settings import Settings
from tests.unit.resolve.loopback import Answer, serving

BODY = b"weights" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


def project(*urls):
    commands = tuple(RunCommand(command="a", inputs=(InputFile(url=url, target="/a"),)) for url in urls)
    return Project(file="cog.yaml", image="a", build=Build(python_version="3.11", run=commands))


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=tmp_path / "cache")


def test_a_file_is_locked_by_hash_and_size_and_is_in_the_cache_from_then_on(settings):
    with serving(lambda _asked: Answer(body=BODY)) as (url, log):
        locked = inputs.resolve_inputs(project(f"{url}/b", f"{url}/a"), (), settings, Silent())
        assert locked == tuple(LockedFile(url=f"{url}/{name}", sha256=SHA256, size=len(BODY)) for name in "ab")

        (path,) = download.fetch_all(inputs.input_artifacts(locked), settings, Silent()).values()
        assert path.read_bytes() == BODY
        assert [asked.path for asked in log] == ["/a", "/b"]


def test_what_is_locked_is_not_asked_for_again(settings):
    known = LockedFile(url="https://nowhere.invalid/a", sha256="0" * 64, size=1)

    assert inputs.resolve_inputs(project(known.url), (known,), settings, Silent()) == (known,)


def test_what_no_command_names_any_more_is_dropped(settings):
    known = LockedFile(url="https://nowhere.invalid/a", sha256="0" * 64, size=1)

    assert (
        inputs.resolve_inputs(
            project(), (known, replace(known, url="https://nowhere.invalid/b")), settings, Silent()
        )
        == ()
    )


def test_a_missing_file_is_a_clear_error_and_leaves_nothing(settings):
    with serving(lambda _asked: Answer(404)) as (url, _), pytest.raises(NetworkError) as raised:
        inputs.resolve_inputs(project(f"{url}/a"), (), settings, Silent())

    assert f"{url}/a" in str(raised.value)
    assert list((settings.cache / "sha256").iterdir()) == []


def test_a_connection_that_breaks_locks_nothing(settings):
    with serving(lambda _asked: Answer(body=BODY, cut=100)) as (url, _), pytest.raises(NetworkError):
        inputs.resolve_inputs(project(f"{url}/a"), (), settings, Silent())

    assert list((settings.cache / "sha256").iterdir()) == []
