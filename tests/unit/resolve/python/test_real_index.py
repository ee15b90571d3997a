"""Real packages on the real index: right, and without fetching the wheels."""

from pathlib import Path

import pytest

from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.python import checks, closure, uv
from cogfreeze.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine that has fetched nothing yet."""
    folder = tmp_path_factory.mktemp("machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(folder / "uv"))
        yield folder


def lock(machine, *packages, platform="linux/amd64", previous=(), **keys):
    build = Build(python_version="3.11", python_packages=packages, **keys)
    settings = Settings(cache=machine / "cache")
    made = closure.resolve_python(
        build,
        machine,
        platform,
        glibc=(2, 36),
        settings=settings,
        report=Silent(),
        previous=closure.Packages(wheels=previous),
    ).wheels
    found = checks.check_closure(made, build, machine, platform, glibc=(2, 36), settings=settings, report=Silent())
    return made, found


def size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def test_an_ocr_model_locks_whole_and_stays_as_it_is(machine):
    made, found = lock(machine, "rapidocr-onnxruntime")
    assert found == []
    by_name = {each.name: each for each in made}
    assert len(by_name) == len(made) >= 10
    assert [each.name for each in made if not each.required_by] == ["rapidocr-onnxruntime"]
    assert "rapidocr-onnxruntime" in by_name["opencv-python"].required_by
    assert "x86_64" in by_name["onnxruntime"].file
    assert {each.index for each in made} == {"pypi"}
    assert lock(machine, "rapidocr-onnxruntime", previous=made) == (made, [])


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_diffusion_stack_locks_without_fetching_its_gigabytes(machine, platform):
    before = size(machine)
    packages = ["torch", "transformers", "accelerate", "diffusers", "pillow", "numpy"]
    made, found = lock(machine, *packages, platform=platform, gpu=True)
    assert [each.name for each in made if not each.required_by] == sorted(packages)
    assert sum(each.size for each in made) > 1_000_000_000
    assert size(machine) - before < 60_000_000
    assert [each for each in found if each.severity == "error"] == []


def test_opencv_twice_is_found(machine):
    _made, found = lock(machine, "opencv-python<5", "opencv-python-headless<5")
    assert [each.name for each in found] == ["same-file"]
    assert found[0].message.startswith("`opencv-python` and `opencv-python-headless` install ")


@pytest.mark.parametrize("packages", [("hydra-core",), ("hydra-core>=1.1", "num2words")])
def test_packages_with_sources_among_them_have_the_versions_that_plain_uv_chooses(machine, packages):
    """With wheels alone these fall back to versions of years ago, or to a prerelease."""
    (machine / "asked.in").write_text("\n".join(packages))
    words = ("--python-version", "3.10", "--python-platform", "x86_64-manylinux_2_36", "--format", "pylock.toml")
    settings = Settings(cache=machine / "cache")
    answer = uv.run_uv(
        ["pip", "compile", "asked.in", *words, "--output-file", "pylock.toml"], folder=machine, settings=settings
    )
    assert answer.status == 0, answer.talk
    plain = {each.name: each.version for each in uv.packages((machine / "pylock.toml").read_text(), machine)}
    build = Build(python_version="3.10", python_packages=packages)
    made = closure.resolve_python(build, machine, "linux/amd64", glibc=(2, 36), settings=settings, report=Silent())
    assert {each.name: each.version for each in (*made.wheels, *made.sources)} == plain
    assert "antlr4-python3-runtime" in {each.name for each in made.sources}
