"""Whether a base brings Python, and the CPython that is locked where it doesn't."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest

from cogfreeze.catalog.addresses import PYTHON_BUILDS
from cogfreeze.errors import IntegrityError, NetworkError, ResolveError
from cogfreeze.lock.model import BaseImage, Interpreter
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch.download import fetch_all
from cogfreeze.resolve.python import uv
from cogfreeze.resolve.runtime import interpreter
from cogfreeze.settings import Settings
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_builds import listed
from tests.unit.resolve.made_registry import Registry, layer

NOWHERE = "http://127.0.0.1:9"
BUILD = b"a build of CPython"


def base(reference, digest="sha256:" + "0" * 64, **fields):
    return BaseImage(reference=reference, digest=digest, reason="", distribution="debian:bookworm", **fields)


def mirror(asked):
    return Answer(body=BUILD) if "/mirror/" in asked.path else Answer(404)


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """A mirror of builds of CPython, and a list of as many as uv's own, which promises what the mirror has.

    Gives settings, and what was asked of the mirror.
    """
    own = [
        *interpreter._builds("linux/amd64", Settings(cache=tmp_path)),
        *interpreter._builds("linux/arm64", Settings(cache=tmp_path)),
    ]
    path = listed(tmp_path / "builds.json", {each["key"]: BUILD for each in own})
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", path)
    with serving(mirror) as (url, log):
        yield Settings(cache=tmp_path, python_mirror=f"{url}/mirror"), log


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    made = Registry()
    with serving(made) as (url, log):
        made.url, made.log = url, log
        yield made


def found(registry, tmp_path, *layers, environment=()):
    digest = registry.image("mine", "1", *layers, environment=environment)
    reference = f"{registry.url.removeprefix('http://')}/mine:1"
    pinned = base(reference, digest, manifest=digest)
    return interpreter.python_of_base(pinned, "linux/amd64", Settings(cache=tmp_path), Silent())


@pytest.mark.parametrize(
    ("reference", "python"),
    [
        ("debian:bookworm-slim", None),
        ("ubuntu:24.04", None),
        ("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", None),
        ("python:3.11-slim-bookworm", "3.11"),
        ("python:3.11.9", "3.11.9"),
        ("python:slim", ""),
    ],
)
def test_of_well_known_images_the_name_says_it_and_nothing_is_asked(tmp_path, reference, python):
    settings = Settings(cache=tmp_path, registry_mirror=NOWHERE)
    assert interpreter.python_of_base(base(reference), "linux/amd64", settings, Silent()) == python


def test_an_image_made_from_the_official_one_says_it_in_its_configuration(registry, tmp_path):
    assert found(registry, tmp_path, layer({}), environment=("PYTHON_VERSION=3.12.4",)) == "3.12.4"
    assert len(registry.log) == 2


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({"usr/local/bin/python3->python3.12": ""}, "3.12"),
        ({"usr/local/bin/python3": "binary"}, ""),
        ({"usr/bin/python3->python3.11": ""}, None),
        ({"usr/local/bin/.wh.python3": ""}, None),
    ],
)
def test_of_others_the_layers_say_it(registry, tmp_path, files, python):
    """The last one took away what the layer under it had."""
    below = {"usr/local/bin/python3->python3.10": ""} if "usr/local/bin/.wh.python3" in files else {"etc/x": ""}
    assert found(registry, tmp_path, layer(below), layer(files)) == python


def test_a_base_with_another_python_than_the_declared_one_is_refused():
    with pytest.raises(ResolveError) as caught:
        interpreter.require_python("3.12", "3.11.9", base("mine:1"))
    assert str(caught.value) == "build.base_image: `mine:1` has Python 3.12, and `build.python_version` is 3.11.9"
    assert caught.value.hint == 'write `python_version: "3.12"`, or choose another base image'
    for same in ("3.11", "3.11.9", ""):
        interpreter.require_python(same, "3.11.9", base("mine:1"))


@pytest.mark.parametrize(
    ("python", "platform", "release"),
    [
        ("3.11", "linux/amd64", r"cpython-3\.11\.\d+-linux-x86_64-gnu"),
        ("3.11.9", "linux/amd64", r"cpython-3\.11\.9-linux-x86_64-gnu"),
        ("3.8", "linux/amd64", r"cpython-3\.8\.20-linux-x86_64-gnu"),
        ("3.14", "linux/arm64", r"cpython-3\.14\.\d+-linux-aarch64-gnu"),
    ],
)
def test_the_newest_patch_of_the_asked_version_is_locked_by_its_bytes(builds, python, platform, release):
    settings, log = builds
    made = interpreter.resolve_interpreter(python, platform, settings, Silent())
    assert re.fullmatch(release, made.release)
    (asked,) = log
    assert asked.path == f"/mirror/{made.url}"
    assert re.fullmatch(r"\d{8}/cpython-3[^/]*\.tar\.gz", made.url)
    assert (made.sha256, made.size) == (hashlib.sha256(BUILD).hexdigest(), len(BUILD))
    assert made.hash_origin == "index"
    assert interpreter.interpreter_fits(made, python, platform)
    assert not interpreter.interpreter_fits(made, "3.13", platform)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_build_that_is_not_the_one_that_uv_knows_is_refused(tmp_path, platform):
    """By uv's own list, with the hashes that came with uv: whoever serves the file is not believed."""
    with serving(mirror) as (url, log):
        settings = Settings(cache=tmp_path, python_mirror=f"{url}/mirror")
        with pytest.raises(IntegrityError) as caught:
            interpreter.resolve_interpreter("3.11.9", platform, settings, Silent())
    (asked,) = log
    said = re.fullmatch(
        rf"`cpython-3.11.9-linux-\w+-gnu` from {url}{re.escape(asked.path)} is not the build that uv knows:"
        rf" expected sha256 ([0-9a-f]{{64}}), got {hashlib.sha256(BUILD).hexdigest()}",
        str(caught.value),
    )
    assert said, caught.value
    assert said[1] not in (hashlib.sha256(BUILD).hexdigest(), "0" * 64)
    assert list(settings.cache.glob("cogfreeze-python-*")) == []


def test_a_build_whose_hash_uv_keeps_to_itself_is_hashed_and_marked(tmp_path, monkeypatch):
    run = uv.run_uv
    monkeypatch.setattr(interpreter, "run_uv", lambda words, **more: replace(run(words, **more), talk=""))
    with serving(mirror) as (url, _):
        settings = Settings(cache=tmp_path, python_mirror=f"{url}/mirror")
        made = interpreter.resolve_interpreter("3.11.9", "linux/amd64", settings, Silent())
    assert (made.sha256, made.hash_origin) == (hashlib.sha256(BUILD).hexdigest(), "computed")


def test_another_list_may_be_at_an_address(builds, monkeypatch, tmp_path):
    settings, _ = builds
    text = (tmp_path / "builds.json").read_bytes()
    with serving(lambda _: Answer(body=text)) as (url, _):
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", f"{url}/list.json")
        assert interpreter.resolve_interpreter("3.11.9", "linux/amd64", settings, Silent()).hash_origin == "index"


def test_a_list_with_an_address_that_is_none_of_a_builds_is_refused(builds, monkeypatch, tmp_path):
    settings, log = builds
    path = tmp_path / "builds.json"
    path.write_text(path.read_text().replace("install_only", "$(id)"))
    with pytest.raises(ResolveError) as caught:
        interpreter.resolve_interpreter("3.11.9", "linux/amd64", settings, Silent())
    assert str(caught.value).startswith(
        "uv's list gives `cpython-3.11.9-linux-x86_64-gnu` an address that is not one"
    )
    assert log == []


def test_no_newer_patch_is_locked_than_uv_knows_and_no_prerelease(builds):
    settings, _ = builds
    with pytest.raises(ResolveError) as caught:
        interpreter.resolve_interpreter("3.11.99", "linux/amd64", settings, Silent())
    assert str(caught.value) == (
        "build.python_version: there is no build of Python 3.11.99 for a base without one on linux/amd64"
    )
    assert caught.value.hint.startswith("there is 3.11.")
    assert caught.value.hint.endswith("; or choose a base image that has it")


def test_a_locked_build_is_in_the_cache_already_and_checked(builds):
    settings, log = builds
    made = interpreter.resolve_interpreter("3.11", "linux/amd64", settings, Silent())
    (path,) = fetch_all(interpreter.interpreter_artifacts(made, settings), settings, Silent()).values()
    assert path.read_bytes() == BUILD
    assert len(log) == 1


def test_without_the_service_the_variable_for_a_mirror_is_named(tmp_path):
    settings = Settings(cache=tmp_path, python_mirror=NOWHERE)
    with pytest.raises(NetworkError) as caught:
        interpreter.resolve_interpreter("3.11", "linux/amd64", settings, Silent())
    assert str(caught.value).startswith(f"cannot reach {NOWHERE}/")
    assert caught.value.hint == (
        "check that the address is right and the network is up; or set `COG_PYTHON_MIRROR` to a"
        " mirror, or set `build.base_image` to an image that has Python"
    )


def test_uvs_own_variable_for_a_mirror_is_honoured():
    environment = {"UV_PYTHON_INSTALL_MIRROR": "https://example.org/b/"}
    assert Settings.from_environment(environment).python_mirror == "https://example.org/b"
    environment["COG_PYTHON_MIRROR"] = "https://example.org/a"
    assert Settings.from_environment(environment).python_mirror == "https://example.org/a"


def test_the_address_without_a_mirror_is_the_one_that_uv_asks(tmp_path):
    listed = interpreter._builds("linux/amd64", Settings(cache=tmp_path))
    assert len(listed) > 50
    assert all(each["url"].startswith(f"{PYTHON_BUILDS}/2") for each in listed)


def test_nothing_is_fetched_for_a_base_that_has_python(tmp_path):
    assert interpreter.interpreter_artifacts(None, Settings(cache=tmp_path)) == []
    one = Interpreter(release="cpython-3.11.1-linux-x86_64-gnu", url="1/cpython-x.tar.gz", sha256="0" * 64, size=1)
    (artifact,) = interpreter.interpreter_artifacts(one, Settings(cache=tmp_path))
    assert artifact.urls == (f"{PYTHON_BUILDS}/1/cpython-x.tar.gz",)
