"""What is found at lock time although every wheel is fine by itself."""

import pytest

from cogfreeze.errors import ResolveError
from cogfreeze.lock.model import Wheel
from cogfreeze.project.model import Build
from cogfreeze.resolve.python import checks, closure
from cogfreeze.resolve.python.checks import Finding
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import sha256
from tests.unit.resolve.python.test_resolve import Heard


def locked(file, data=b"", **more):
    name, version, *_ = file.split("-")
    return Wheel(
        name=name.replace("_", "-"), version=version, file=file, sha256=sha256(data), size=len(data), **more
    )


@pytest.fixture
def found(index, settings, tmp_path):
    """Check wheels of the index, as `cog lock` does after resolving."""

    def check(*wheels, glibc=(2, 36), base_cuda=None, version="3.11", allow=()):
        build = Build(python_version=version, allow=allow)
        made = [locked(file, index.add("simple", file, **contents)) for file, contents in wheels]
        return checks.check_closure(
            made,
            build,
            tmp_path,
            "linux/amd64",
            glibc=glibc,
            base_cuda=base_cuda,
            settings=settings,
            report=Heard(),
        )

    return check


def test_two_wheels_that_put_different_content_into_one_file_are_named_with_the_one_that_wins(found):
    plain = {"cv2/__init__.py": b"same", "cv2/cv2.so": b"with windows", "cv2/version.py": b"a", "plain.py": b""}
    headless = {"cv2/__init__.py": b"same", "cv2/cv2.so": b"without", "cv2/version.py": b"b", "headless.py": b""}
    pair = [
        ("opencv_python-5.0-py3-none-any.whl", {"files": plain}),
        ("opencv_python_headless-5.0-py3-none-any.whl", {"files": headless}),
    ]
    assert found(*pair) == [
        Finding(
            name="same-file",
            message="`opencv-python` and `opencv-python-headless` install 2 files with different content"
            " (`cv2/cv2.so`, `cv2/version.py`): the image has those of `opencv-python-headless`",
            hint="keep one of them: pin or replace what requires `opencv-python` or `opencv-python-headless`",
            severity="warning",
        )
    ]
    assert found(*pair, allow=("same-file",)) == []


def test_more_wheels_with_the_same_file_than_an_image_has_layers_for_are_refused(found):
    wheels = [(f"p{number:02}-1.0-py3-none-any.whl", {"files": {"a.py": b"%d" % number}}) for number in range(41)]
    assert {each.severity for each in found(*wheels[:40])} == {"warning"}
    refused = found(*wheels)
    assert {each.severity for each in refused} == {"error"}
    assert refused[0].message.endswith("(`a.py`): too many packages do so")


def test_files_shared_with_the_same_content_are_harmless(found):
    files = {"nvidia/__init__.py": b""}
    assert found(("a-1.0-py3-none-any.whl", {"files": files}), ("b-1.0-py3-none-any.whl", {"files": files})) == []


def test_files_are_compared_where_an_installer_puts_them(found):
    scripts = b"[console_scripts]\nrun = c:main\n"
    findings = found(
        ("a-1.0-py3-none-any.whl", {"files": {"shared/data.py": b"1"}}),
        ("b-1.0-py3-none-any.whl", {"files": {"b-1.0.data/purelib/shared/data.py": b"2"}}),
        (
            "c-1.0-py3-none-any.whl",
            {"files": {"c-1.0.dist-info/entry_points.txt": scripts}},
        ),
        ("d-1.0-py3-none-any.whl", {"files": {"d-1.0.data/scripts/run": b"#!python\n"}}),
    )
    assert [each.message.partition(" install")[0] for each in findings] == ["`a` and `b`", "`c` and `d`"]
    assert "(`shared/data.py`)" in findings[0].message
    assert "(`bin/run`)" in findings[1].message


def test_a_wheel_for_a_newer_c_library_than_the_bases_is_refused(found):
    wheel = ("app-1.0-cp311-cp311-manylinux_2_34_x86_64.manylinux_2_38_x86_64.whl", {})
    assert found(wheel, glibc=(2, 34)) == []
    assert found(wheel, glibc=None) == []
    assert found(wheel, glibc=(2, 31)) == [
        Finding(
            name="glibc",
            message="`app-1.0-cp311-cp311-manylinux_2_34_x86_64.manylinux_2_38_x86_64.whl` needs glibc 2.34, and"
            " the base image has 2.31",
            hint="choose a newer `build.base_image`, or an older `app`",
        )
    ]


@pytest.mark.parametrize(
    ("wanted", "version", "fine"),
    [
        (">=3.9", "3.11", True),
        (">=3.11.4", "3.11", True),
        (">=3.11.4", "3.11.2", False),
        ("<3.11", "3.11", False),
        ("!=3.11.*", "3.11", False),
        ("nonsense", "3.11", True),
    ],
)
def test_a_wheel_for_another_python_is_refused(found, wanted, version, fine):
    findings = found(("app-1.0-py3-none-any.whl", {"python": wanted}), version=version)
    assert [each.name for each in findings] == ([] if fine else ["requires-python"])


def test_cuda_of_the_wheels_is_held_against_the_bases(found):
    torch = ("torch-2.6.0+cu118-cp311-cp311-linux_x86_64.whl", {})
    runtime = ("nvidia_cuda_runtime_cu12-12.4.127-py3-none-any.whl", {})
    assert found(torch) == []
    assert [each.message for each in found(torch, base_cuda="12.4")] == [
        "`torch` is built for CUDA 11.8, and the base image has CUDA 12.4"
    ]
    assert [each.message for each in found(runtime, base_cuda="12.4")] == [
        (
            "the image gets CUDA twice: from the base image, and from the wheels that `nvidia-cuda-runtime-cu12`"
            " brings"
        )
    ]
    older = ("nvidia_cublas_cu11-11.10-py3-none-any.whl", {})
    newer = ("nvidia_cublas_cu12-12.4-py3-none-any.whl", {})
    assert [(each.name, each.message) for each in found(older, newer)] == [
        ("cuda-twice", "the packages bring the libraries of CUDA 11 and 12")
    ]
    assert {each.severity for each in (*found(torch, base_cuda="12.4"), *found(older, newer))} == {"warning"}


def test_what_was_read_while_resolving_is_not_asked_for_again(index, settings, tmp_path):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-py3-none-any.whl")
    build = Build(python_version="3.11", python_packages=("app",))
    made = closure.resolve_python(
        build, tmp_path, "linux/amd64", glibc=(2, 36), settings=settings, report=Heard()
    ).wheels
    index.requests.clear()
    options = {"glibc": (2, 36), "report": Heard()}
    assert checks.check_closure(made, build, tmp_path, "linux/amd64", settings=settings, **options) == []
    assert index.requests == []
    # Another machine, which has only the lock, finds the wheels and reads what it needs of them.
    elsewhere = Settings(cache=tmp_path / "elsewhere")
    assert checks.check_closure(made, build, tmp_path, "linux/amd64", settings=elsewhere, **options) == []
    assert [line for line in index.requests if "files" in line]


def test_the_first_error_is_raised_and_the_rest_is_told():
    heard = Heard()
    findings = [
        Finding(name="cuda", message="one", hint="mend it", severity="warning"),
        Finding(name="glibc", message="two", hint="mend that"),
        Finding(name="same-file", message="three", hint="mend this"),
    ]
    with pytest.raises(ResolveError) as caught:
        checks.enforce_checks(findings, heard)
    assert str(caught.value) == "two"
    assert caught.value.hint == "mend that; or accept it with `build.allow: [glibc]`"
    assert heard.warnings == [
        ("one", "mend it; or accept it with `build.allow: [cuda]`"),
        ("three", "mend this; or accept it with `build.allow: [same-file]`"),
    ]
    checks.enforce_checks(findings[:1], heard)
