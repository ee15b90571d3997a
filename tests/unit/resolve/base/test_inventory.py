"""Where an image's contents are read: the cache, the engine, the layers; and what engines do wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cogfreeze.catalog.base_images import catalogue
from cogfreeze.errors import NetworkError
from cogfreeze.lock.packages import installed, package_list_digest
from cogfreeze.report import Silent
from cogfreeze.resolve.base import engine as pulled
from cogfreeze.resolve.base import image
from cogfreeze.resolve.runtime import interpreter
from cogfreeze.settings import Settings
from tests.unit.resolve import made_archive
from tests.unit.resolve.loopback import serving
from tests.unit.resolve.made_engine import Engine
from tests.unit.resolve.made_registry import OS_RELEASE, Registry, layer

NAME = "python:3.11-slim-bookworm"
STATUS = made_archive.installed("libc6", "2.36")
NOWHERE = "http://127.0.0.1:1"
FILES = {
    "etc/os-release->../usr/lib/os-release": "",
    "usr/lib/os-release": OS_RELEASE,
    "var/lib/dpkg/status": STATUS,
    "usr/local/bin/python3->python3.11": "",
}


class Warnings(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, message, *, hint=None):
        self.warnings.append(message)


@pytest.fixture(autouse=True)
def _nobody_remembers():
    pulled._answers.cache_clear()
    yield
    pulled._answers.cache_clear()


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An engine that has the files of the image that the registry has; not yet by any digest."""
    made = Engine(tmp_path / "engine")
    for path, text in FILES.items():
        name, _, target = path.partition("->")
        made.link(name, target) if target else made.put(name, text)
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return made


class World:
    def __init__(self, registry, url, log, cache):
        self.registry, self.log = registry, log
        self.settings = Settings(cache=cache, registry_mirror=url)
        self.manifest = registry.image("library/python", "single", layer(FILES))
        self.index = registry.index("library/python", "3.11-slim-bookworm", linux_amd64=self.manifest)
        self.report = Warnings()

    @property
    def config(self):
        return next(digest for digest, content in self.registry.blobs.items() if b"architecture" in content)

    def resolve(self, *, pinned=None, need=True):
        return image.resolve_base(
            NAME, "linux/amd64", "the test's", self.settings, self.report, need_packages=need, pinned=pinned
        )

    def layers_read(self):
        """How many layers the registry was asked for; the config is a blob too."""
        config = f"/blobs/{self.config}"
        return sum("/blobs/" in asked.path and not asked.path.endswith(config) for asked in self.log)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry = Registry()
    with serving(registry) as (url, log):
        yield World(registry, url, log, tmp_path / "cache")


# --- the order ---


@pytest.mark.parametrize("store", ["containerd", "classic", "podman"])
def test_an_engine_that_has_the_image_serves_in_place_of_layers(world, engine, store, tmp_path):
    """Each store knows an image by another digest; the record is the one that the layers give."""
    if store == "containerd":
        engine.has(world.index, world.manifest)
    else:
        engine.has(world.config if store == "classic" else world.config.removeprefix("sha256:"))
    served = world.resolve()
    assert world.layers_read() == 0
    world.settings = replace(world.settings, cache=tmp_path / "another")
    engine.has("")
    engine.on("image", "exit 1")
    assert world.resolve() == served
    assert world.layers_read() == 1
    assert served[1] == STATUS


def test_nothing_is_pulled_and_nothing_runs_and_nothing_is_left(world, engine):
    engine.has(world.index, world.manifest)
    world.resolve()
    (create,) = [line for line in engine.log if line.startswith("create ")]
    name = create.split("--name ")[1].split()[0]
    assert create.startswith("create --pull=never --network=none --platform linux/amd64 ")
    assert engine.log[-1] == f"rm --force --volumes {name}"
    assert {line.split()[0] for line in engine.log} == {"version", "image", "create", "container", "cp", "rm"}


def test_what_the_engine_had_is_kept_by_the_manifests_digest(world, engine):
    engine.has(world.index, world.manifest)
    first = world.resolve()
    asked = len(engine.log)
    assert world.resolve() == first
    assert len(engine.log) == asked
    (kept,) = (world.settings.cache / "images").iterdir()
    assert kept.name == f"{world.manifest.removeprefix('sha256:')}.json"


def test_what_the_layers_had_is_kept_too_and_no_engine_is_asked_again(world, engine):
    engine.on("image", "exit 1")
    first = world.resolve()
    asked = len(engine.log)
    assert (world.resolve(), len(engine.log), world.layers_read()) == (first, asked, 1)


def test_the_engine_tells_the_python_of_an_image_too(world, engine):
    base = replace(world.resolve()[0], reference="mine/base:1")
    world.registry.manifests["mine/base@" + world.manifest] = world.registry.manifests["library/python:single"]
    world.settings = replace(world.settings, cache=world.settings.cache / "another")
    engine.has(world.index, world.manifest)
    before = world.layers_read()
    assert interpreter.python_of_base(base, "linux/amd64", world.settings, Silent()) == "3.11"
    assert world.layers_read() == before


# --- an engine that is no help ---


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("version", "echo 'Cannot connect to the Docker daemon' >&2; exit 1"),
        ("image", "exit 1"),
        ("create", "echo 'unknown flag: --pull' >&2; exit 125"),
        ("container", "echo '{'; exit 0"),
        ("container", "exit 1"),
        ("cp", "echo 'the engine has gone' >&2; exit 1"),
        ("cp", "printf half-a-tar; exit 0"),
        ("cp", 'tar -C "$here/root" -cf - var/lib/dpkg/status | head -c 700; exit 1'),
    ],
)
def test_an_engine_that_fails_is_passed_over_in_silence(world, engine, command, script):
    engine.has(world.index, world.manifest)
    engine.on(command, script)
    assert world.resolve()[1] == STATUS
    assert world.layers_read() == 1
    assert world.report.warnings == []
    made = [line for line in engine.log if line.startswith("create ")]
    assert [line.split()[0] for line in engine.log].count("rm") == len(made)


@pytest.mark.parametrize(
    ("identity", "manifest"),
    [("index", f"sha256:{'1' * 64}"), ("index", "../../etc/x"), (f"sha256:{'2' * 64}", None)],
)
def test_another_image_than_the_digests_say_is_not_believed(world, engine, identity, manifest):
    """Another platform's image under the same index; a name that is no digest; an engine that mixes images up."""
    engine.has(world.index if identity == "index" else identity, manifest)
    engine.put("var/lib/dpkg/status", "Package: other\n")
    assert world.resolve()[1] == STATUS
    assert world.layers_read() == 1


@pytest.mark.parametrize("command", ["version", "create", "cp"])
def test_an_engine_that_hangs_is_waited_for_only_so_long(world, engine, command, monkeypatch):
    monkeypatch.setattr(pulled, "_GREETING_SECONDS", 0.5)
    monkeypatch.setattr(pulled, "_SECONDS", 1.0)
    engine.has(world.index, world.manifest)
    engine.on(command, f"sleep 600 & echo $! > {engine.folder}/asleep; wait")
    assert world.resolve()[1] == STATUS
    assert world.layers_read() == 1
    sleeper = int((engine.folder / "asleep").read_text())
    assert not Path(f"/proc/{sleeper}/cwd").exists(), "what docker had started goes on"


def test_an_engine_that_does_not_answer_is_asked_once_a_run(world, engine):
    engine.on("version", "exit 1")
    world.resolve()
    (world.settings.cache / "images" / f"{world.manifest.removeprefix('sha256:')}.json").unlink()
    world.resolve()
    assert engine.log == ["version --format {{.Server.Version}}"]


# --- without a registry ---


def test_a_pinned_base_needs_no_registry_where_its_packages_are_known(world, engine):
    """Docker Hub refuses, and somebody adds a system package: the lock so far and the kept list are enough."""
    base, status = world.resolve()
    without = replace(base, packages=None)
    world.settings = replace(world.settings, registry_mirror=NOWHERE)
    assert world.resolve(pinned=without) == (base, status)
    world.settings = replace(world.settings, cache=world.settings.cache / "another")
    engine.has(world.index, world.manifest)
    assert world.resolve(pinned=without) == (base, status)
    assert world.report.warnings == []


def test_a_pinned_base_that_nobody_has_needs_the_registry(world, engine):
    base, _ = world.resolve()
    world.settings = replace(world.settings, registry_mirror=NOWHERE, cache=world.settings.cache / "another")
    with pytest.raises(NetworkError) as caught:
        world.resolve(pinned=base)
    assert caught.value.hint.endswith("The catalogue has `python:3.11-slim-bookworm` with another digest")


def test_the_engines_packages_of_the_catalogues_digest_are_confirmed(world, engine):
    """That the tag is this digest, only the catalogue says; what the digest has, the engine knows."""
    known = catalogue().find(NAME)
    engine.has(known.digest, known.manifest("linux/amd64"))
    world.settings = replace(world.settings, registry_mirror=NOWHERE)
    base, status = world.resolve()
    assert (base.digest, base.source, base.unconfirmed) == (known.digest, "catalogue", ("digest", "manifest"))
    assert (status, base.packages) == (STATUS, package_list_digest(installed(STATUS)))


def test_the_catalogue_lists_packages_of_the_very_digest_that_it_pins(world, engine):
    world.settings = replace(world.settings, registry_mirror=NOWHERE)
    base, status = world.resolve()
    assert base.unconfirmed == ("digest", "manifest", "packages")
    listed = catalogue().packages(base.digest, "linux/amd64")
    assert installed(status) == tuple(sorted(listed.packages))
