"""The torch family's index: the family comes from it, and nothing else does."""

import pytest

from cogfreeze.catalog.addresses import TORCH_INDEX
from cogfreeze.errors import IntegrityError, NetworkError, ProjectError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.project.python import RequirementsFile
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download
from cogfreeze.resolve.python import closure, locate
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import sha256
from tests.unit.resolve.python.test_resolve import Heard

TORCH = "torch-2.9.1+cu128-cp311-cp311-manylinux_2_28_x86_64.whl"
VISION = "torchvision-0.24.1+cu128-cp311-cp311-manylinux_2_28_x86_64.whl"


@pytest.fixture
def settings(index, tmp_path):
    """A machine with a mirror of the torch indexes."""
    return Settings(cache=tmp_path / "cache", torch_index=index.url)


@pytest.fixture
def lock(index, settings, tmp_path):
    """Resolve on a default index with the usual torch, and torch indexes that hold much more than torch."""
    for each in ("numpy-2.0-py3-none-any.whl", "triton-3.5.1-cp311-cp311-manylinux_2_27_x86_64.whl"):
        index.add("simple", each)
    index.add("simple", "torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl", requires=["numpy", "triton==3.5.1"])
    index.add("simple", "accelerate-1.0-py3-none-any.whl", requires=["numpy", "torch>=2"])
    for tag in ("cpu", "cu126", "cu128"):
        index.add(tag, f"torch-2.9.1+{tag}-cp311-cp311-manylinux_2_28_x86_64.whl", requires=["numpy", "triton"])
        index.add(
            tag, f"torchvision-0.24.1+{tag}-cp311-cp311-manylinux_2_28_x86_64.whl", requires=["torch==2.9.1"]
        )
        index.add(tag, "numpy-9.0-py3-none-any.whl")
        index.add(tag, "triton-9.0-py3-none-any.whl")

    def resolve(*packages, lines=(), previous=(), report=None, **keys):
        files = (RequirementsFile(path="requirements.txt", lines=tuple(lines)),) if lines else ()
        build = Build(python_version="3.11", python_packages=packages, python_requirements=files, **keys)
        return closure.resolve_python(
            build,
            tmp_path,
            "linux/amd64",
            glibc=(2, 36),
            previous=closure.Packages(wheels=previous),
            settings=settings,
            report=report or Silent(),
        ).wheels

    return resolve


def indexes(wheels):
    return {each.name: (each.version, each.index) for each in wheels}


def test_a_declared_cuda_takes_the_family_and_only_the_family_from_its_index(index, lock):
    made = lock("torch", "torchvision", gpu=True, cuda="12.8")
    assert indexes(made) == {
        "torch": ("2.9.1+cu128", "pytorch-cu128"),
        "torchvision": ("0.24.1+cu128", "pytorch-cu128"),
        "numpy": ("2.0", "pypi"),
        "triton": ("3.5.1", "pypi"),
    }
    assert not [line for line in index.requests if "cu128/numpy" in line or "cu128/triton" in line]
    assert index.url not in repr(made)


def test_without_a_gpu_torch_is_the_one_for_the_cpu(lock):
    assert indexes(lock("torch"))["torch"] == ("2.9.1+cpu", "pytorch-cpu")


def test_a_torch_that_another_package_asks_for_comes_from_the_index_too(lock):
    made = lock("accelerate")
    assert indexes(made) == {
        "accelerate": ("1.0", "pypi"),
        "torch": ("2.9.1+cpu", "pytorch-cpu"),
        "numpy": ("2.0", "pypi"),
        "triton": ("3.5.1", "pypi"),
    }
    assert {each.name: each.required_by for each in made}["torch"] == ("accelerate",)
    assert lock("accelerate", previous=made) == made


def test_a_torch_that_nothing_asks_for_any_more_goes(lock):
    made = lock("accelerate")
    assert indexes(lock("numpy", previous=made)) == {"numpy": ("2.0", "pypi")}


def test_the_usual_cuda_of_the_default_index_needs_no_other(lock):
    assert indexes(lock("torch", gpu=True))["torch"] == ("2.9.1", "pypi")
    assert indexes(lock("torch==2.9.1", gpu=True, cuda="12.8"))["torch"] == ("2.9.1", "pypi")


def test_another_cuda_moves_the_build_of_torch_and_not_its_release(index, lock):
    before = lock("torch", gpu=True, cuda="12.8")
    for tag in ("cpu", "cu126", "cu128"):
        index.add(tag, f"torch-2.10.0+{tag}-cp311-cp311-manylinux_2_28_x86_64.whl")
    assert indexes(lock("torch", gpu=True, cuda="12.6", previous=before))["torch"] == (
        "2.9.1+cu126",
        "pytorch-cu126",
    )
    assert indexes(lock("torch", previous=before))["torch"] == ("2.9.1+cpu", "pytorch-cpu")
    assert indexes(lock("torch"))["torch"] == ("2.10.0+cpu", "pytorch-cpu")


@pytest.mark.parametrize(
    "lines",
    [
        ["torch==2.9.1+cu126", "numpy"],
        [f"--extra-index-url {TORCH_INDEX}/cu126", "torch==2.9.1", "numpy"],
        [f"--index-url {TORCH_INDEX}/cu126/", "torch", "numpy"],
    ],
)
def test_a_cuda_that_the_requirements_name_is_the_familys_alone(lock, lines):
    made = indexes(lock(lines=lines, gpu=True))
    assert made["torch"] == ("2.9.1+cu126", "pytorch-cu126")
    assert made["numpy"] == ("2.0", "pypi")


def test_two_cudas_in_one_declaration_are_refused(lock):
    with pytest.raises(ProjectError) as caught:
        lock("torch==2.9.1+cu126", "torchvision==0.24.1+cu128", gpu=True)
    assert str(caught.value) == "build.python_packages: torch is requested from several indexes: `cu126`, `cu128`"


def test_an_index_without_hashes_is_hashed_here_and_marked(index, lock, settings, tmp_path):
    index.hashes = False
    made = {each.name: each for each in lock("torch", gpu=True, cuda="12.8")}
    assert made["torch"].sha256 == sha256(index.wheels["cu128"][TORCH])
    assert made["torch"].hash_origin == "computed"
    # A second lock keeps what was computed, and the mark.
    again = {each.name: each for each in lock("torch", gpu=True, cuda="12.8", previous=tuple(made.values()))}
    assert again["torch"] == made["torch"]


def test_an_index_with_hashes_vouches_for_them(lock):
    made = {each.name: each for each in lock("torch", gpu=True, cuda="12.8")}
    assert {each.hash_origin for each in made.values()} == {"index"}


def test_locked_torch_is_found_on_its_index_again(index, lock, settings, tmp_path):
    index.hashes = False
    made = lock("torch", gpu=True, cuda="12.8")
    found = locate.locate_wheels(made, python="3.11", platform="linux/amd64", folder=tmp_path, settings=settings)
    assert [each.name for each in found] == [each.file for each in made]
    assert download.fetch_all(found, settings, Silent()).keys() == {each.sha256 for each in made}


def test_a_torch_that_was_replaced_on_its_index_is_refused(index, lock, settings, tmp_path):
    made = lock("torch", gpu=True, cuda="12.8")
    index.add("cu128", TORCH, files={"torch.py": b"other"})
    with pytest.raises(IntegrityError) as caught:
        locate.locate_wheels(made, python="3.11", platform="linux/amd64", folder=tmp_path, settings=settings)
    old = {each.name: each.sha256 for each in made}["torch"]
    assert str(caught.value) == (
        f"`{TORCH}` is not the file that was locked: cog.lock has sha256 {old}, the index `pytorch-cu128` offers"
        f" {sha256(index.wheels['cu128'][TORCH])}"
    )


def test_a_torch_that_is_gone_from_its_index_is_told(index, lock, settings, tmp_path):
    made = [each for each in lock("torchvision", gpu=True, cuda="12.8") if each.name == "torchvision"]
    del index.wheels["cu128"][VISION]
    index.add("cu128", VISION.replace("0.24.1", "0.25.0"))
    with pytest.raises(ResolveError) as caught:
        locate.locate_wheels(made, python="3.11", platform="linux/amd64", folder=tmp_path, settings=settings)
    assert str(caught.value) == (
        f"`{VISION}` is locked from the index `pytorch-cu128`, and no index of this machine has it"
    )


def test_what_the_torch_index_lacks_is_told_with_its_name(index, lock):
    with pytest.raises(ResolveError) as caught:
        lock("torch==2.8.0", gpu=True, cuda="12.6")
    assert str(caught.value) == ("build.python_packages: there is no `torch==2.8.0` on the index `pytorch-cu126`")


def test_a_torch_index_that_does_not_answer_names_the_way_to_a_mirror(index, lock, settings, tmp_path):
    gone = Settings(cache=settings.cache, torch_index="http://127.0.0.1:9")
    with pytest.raises(NetworkError) as caught:
        closure.resolve_python(
            Build(python_version="3.11", python_packages=("torch",)), tmp_path, "linux/amd64", glibc=None,
            settings=gone, report=Silent(),
        )  # fmt: skip
    assert str(caught.value) == (
        "the torch index `pytorch-cpu` can't be reached (http://127.0.0.1:9/cpu/torch/): Connection refused"
        " (os error 111)"
    )
    assert caught.value.hint == "check the network; `COG_TORCH_INDEX` names a mirror of it"


def test_an_unpinned_framework_is_locked_at_the_newest_version_that_fits_the_declared_cuda(index, lock):
    for version in ("1.17.1", "1.18.1", "1.26.0", "1.31.1"):
        index.add("simple", f"onnxruntime_gpu-{version}-cp311-cp311-manylinux_2_28_x86_64.whl")
    heard = Heard()
    assert indexes(lock("onnxruntime-gpu", gpu=True, cuda="11.8", report=heard))["onnxruntime-gpu"][0] == "1.18.1"
    assert heard.notes == ["`build.cuda` is 11.8: `onnxruntime-gpu<=1.18.1` is required"]
    assert indexes(lock("onnxruntime-gpu", gpu=True, cuda="12.4"))["onnxruntime-gpu"][0] == "1.26.0"
    assert indexes(lock("onnxruntime-gpu", gpu=True))["onnxruntime-gpu"][0] == "1.31.1"


def test_a_cuda_that_the_framework_is_not_built_for_is_a_warning_and_locks(index, lock):
    heard = Heard()
    made = lock("torch==2.9.1+cu126", gpu=True, cuda="11.8", report=heard)
    assert indexes(made)["torch"] == ("2.9.1+cu126", "pytorch-cu126")
    assert [warning for warning, _ in heard.warnings] == [
        "`build.cuda` is 11.8, but the requirements name the torch index `cu126`: CUDA 12.6 is used"
    ]
