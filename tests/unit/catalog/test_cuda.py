"""The CUDA that frameworks want: the tables are whole, and the rules choose from them."""

import pytest
from packaging.version import Version

from cogfreeze.catalog import cuda_images
from cogfreeze.catalog.cuda import Choice, choose
from cogfreeze.catalog.frameworks import cuda_of, releases, tag_of, torch_releases
from cogfreeze.errors import ProjectError, ResolveError


def test_the_torch_table_is_in_order_and_consistent():
    releases = torch_releases()
    versions = [Version(each.version) for each in releases]
    assert versions == sorted(set(versions))
    for each in releases:
        assert list(each.indexes) == sorted(
            each.indexes, key=lambda tag: (tag != "cpu", tag != "cpu" and int(tag[2:]))
        )
        assert set(each.cudnn) <= {*each.indexes, *([tag_of(each.default)] if each.default else [])}
        assert Version(each.python[0]) < Version(each.python[1])


@pytest.mark.parametrize("name", ["tensorflow", "onnxruntime-gpu"])
def test_the_other_tables_are_in_order_without_overlaps(name):
    edges = [Version(edge) for each in releases(name) for edge in (each.first, each.last)]
    assert len(edges) > 4
    assert edges == sorted(edges)


@pytest.mark.parametrize(
    ("tag", "cuda"), [("cu128", "12.8"), ("cu102", "10.2"), ("cu92", "9.2"), ("cu130", "13.0")]
)
def test_a_tag_and_its_cuda_name_each_other(tag, cuda):
    assert (tag_of(cuda), cuda_of(tag)) == (tag, cuda)


@pytest.mark.parametrize(
    ("requirements", "keys", "choice"),
    [
        ([], {"gpu": False}, (None, None, "cpu", False)),
        (["torch==2.9.1"], {"gpu": False}, (None, None, "cpu", False)),
        (["torch==2.9.1"], {"gpu": True}, ("12.8", "9.10.2.21", None, False)),
        (["torch==2.9.1"], {"gpu": True, "cuda": "12.8"}, ("12.8", "9.10.2.21", None, False)),
        (["torch==2.9.1"], {"gpu": True, "cuda": "13.0"}, ("13.0", "9.13.0.50", "cu130", False)),
        # A driver runs what was built for an older CUDA of its major version.
        (["torch==2.1.0"], {"gpu": True, "cuda": "12.4"}, ("12.4", "8.9.2.26", "cu121", False)),
        (["torch>=2"], {"gpu": True, "cuda": "11.8"}, ("11.8", "9.1.0.70", "cu118", False)),
        (["torchvision==0.24.1"], {"gpu": True}, ("12.8", "9.10.2.21", None, False)),
        # Old enough that the usual wheels say nothing of their CUDA.
        (["torch==1.12.1"], {"gpu": True}, ("11.6", "8.3.2.44", "cu116", False)),
        (["torch==2.9.1+cu126"], {"gpu": True}, ("12.6", "9.10.2.21", "cu126", False)),
        (["torch==2.9.1+cpu"], {"gpu": False}, (None, None, "cpu", False)),
        (["torch==99.0"], {"gpu": True}, (None, None, None, False)),
        (["tensorflow==2.15.0"], {"gpu": True}, ("12.2", "8.9", None, True)),
        (["tensorflow[and-cuda]==2.15.0"], {"gpu": True}, ("12.2", "8.9", None, False)),
        (["tensorflow==2.10.*"], {"gpu": True}, ("11.2", "8.1", None, True)),
        (["tensorflow==2.9.2"], {"gpu": True, "cuda": "11.8"}, ("11.8", "8.1", None, True)),
        (["tensorflow==99"], {"gpu": True, "cuda": "14.0"}, ("14.0", None, None, True)),
        (["torch"], {"gpu": True, "python": "3.8"}, ("12.1", "9.1.0.70", None, False)),
        (["torch"], {"gpu": True, "python": "3.8.20", "cuda": "12.4"}, ("12.4", "9.1.0.70", "cu124", False)),
        (["tensorflow>=2.6.1,<2.6.3"], {"gpu": True}, ("11.2", "8.1", None, True)),
        (["onnxruntime-gpu==1.18.0"], {"gpu": True}, ("11.8", "8.2", None, True)),
        (["onnxruntime-gpu[cuda,cudnn]==1.22.0"], {"gpu": True}, ("12.2", "9", None, False)),
        (["onnxruntime-gpu[cuda]==1.22.0"], {"gpu": True, "cuda": "12.4"}, ("12.4", "9", None, True)),
        (["jax[cuda12]"], {"gpu": True}, ("12.0", None, None, False)),
        (["jax[cuda13-local]"], {"gpu": True, "cuda": "13.0"}, ("13.0", None, None, True)),
        (["jax"], {"gpu": True}, (None, None, None, False)),
        (["numpy"], {"gpu": True}, (None, None, None, False)),
        (["numpy"], {"gpu": True, "cuda": "12.4", "cudnn": "9"}, ("12.4", "9", "cu124", True)),
    ],
)
def test_what_is_chosen(requirements, keys, choice):
    made = choose(requirements=requirements, **keys)
    assert (made.cuda, made.cudnn, made.index, made.base) == choice
    assert made.reason


def test_the_reason_is_one_sentence_for_the_user():
    assert choose(gpu=True, requirements=["torch==2.9.1", "torchaudio"]) == Choice(
        cuda="12.8",
        cudnn="9.10.2.21",
        reason="`torch==2.9.1 torchaudio`: torch 2.9.1 is published with CUDA 12.8 and includes its libraries",
    )


@pytest.mark.parametrize(
    ("requirement", "keys", "brought"),
    [
        ("torch==2.6.0", {}, "9.1.0.70"),
        ("torch==2.6.0", {"cuda": "12.4"}, "9.1.0.70"),
        ("torch==2.6.0+cu118", {}, "9.1.0.70"),
        ("torch==2.0.1", {"cuda": "11.8"}, "8.7.0.84"),
    ],
)
def test_a_declared_cudnn_that_torch_does_not_use_is_told(requirement, keys, brought):
    told = f"; torch uses the cuDNN {brought} that it includes, not the declared 7"
    assert choose(gpu=True, requirements=[requirement], cudnn="7", **keys).reason.endswith(told)
    same = choose(gpu=True, requirements=[requirement], cudnn=brought[0], **keys)
    assert "declared" not in same.reason


def test_a_framework_that_no_base_image_serves_can_bring_its_libraries():
    made = choose(gpu=True, requirements=["tensorflow==2.16.1"])
    assert made.base
    with pytest.raises(ResolveError) as caught:
        cuda_images.choose(made.cuda, made.cudnn, instead=made.instead)
    assert str(caught.value) == "build.cuda: there is no known base image for CUDA 12.3 with cuDNN 8.9"
    assert caught.value.hint.startswith(
        "use `tensorflow[and-cuda]==2.16.1`, which includes the libraries; available: CUDA 11.0, "
    )
    brings = choose(gpu=True, requirements=["tensorflow[and-cuda]==2.16.1"])
    assert (brings.base, brings.instead) == (False, None)


@pytest.mark.parametrize(
    ("requirements", "keys", "message", "hint"),
    [
        (
            ["tensorflow==99.0"],
            {},
            "build.cuda: the catalogue does not know which CUDA `tensorflow==99.0` is built for",
            'set it and its cuDNN: `cuda: "12.5"` and `cudnn: "9.3"`',
        ),
        (
            ["torch==2.9.1+cu126", "torchaudio==2.9.1+cu128"],
            {},
            "build.python_packages: torch is requested from several indexes: `cu126`, `cu128`",
            "name one CUDA, in `build.cuda`, and remove the others",
        ),
    ],
)
def test_an_impossible_combination_lists_the_possible_ones(requirements, keys, message, hint):
    with pytest.raises(ProjectError) as caught:
        choose(gpu=True, requirements=requirements, **keys)
    assert str(caught.value) == message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("requirements", "cuda", "used", "warning", "hint"),
    [
        (
            ["torch==2.9.1"],
            "11.8",
            ("12.8", "9.10.2.21", None, False),
            "`build.cuda` is 11.8, but there is no `torch==2.9.1` for it: CUDA 12.8 is used",
            (
                'write `cuda: "12.8"`, or remove `cuda`; `torch==2.9.1` is available for CUDA 12.6, 12.8, 13.0;'
                " for CUDA 11.8 there are torch 1.11.0 to 2.7.1"
            ),
        ),
        (
            ["torch==2.9.1+cu126"],
            "11.8",
            ("12.6", "9.10.2.21", "cu126", False),
            "`build.cuda` is 11.8, but the requirements name the torch index `cu126`: CUDA 12.6 is used",
            'write `cuda: "12.6"`, or remove `cuda`',
        ),
        (
            ["tensorflow==2.12.0"],
            "12.4",
            ("11.8", "8.6", None, True),
            "`build.cuda` is 12.4, but `tensorflow==2.12.0` is built for CUDA 11.8: CUDA 11.8 is used",
            (
                'write `cuda: "11.8"`, or remove `cuda`; available: tensorflow 2.4.0 to 2.4.4 with CUDA 11.0;'
                " 2.5.0 to 2.11.1 with CUDA 11.2; 2.12.0 to 2.14.1 with CUDA 11.8;"
                " 2.15.0 to 2.15.1 with CUDA 12.2; 2.16.1 to 2.17.1 with CUDA 12.3;"
                " 2.18.0 to 2.21.0 with CUDA 12.5"
            ),
        ),
        (
            ["jax[cuda12]"],
            "13.0",
            ("12.0", None, None, False),
            "`build.cuda` is 13.0, but `jax[cuda12]` is built for CUDA 12: CUDA 12.0 is used",
            'write `cuda: "12.0"`, or remove `cuda`; for CUDA 13, use `jax[cuda13]`',
        ),
    ],
)
def test_a_cuda_that_does_not_match_the_framework_is_a_warning_that_says_what_is_used(
    requirements, cuda, used, warning, hint
):
    # The declared cuDNN belongs to the declared CUDA.
    made = choose(gpu=True, requirements=requirements, cuda=cuda, cudnn="8")
    assert (made.cuda, made.cudnn, made.index, made.base) == used
    assert (made.warning, made.hint) == (warning, hint)


@pytest.mark.parametrize(
    ("requirement", "cuda", "limit"),
    [
        ("onnxruntime-gpu", "11.8", "onnxruntime-gpu<=1.18.1"),
        ("onnxruntime-gpu>=1.15", "11.8", "onnxruntime-gpu<=1.18.1"),
        ("onnxruntime-gpu", "12.4", "onnxruntime-gpu<=1.26.0"),
        ("tensorflow", "12.2", "tensorflow<=2.15.1"),
        ("onnxruntime-gpu", "13.0", None),
        ("onnxruntime-gpu", None, None),
        ("onnxruntime-gpu==1.18.0", "11.8", None),
    ],
)
def test_an_unpinned_framework_gets_the_newest_version_that_fits_the_declared_cuda(requirement, cuda, limit):
    made = choose(gpu=True, requirements=[requirement], cuda=cuda)
    assert (made.limit, made.warning) == (limit, None)
    assert cuda is None or made.cuda == cuda


def test_options_among_the_packages_do_not_change_the_choice():
    options = ["--extra-index-url https://example.com/whl/cu126", "--pre", "-f https://example.com/torch.html"]
    for packages in (["torch==2.9.1"], ["onnxruntime-gpu==1.18.0"]):
        assert choose(gpu=True, requirements=[*packages, *options]) == choose(gpu=True, requirements=packages)
