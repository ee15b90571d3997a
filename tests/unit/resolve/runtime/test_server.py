"""The server's own closure: there for every Python and platform, offline, and as valid a lock file as any."""

import tomllib

import pytest
from packaging.pylock import Pylock

from cogfreeze import bundled
from cogfreeze.errors import ResolveError
from cogfreeze.resolve.index.wheel_files import target_for, wheel_rank
from cogfreeze.resolve.python import uv
from cogfreeze.resolve.runtime import server

PYTHONS = [f"3.{minor}" for minor in range(8, 15)]


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_and_platform_has_a_whole_closure(python, platform):
    wheels = server.runtime_wheels(python, platform, glibc=(2, 28))
    names = [each.name for each in wheels]
    declared = [each.name for each in wheels if not each.required_by]
    assert declared == ["dumb-init", "httptools", "hypercorn", "msgspec", "trio", "uv"] == names[:6]
    assert all(name in names for each in wheels for name in each.required_by)
    assert all(wheel_rank(each.file, target_for(python, platform, (2, 28))) is not None for each in wheels)
    assert {each.index for each in wheels} == {"pypi"}


def test_the_newer_wheel_is_taken_where_the_base_has_the_c_library_for_it():
    files = {
        glibc: {each.name: each.file for each in server.runtime_wheels("3.11", "linux/arm64", glibc=glibc)}["uv"]
        for glibc in ((2, 28), (2, 36))
    }
    assert all("aarch64" in file for file in files.values())


def test_python_3_8_gets_the_last_server_that_runs_on_it():
    versions = {each.name: each.version for each in server.runtime_wheels("3.8.20", "linux/amd64", glibc=None)}
    assert versions["hypercorn"].startswith("0.17.")
    assert versions["trio"] == "0.27.0"


def test_images_install_with_the_uv_that_resolves():
    for python in PYTHONS:
        assert {each.name: each.version for each in server.runtime_wheels(python, "linux/amd64", glibc=None)}[
            "uv"
        ] == (uv.uv_version())


def test_a_python_that_the_server_does_not_run_on_is_told():
    with pytest.raises(ResolveError) as caught:
        server.runtime_wheels("3.7", "linux/amd64", glibc=None)
    assert str(caught.value) == "build.python_version: the server does not run on Python 3.7"
    assert caught.value.hint == "it runs on 3.8, 3.9, 3.10, 3.11, 3.12, 3.13, 3.14"


def test_a_base_too_old_for_the_server_is_told():
    with pytest.raises(ResolveError) as caught:
        server.runtime_wheels("3.11", "linux/amd64", glibc=(2, 10))
    assert str(caught.value) == (
        "build.base_image: the server needs `dumb-init`, and no wheel of it runs with glibc 2.10 on `linux/amd64`"
    )


@pytest.mark.parametrize("path", sorted(bundled.LOCKFILES.glob("pylock.*.toml")), ids=lambda path: path.name)
def test_the_lock_files_are_of_the_standard_form_and_name_no_host(path):
    text = path.read_text()
    Pylock.from_dict(tomllib.loads(text))
    assert "://" not in text
    assert path in {server.runtime_lockfile(python) for python in PYTHONS}
