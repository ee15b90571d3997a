"""Locked wheels, found again wherever this machine has them."""

import pytest

from cogfreeze.errors import IntegrityError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download
from cogfreeze.resolve.python import closure, locate_wheels
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import sha256, wheel


@pytest.fixture
def locked(index, settings, tmp_path):
    """Lock packages in an empty folder."""

    def lock(*packages):
        build = Build(python_version="3.11", python_packages=packages)
        return build, closure.resolve_python(
            build, tmp_path, "linux/amd64", glibc=None, settings=settings, report=Silent()
        ).wheels

    return lock


def locate(wheels, folder, settings, build=None):
    return locate_wheels(
        wheels, python="3.11", platform="linux/amd64", folder=folder, settings=settings, build=build
    )


def test_a_lock_made_on_one_mirror_is_fetched_from_another(index, locked, settings, tmp_path, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    _build, made = locked("app")
    index.wheels["elsewhere"] = index.wheels.pop("simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/elsewhere")
    # A newer release, and another file of the same one, change nothing.
    index.add("elsewhere", "app-2.0-py3-none-any.whl")
    index.add("elsewhere", "lib-1.0-cp311-cp311-manylinux_2_28_x86_64.whl")
    found = locate(made, tmp_path, settings)
    assert [(each.name, each.sha256, each.size) for each in found] == [
        (each.file, each.sha256, each.size) for each in made
    ]
    assert download.fetch_all(found, settings, Silent()).keys() == {each.sha256 for each in made}


def test_what_was_fetched_before_is_found_without_any_index(index, locked, settings, tmp_path, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl")
    _build, made = locked("app")
    download.fetch_all(locate(made, tmp_path, settings), settings, Silent())
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    found = locate(made, tmp_path, settings)
    assert download.fetch_all(found, settings, Silent()).keys() == {made[0].sha256}


def test_two_closures_may_hold_different_versions_of_a_package(index, locked, settings, tmp_path):
    for version in ("1.0", "2.0"):
        index.add("simple", f"lib-{version}-py3-none-any.whl")
    _build, model = locked("lib<2")
    _build, server = locked("lib")
    found = locate([*model, *server], tmp_path, settings)
    assert [each.name for each in found] == ["lib-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"]


def test_files_of_the_project_and_addresses_are_found_by_what_is_declared(index, locked, settings, tmp_path):
    (tmp_path / "own-1.0-py3-none-any.whl").write_bytes(wheel("own-1.0-py3-none-any.whl"))
    index.add("elsewhere", "named-1.0-py3-none-any.whl")
    build, made = locked(
        "./own-1.0-py3-none-any.whl", f"named @ {index.url}/files/elsewhere/named-1.0-py3-none-any.whl"
    )
    found = locate(made, tmp_path, settings, build)
    assert download.fetch_all(found, settings, Silent()).keys() == {each.sha256 for each in made}


def test_a_file_of_the_project_that_changed_is_refused(index, locked, settings, tmp_path):
    path = tmp_path / "own-1.0-py3-none-any.whl"
    path.write_bytes(wheel(path.name))
    build, made = locked(f"./{path.name}")
    path.write_bytes(wheel(path.name, files={"own.py": b"changed"}))
    with pytest.raises(IntegrityError) as caught:
        locate(made, tmp_path, settings, build)
    assert str(caught.value) == (
        f"`{path.name}` is not the file that was locked: cog.lock has sha256 {made[0].sha256}, the index `local`"
        f" offers {sha256(path.read_bytes())}"
    )


def test_a_wheel_that_the_index_replaced_is_refused(index, locked, settings, tmp_path, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl")
    _build, made = locked("app")
    new = index.add("simple", "app-1.0-py3-none-any.whl", files={"app.py": b"other"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-uv-cache"))
    with pytest.raises(IntegrityError) as caught:
        locate(made, tmp_path, settings)
    assert f"the index `pypi` offers {sha256(new)}" in str(caught.value)
    assert caught.value.hint == ("find out why it changed before you accept it: `cog lock --upgrade-package app`")


def test_a_wheel_that_no_index_has_any_more_is_told(index, locked, settings, tmp_path, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl")
    _build, made = locked("app")
    index.wheels["simple"] = {}
    index.add("simple", "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-uv-cache"))
    with pytest.raises(ResolveError) as caught:
        locate(made, tmp_path, settings)
    assert str(caught.value) == (
        "`app-1.0-py3-none-any.whl` is locked from the index `pypi`, and no index of this machine has it"
    )
    del index.wheels["simple"]
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "a-third-uv-cache"))
    with pytest.raises(ResolveError) as caught:
        locate(made, tmp_path, Settings(cache=tmp_path / "empty"))
    assert str(caught.value) == "there is no package `app` on the package index"
