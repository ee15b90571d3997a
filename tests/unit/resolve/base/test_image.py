"""Which base image a project gets, what it is by digest, and what it has installed."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager

import pytest

from cogfreeze.catalog import cuda
from cogfreeze.catalog.base_images import catalogue, frontend, parse, write
from cogfreeze.errors import CogError, IntegrityError, NetworkError, ResolveError
from cogfreeze.grammar import IMAGE_REFERENCE
from cogfreeze.lock.packages import InstalledPackage, installed, package_list_digest
from cogfreeze.maintenance import base_images
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.base import image
from cogfreeze.settings import Settings
from tests.unit.resolve import made_archive
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_registry import OS_RELEASE, Registry, digest_of, layer

STATUS = "\n".join([made_archive.installed("libc6", "2.36"), made_archive.installed("zlib1g", "1:1.2")])
DEBIAN = {"etc/os-release->../usr/lib/os-release": "", "usr/lib/os-release": OS_RELEASE}


class Warnings(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, message, *, hint=None):
        self.warnings.append((message, hint))


class World:
    """A registry, the settings that lead to it, and what was asked of it."""

    def __init__(self, registry, url, log, cache):
        self.registry, self.url, self.log = registry, url, log
        self.settings = Settings(cache=cache, registry_mirror=url)
        self.report = Warnings()

    def image(self, *layers, platform="linux/amd64"):
        digest = self.registry.image("library/python", "single", *layers, platform=platform)
        name = platform.replace("/", "_")
        return self.registry.index("library/python", "3.11-slim-bookworm", **{name: digest})

    def resolve(self, reference="python:3.11-slim-bookworm", *, need=True, platform="linux/amd64", pinned=None):
        return image.resolve_base(
            reference, platform, "the test's", self.settings, self.report, need_packages=need, pinned=pinned
        )

    def refused(self, *arguments, error=CogError, **named):
        with pytest.raises(error) as caught:
            self.resolve(*arguments, **named)
        return caught.value

    def layers_read(self):
        return sum("/blobs/" in asked.path for asked in self.log)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry = Registry()
    with serving(registry) as (url, log):
        yield World(registry, url, log, tmp_path / "cache")


@contextmanager
def unreachable(world):
    """A registry that nobody can reach."""
    world.settings = Settings(cache=world.settings.cache, registry_mirror="http://127.0.0.1:1")
    yield "cannot reach http://127.0.0.1:1/v2/library/python/manifests"


# --- which one ---


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.8", "python:3.8-slim-bookworm"),
        ("3.10", "python:3.10-slim-bookworm"),
        ("3.11", "python:3.11-slim-bookworm"),
        ("3.11.9", "python:3.11.9-slim-bookworm"),
        ("3.14", "python:3.14-slim-bookworm"),
        ("3.15", "python:3.15-slim"),
    ],
)
def test_the_python_version_picks_the_slim_image(version, expected):
    choice = image.choose_base(Build(python_version=version))
    assert choice == image.Choice(reference=expected, reason=f"the slim image of Python {version}")


@pytest.mark.parametrize("given", ["debian", "debian:latest"])
def test_a_declared_base_image_is_taken_as_it_is(given):
    choice = image.choose_base(Build(python_version="3.11", base_image=given, gpu=True))
    assert choice == image.Choice(reference="debian:latest", reason="`build.base_image` names it")


def test_a_declared_digest_is_kept():
    reference = f"debian:bookworm@sha256:{'0' * 64}"
    assert image.choose_base(Build(python_version="3.11", base_image=reference)).reference == reference


def test_wheels_that_bring_their_cuda_libraries_get_the_slim_image():
    choice = image.choose_base(Build(python_version="3.11", gpu=True, python_packages=("torch==2.5.1",)))
    assert choice.reference == "python:3.11-slim-bookworm"
    assert "torch" in choice.reason


def test_wheels_that_do_not_get_nvidias_runtime_image():
    wanted = cuda.Choice(cuda="12.4", base=True, reason="the test's")
    assert image.choose_base(Build(python_version="3.11", gpu=True), wanted) == image.Choice(
        reference="nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", reason="the test's"
    )


@pytest.mark.parametrize(
    ("asked", "reference", "more"),
    [
        ({"cuda": "12.4", "cudnn": "9.1"}, "12.4.1-cudnn-runtime-ubuntu22.04", ""),
        # Libraries of a newer minor version serve what was built for an older one, never the other way round.
        ({"cuda": "12.7"}, "12.8.1-cudnn-runtime-ubuntu24.04",
         "; the base has CUDA 12.8, whose libraries are compatible"),
        ({"cuda": "12.2", "cudnn": "8.9"}, "12.2.2-cudnn8-runtime-ubuntu22.04", ""),
        ({"cuda": "12.2", "cudnn": "9"}, "12.3.2-cudnn9-runtime-ubuntu22.04",
         "; the base has CUDA 12.3, whose libraries are compatible"),
        # The catalogue has it by digest: no registry is needed.
        ({"cuda": "11.8", "cudnn": "8"}, "11.8.0-cudnn8-runtime-ubuntu22.04", ""),
        ({"cuda": "13.0"}, "13.0.2-cudnn-runtime-ubuntu24.04", ""),
    ],
)  # fmt: skip
def test_cuda_and_cudnn_pick_the_nearest_base_that_has_them(asked, reference, more):
    wanted = cuda.Choice(base=True, reason="the test's", **asked)
    assert image.choose_base(Build(python_version="3.11", gpu=True), wanted) == image.Choice(
        reference=f"nvidia/cuda:{reference}", reason=f"the test's{more}"
    )


@pytest.mark.parametrize(
    ("packages", "keys", "reference"),
    [
        (("torch==2.9.1",), {}, "python:3.11-slim-bookworm"),
        (("torch==2.9.1",), {"cuda": "13.0"}, "python:3.11-slim-bookworm"),
        (("tensorflow==2.15.0",), {}, "nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
        (("tensorflow==2.18.0",), {}, "nvidia/cuda:12.5.1-cudnn-runtime-ubuntu22.04"),
        (("tensorflow[and-cuda]==2.18.0",), {}, "python:3.11-slim-bookworm"),
        (("onnxruntime-gpu==1.18.0",), {}, "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"),
        (("onnxruntime-gpu==1.20.2",), {"cuda": "12.6"}, "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04"),
        (("onnxruntime-gpu[cuda,cudnn]==1.22.0",), {}, "python:3.11-slim-bookworm"),
        (("jax[cuda12]",), {}, "python:3.11-slim-bookworm"),
        (("jax[cuda12-local]",), {"cuda": "12.8"}, "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"),
        (("numpy",), {}, "python:3.11-slim-bookworm"),
        (("numpy",), {"cuda": "11.2", "cudnn": "8"}, "nvidia/cuda:11.2.2-cudnn8-runtime-ubuntu20.04"),
    ],
)  # fmt: skip
def test_a_gpu_and_its_frameworks_pick_the_base(packages, keys, reference):
    build = Build(python_version="3.11", gpu=True, python_packages=packages, **keys)
    assert image.choose_base(build).reference == reference


def test_a_cuda_base_can_be_asked_for_and_declined():
    build = Build(python_version="3.11", gpu=True, python_packages=("torch==2.9.1",))
    assert image.choose_base(build, cuda_base="true") == image.Choice(
        reference="nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04",
        reason="`--use-cuda-base-image true` asks for it; `torch==2.9.1`: torch 2.9.1 is published with CUDA 12.8"
        " and includes its libraries",
    )
    build = Build(python_version="3.11", gpu=True, python_packages=("onnxruntime-gpu==1.18.0",))
    assert image.choose_base(build, cuda_base="false") == image.Choice(
        reference="python:3.11-slim-bookworm",
        reason="`--use-cuda-base-image false` asks for it; `onnxruntime-gpu==1.18.0` is built for CUDA 11.8 and"
        " cuDNN 8.2",
    )


@pytest.mark.parametrize(
    ("keys", "error", "hint"),
    [
        (
            {"gpu": False},
            "`--use-cuda-base-image true` has no effect: `build.gpu` is false",
            "remove it, or use `--use-cuda-base-image auto`",
        ),
        (
            {"gpu": True, "base_image": "debian"},
            "`--use-cuda-base-image true` has no effect: `build.base_image` names the base",
            "remove it, or use `--use-cuda-base-image auto`",
        ),
        (
            {"gpu": True},
            "build.gpu: nothing says which CUDA the base image should have",
            'set `build.cuda`, for example `cuda: "12.8"`',
        ),
    ],
)
def test_a_cuda_base_that_cannot_be_chosen_is_refused(keys, error, hint):
    with pytest.raises(CogError) as caught:
        image.choose_base(Build(python_version="3.11", **keys), cuda_base="true")
    assert (str(caught.value), caught.value.hint) == (error, hint)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cuda": "14.0"}, "there is no known base image for CUDA 14.0"),
        ({"cuda": "12.8", "cudnn": "8.9"}, "there is no known base image for CUDA 12.8 with cuDNN 8.9"),
    ],
)
def test_a_cuda_without_a_base_is_refused_with_those_that_have_one(asked, message):
    wanted = cuda.Choice(base=True, reason="the test's", **asked)
    with pytest.raises(ResolveError) as caught:
        image.choose_base(Build(python_version="3.11", gpu=True), wanted)
    assert str(caught.value) == f"build.cuda: {message}"
    assert caught.value.hint == (
        "available: CUDA 11.0, 11.1, 11.2, 11.3, 11.4, 11.5, 11.6, 11.7, 11.8, 12.0, 12.1, 12.2 with cuDNN 8;"
        " CUDA 12.3, 12.4, 12.5, 12.6, 12.8, 12.9, 13.0, 13.1, 13.2 with cuDNN 9;"
        " or name an image in `build.base_image`"
    )


# --- from a registry ---


def test_an_image_is_known_by_the_digests_of_its_index_and_its_platforms_manifest(world):
    digest = world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    base, status = world.resolve()
    assert (base.reference, base.digest) == ("python:3.11-slim-bookworm", digest)
    assert base.manifest == digest_of(world.registry.manifests["library/python:single"][1])
    assert (base.source, base.as_of, base.unconfirmed) == ("registry", None, ())
    assert (base.distribution, base.reason) == ("debian:bookworm", "the test's")
    assert status == STATUS
    assert base.packages == package_list_digest(installed(STATUS))
    assert world.report.warnings == []


def test_an_image_without_an_index_has_one_digest(world):
    digest = world.registry.image(
        "library/debian", "bookworm-slim", layer({**DEBIAN, "var/lib/dpkg/status": STATUS})
    )
    base, _ = world.resolve("debian:bookworm-slim")
    assert base.digest == base.manifest == digest


def test_no_layer_is_read_where_nothing_needs_the_package_list(world):
    world.image(layer({"var/lib/dpkg/status": STATUS}))
    base, status = world.resolve(need=False)
    assert (base.distribution, base.packages, status) == ("debian:bookworm", None, None)
    assert world.layers_read() == 1  # the config


def test_layers_are_read_from_the_top_and_only_as_far_as_needed(world):
    world.image(layer({**DEBIAN}), layer({"var/lib/dpkg/status": STATUS}), layer({"src/x": "y"}))
    _, status = world.resolve()
    assert status == STATUS
    assert world.layers_read() == 3  # the config and two layers: the catalogue knows the distribution of the tag


def test_what_a_layer_has_is_remembered_by_its_digest(world):
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    first = world.resolve()
    world.log.clear()
    assert world.resolve() == first
    assert world.layers_read() == 1


@pytest.mark.parametrize("whiteout", ["var/lib/dpkg/.wh.status", "var/lib/.wh.dpkg", "var/lib/dpkg/.wh..wh..opq"])
def test_a_package_list_that_a_layer_above_took_away_is_not_found(world, whiteout):
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}), layer({whiteout: ""}))
    error = world.refused(error=ResolveError)
    assert str(error) == (
        "build.system_packages: `python:3.11-slim-bookworm` has no dpkg package list, so system"
        " packages cannot be installed"
    )


def test_an_opaque_folder_keeps_what_its_own_layer_has(world):
    files = {"var/lib/dpkg/.wh..wh..opq": "", "./var/lib/dpkg/status": STATUS}
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": "Package: old\n"}), layer(files))
    assert world.resolve()[1] == STATUS


@pytest.mark.parametrize("other", ["var/lib/dpkg/status->../elsewhere", "var/lib/dpkg->/opt/dpkg", "var->x"])
def test_a_link_in_the_place_of_a_package_list_or_its_folder_hides_it(world, other):
    """The list of a layer below would be one that the image hasn't got."""
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}), layer({other: ""}))
    assert "has no dpkg package list" in str(world.refused(error=ResolveError))


def test_a_distroless_images_list_is_in_pieces(world):
    piece = "Package: {}\nVersion: 1\nArchitecture: amd64\n"
    world.image(
        layer(
            {**DEBIAN, "var/lib/dpkg/status.d/a": piece.format("a"), "var/lib/dpkg/status.d/b": piece.format("b")}
        ),
        layer({"var/lib/dpkg/status.d/.wh.b": "", "var/lib/dpkg/status.d/c": piece.format("c")}),
    )
    assert [each.name for each in installed(world.resolve()[1])] == ["a", "c"]


def test_a_layer_with_other_bytes_is_refused(world):
    content = layer({**DEBIAN, "var/lib/dpkg/status": STATUS})
    world.image(content)
    for other in (layer({**DEBIAN, "var/lib/dpkg/status": STATUS + "\n"}), content[:-9], b"no archive"):
        world.registry.changed[digest_of(content)] = other
        error = world.refused(error=IntegrityError)
        assert str(error) == (
            f"the registry's bytes for {digest_of(content)} of `python:3.11-slim-bookworm` do not match the digest"
        )
    assert list(world.settings.cache.rglob("*.json")) == []


def test_a_layer_that_cannot_be_unpacked_is_said_in_words(world):
    world.image(b"\x28\xb5\x2f\xfd something compressed")
    error = world.refused(error=ResolveError)
    assert str(error).startswith("a layer of `python:3.11-slim-bookworm` can't be read: ")


def test_a_config_with_other_bytes_is_refused(world):
    world.image(layer(DEBIAN))
    config = next(digest for digest, content in world.registry.blobs.items() if b"architecture" in content)
    world.registry.changed[config] = b'{"os": "linux", "architecture": "amd64", "x": 1}'
    assert str(world.refused(error=IntegrityError)).startswith(f"the registry's bytes for {config}")


def test_a_platform_that_the_image_has_not_got_is_named_with_those_that_it_has(world):
    world.image(layer(DEBIAN), platform="linux/arm64")
    error = world.refused(error=ResolveError)
    assert str(error) == "build.platforms: `python:3.11-slim-bookworm` has no image for linux/amd64"
    assert error.hint == "available platforms: linux/arm64"


def test_an_image_without_an_index_for_another_platform_is_refused(world):
    world.registry.image("library/debian", "bookworm-slim", layer(DEBIAN), platform="linux/arm64")
    assert world.refused("debian:bookworm-slim", error=ResolveError).hint == "available platforms: linux/arm64"


@pytest.mark.parametrize("need", [True, False])
def test_a_base_that_is_neither_debian_nor_ubuntu_is_refused(world, need):
    release = "ID=alpine\nVERSION_ID=3.22\n"
    world.registry.image("team/base", "1", layer({"etc/os-release": release, "var/lib/dpkg/status": STATUS}))
    error = world.refused("team/base:1", need=need, error=ResolveError)
    assert str(error) == "build.base_image: `team/base:1` is of alpine"
    assert error.hint == "choose an image of Debian or Ubuntu"


@pytest.mark.parametrize("need", [True, False])
def test_an_unknown_images_distribution_is_read_from_it(world, need):
    release = 'ID=ubuntu\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\n'
    world.registry.image(
        "team/base",
        "1",
        layer({"etc/os-release": release}),
        layer({"var/lib/dpkg/status": STATUS}),
        layer({"x": ""}),
    )
    assert world.resolve("team/base:1", need=need)[0].distribution == "ubuntu:22.04"


def test_a_published_image_that_a_mirror_lacks_is_no_misspelling(world):
    """It used to be suggested in its own place."""
    error = world.refused("python:3.12-slim-bookworm", error=ResolveError)
    assert str(error) == "the registry has no `python:3.12-slim-bookworm`"
    assert error.hint == (
        "it is a published image that the mirror does not have: set `COG_REGISTRY_MIRROR` to another mirror,"
        " or unset it"
    )


def test_an_inferred_cuda_image_that_is_not_there_is_said_to_be_inferred(world):
    error = world.refused("nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04", error=ResolveError)
    assert error.hint == (
        "its name follows NVIDIA's scheme, but it does not exist (any more): name an existing image in"
        " `build.base_image`"
    )


def test_an_inferred_cuda_image_is_not_locked_by_the_catalogue(world):
    with unreachable(world):
        error = world.refused("nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04", need=False, error=NetworkError)
    assert error.hint.endswith("The catalogue has no `nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04`")


def test_a_declared_digest_that_is_not_there_is_the_declarations(world):
    error = world.refused(f"python:3.11-slim-bookworm@sha256:{'0' * 64}", error=ResolveError)
    assert error.hint == (
        f"it has no sha256:{'0' * 64} (any more); check the digest in `build.base_image`, or give only a tag"
    )


def test_a_tag_that_has_moved_to_another_release_is_of_that_one(world):
    """The catalogue's word is of another digest: `python:3.13-slim` changes its Debian every other year."""
    release = OS_RELEASE.replace("bookworm", "forky")
    digest = world.registry.image("library/python", "x", layer({"usr/lib/os-release": release}), layer({"a": ""}))
    world.registry.index("library/python", "3.13-slim", linux_amd64=digest)
    assert catalogue().find("python:3.13-slim").distribution == "debian:trixie"
    assert world.resolve("python:3.13-slim", need=False)[0].distribution == "debian:forky"


def test_a_release_of_python_without_an_image_is_told_with_the_version_to_write(world):
    error = world.refused("python:3.11.1-slim-bookworm", error=ResolveError)
    assert str(error) == "the registry has no `python:3.11.1-slim-bookworm`"
    assert error.hint == (
        'not every release of Python has an image on Debian bookworm: write `python_version: "3.11"`, or another'
        " release of it; or a mirror may not have the image"
    )


def test_a_tag_that_is_not_there_is_named_with_near_ones(world):
    error = world.refused("python:3.11-slim-bokworm", error=ResolveError)
    assert str(error) == "the registry has no `python:3.11-slim-bokworm`"
    assert error.hint == (
        "check the name and tag; a mirror may not have every image; similar tags: `python:3.11-slim-bookworm`,"
        " `python:3.14-slim-bookworm`, `python:3.13-slim-bookworm`"
    )
    assert world.report.warnings == []


def test_a_pinned_base_keeps_its_digest_though_the_tag_has_moved(world):
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    before, _ = world.resolve()
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS, "new": "x"}))
    assert world.resolve(pinned=before) == (before, STATUS)
    assert world.resolve()[0].digest != before.digest


def test_a_pinned_digest_that_is_gone_names_the_way_out(world):
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    before, _ = world.resolve()
    world.registry.manifests = {key: value for key, value in world.registry.manifests.items() if "@" not in key}
    error = world.refused(pinned=before, error=ResolveError)
    assert str(error) == "the registry has no `python:3.11-slim-bookworm`"
    assert error.hint == (
        f"it has no {before.digest} (any more); `cog lock --upgrade-base` locks what the tag names now"
    )


def test_what_is_no_container_image_is_refused(world):
    body = b'{"schemaVersion": 2, "mediaType": "application/vnd.example.chart"}'
    world.registry.manifests["team/chart:1"] = ("application/vnd.example.chart", body)
    error = world.refused("team/chart:1", error=ResolveError)
    assert str(error) == "`team/chart:1` is not a container image, but application/vnd.example.chart"


# --- from the catalogue ---


@pytest.mark.parametrize("status", [None, 503, 429])
def test_without_a_registry_the_catalogue_answers_and_says_what_is_unconfirmed(world, status, monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)
    if status is None:
        with unreachable(world):
            base, text = world.resolve()
    else:
        with serving(lambda _: Answer(status)) as (url, _):
            world.settings = Settings(cache=world.settings.cache, registry_mirror=url)
            base, text = world.resolve()
    known = catalogue().find("python:3.11-slim-bookworm")
    assert (base.digest, base.as_of, base.source) == (known.digest, known.date, "catalogue")
    assert (base.manifest, base.distribution) == (known.manifest("linux/amd64"), "debian:bookworm")
    assert base.unconfirmed == ("digest", "manifest", "packages")
    assert base.packages == package_list_digest(installed(text))
    ((message, hint),) = world.report.warnings
    assert message.endswith("; `python:3.11-slim-bookworm` is taken from the catalogue, as of 2026-09-22")
    assert hint == "the build checks it; `cog lock --upgrade-base` asks the registry again"


def test_what_the_catalogue_does_not_know_needs_the_registry(world):
    with unreachable(world) as message:
        error = world.refused("python:3.99-slim", error=NetworkError)
    assert str(error).startswith(f"{message}/3.99-slim: ")
    assert error.hint.endswith("or set `COG_REGISTRY_MIRROR` to a mirror. The catalogue has no `python:3.99-slim`")


def test_a_package_list_that_the_catalogue_has_not_got_needs_the_registry(world):
    with unreachable(world):
        assert world.resolve(need=False, platform="linux/arm64")[0].unconfirmed == ("digest", "manifest")
        error = world.refused(platform="linux/arm64", error=NetworkError)
    assert str(error).startswith(
        "only the registry knows which packages `python:3.11-slim-bookworm` has on linux/arm64: cannot reach "
    )
    digest = catalogue().find("python:3.11-slim-bookworm").digest
    assert error.hint.endswith(
        f", or pull the image into this machine's engine: `docker pull --platform linux/arm64 python@{digest}`"
    )


def test_the_catalogue_does_not_answer_for_another_digest(world):
    with unreachable(world):
        world.refused(f"python:3.11-slim-bookworm@sha256:{'0' * 64}", error=NetworkError)


def test_the_catalogue_does_not_answer_for_another_registry(world):
    world.refused("127.0.0.1:1/python:3.11-slim-bookworm", error=NetworkError)


# --- the catalogue itself ---


def test_every_entry_has_its_date_and_digests():
    for each in catalogue().images:
        assert IMAGE_REFERENCE.accepts(f"{each.reference}@{each.digest}"), each
        assert all(IMAGE_REFERENCE.accepts(f"x@{digest}") for _, digest in each.platforms), each
        assert len(each.date) in (7, 10), each
        assert each.distribution.startswith(("debian:", "ubuntu:")) or each.name == "docker/dockerfile"
        is_dated = re.search(r"-20\d{6}", each.tag)
        assert each.confidence == "registry" or each.files >= 3 or is_dated, each


def test_every_python_from_3_9_to_3_14_is_there_on_debian_12():
    for minor in range(9, 15):
        assert catalogue().find(f"python:3.{minor}-slim-bookworm"), minor


def test_the_catalogues_file_is_as_it_would_be_written():
    from cogfreeze import bundled

    text = bundled.BASE_IMAGES.read_text()
    assert write(parse(text)) == text


def test_the_frontend_is_pinned_by_digest():
    assert frontend().startswith("docker/dockerfile:1.")
    assert IMAGE_REFERENCE.accepts(frontend())


def test_the_lists_of_installed_packages_are_of_the_digests_that_are_there():
    """A list that was read from another image than the one that is pinned would be an invention."""
    for each in catalogue().lists:
        assert catalogue().find(each.image).digest == each.digest
        assert len(each.date) == 10
        assert {"libc6", "dpkg", "apt"} <= {package.name for package in each.packages}


def test_refreshing_takes_the_registrys_word_for_digests_and_packages(world):
    digest = world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    name = "python:3.11-slim-bookworm"
    fresh = base_images.refreshed(catalogue(), name, "2026-12-24", world.settings)
    entry = fresh.find(name)
    assert (entry.digest, entry.date, entry.confidence) == (digest, "2026-12-24", "registry")
    assert entry.manifest("linux/amd64") == digest_of(world.registry.manifests["library/python:single"][1])
    assert fresh.packages(digest, "linux/amd64").packages == installed(STATUS)
    assert fresh.packages(catalogue().find(name).digest, "linux/amd64") is None
    assert len(fresh.images) == len(catalogue().images)
    assert parse(write(fresh)).find(name) == entry


def test_a_new_tag_joins_the_catalogue_with_its_distribution(world):
    world.registry.image("team/base", "1", layer(DEBIAN))
    fresh = base_images.refreshed(catalogue(), "team/base:1", "2026-12-24", world.settings)
    assert fresh.find("team/base:1").distribution == "debian:bookworm"


def test_a_refresh_names_what_cannot_be_had_and_writes_the_rest(world, tmp_path, monkeypatch, capsys):
    """As `make base-images` runs it: the file is written once, whole."""
    world.image(layer({**DEBIAN, "var/lib/dpkg/status": STATUS}))
    file = tmp_path / "base_images.lock"
    monkeypatch.setattr("cogfreeze.bundled.BASE_IMAGES", file)
    monkeypatch.setenv("COG_REGISTRY_MIRROR", world.url)
    monkeypatch.setenv("COG_CACHE_DIR", str(world.settings.cache))
    names = ["Bad Ref", "python:3.12-slim", "python:3.11-slim-bookworm"]
    assert base_images.main(names) == 1
    assert [line.split(": ")[:2] for line in capsys.readouterr().err.splitlines()] == [
        ["error", "Bad Ref"],
        ["error", "python:3.12-slim"],
    ]
    fresh = parse(file.read_text())
    assert fresh.find("python:3.11-slim-bookworm").confidence == "registry"
    assert fresh.find("python:3.12-slim") == catalogue().find("python:3.12-slim")
    assert base_images.main(names[2:]) == 0


def test_refreshing_takes_nobody_elses_word(world):
    with unreachable(world), pytest.raises(NetworkError):
        base_images.refreshed(catalogue(), "python:3.11-slim-bookworm", "2026-12-24", world.settings)


# --- the digest of a package list ---


def test_a_package_lists_digest_is_that_of_its_sorted_lines():
    packages = [
        InstalledPackage(name="libc6", architecture="amd64", version="2"),
        InstalledPackage(name="libc++1", architecture="all", version="1:3"),
        InstalledPackage(name="libc6-dev", architecture="amd64", version="2"),
    ]
    text = "libc++1:all 1:3\nlibc6-dev:amd64 2\nlibc6:amd64 2\n"
    shell = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True).stdout.decode()
    assert package_list_digest(packages) == package_list_digest(reversed(packages)) == f"sha256:{shell.split()[0]}"


def test_only_installed_packages_count():
    status = STATUS + "\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    status += "\nPackage: held\nStatus: hold ok installed\nArchitecture: all\nVersion: 2\nConffiles:\n /etc/x 0\n"
    assert [each.line for each in installed(status)] == ["held:all 2", "libc6:amd64 2.36", "zlib1g:amd64 1:1.2"]
