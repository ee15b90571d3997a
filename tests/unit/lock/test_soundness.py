"""A lock whose packages don't fit the declaration or each other is found, offline, with both lines."""

from dataclasses import replace

import pytest

from cogfreeze.lock import file, model, soundness
from cogfreeze.resolve.requirements import lines_of

from .sample import LOCK, WITH_SOURCES, A


def wheel(name, version, requires=(), required_by=(), **more):
    return model.Wheel(
        name=name,
        version=version,
        file=f"{name.replace('-', '_')}-{version}-py3-none-any.whl",
        sha256=A,
        size=1,
        requires=tuple(requires),
        required_by=tuple(required_by),
        **more,
    )


def lock_of(*wheels, **more):
    part = LOCK.platforms[0]
    python = model.Python(version="3.11", wheels=wheels, **more)
    return replace(LOCK, platforms=(replace(part, apt=None, python=python),))


def found(lock, *declared, constraints=(), system=()):
    text = file.dumps(lock)
    clashes = soundness.clashes(
        file.loads(text), lines_of(declared, "cog.yaml"), lines_of(constraints, "limits.txt:1"), system
    )
    lines = text.splitlines()

    def line_of(path):
        return next(f"<{word}>" for word in lines[file.line_of(text, path) - 1].split('"')[1:2])

    return [soundness.words(each, line_of, "cog.lock") for each in clashes]


NUMBA = wheel("numba", "0.61.0", ["numpy<2.2,>=1.24"])
NUMPY = wheel("numpy", "2.1.3")


def test_a_sound_lock_has_no_clash():
    app = wheel("app", "1.0", ["lib[x]>=2"], extras=("more",), requires_python=">=3.8")
    lib = wheel("lib", "2.1", ["tiny"], ["app"], extras=("x",))
    tiny = wheel("tiny", "1.0rc1", (), ["lib"])
    assert found(lock_of(app, lib, tiny), "app[more]==1.*", "other; sys_platform == 'win32'", "cog") == []
    assert found(lock_of(NUMBA, NUMPY), "numba", "numpy<3", constraints=["numpy<2.2", "absent<1"]) == []


@pytest.mark.parametrize(
    ("wheels", "declared", "message"),
    [
        (
            [NUMBA, wheel("numpy", "2.4.6")],
            ["numba", "numpy"],
            "cog.lock:<numba>: `numba` 0.61.0 requires `numpy<2.2,>=1.24`, and cog.lock:<numpy> has `numpy` 2.4.6",
        ),
        (
            [wheel("click", "8.1.7")],
            ["click==8.1.8"],
            "cog.yaml: `click==8.1.8` is declared, and cog.lock:<click> has `click` 8.1.7",
        ),
        (
            [NUMBA],
            ["numba"],
            "cog.lock:<numba>: `numba` 0.61.0 requires `numpy<2.2,>=1.24`, and the lock has no `numpy`",
        ),
        ([], ["six"], "cog.yaml: `six` is declared, and the lock has no `six`"),
        (
            [wheel("app", "1", ["lib[x]"]), wheel("lib", "1", (), ["app"])],
            ["app"],
            "cog.lock:<app>: `app` 1 requires `lib[x]`, and cog.lock:<lib> has `lib` without its extra `x`",
        ),
        (
            [wheel("lib", "1")],
            ["lib[x]"],
            "cog.yaml: `lib[x]` is declared, and cog.lock:<lib> has `lib` without its extra `x`",
        ),
        (
            [wheel("app", "1", requires_python=">=3.12")],
            ["app"],
            "cog.lock:<app>: `app` 1 requires Python >=3.12, and the lock has Python 3.11",
        ),
        (
            [wheel("app", "1"), wheel("lib", "1", (), ["gone"])],
            ["app"],
            "cog.lock:<lib>: `lib` 1 is locked as required by `gone`, and the lock has no `gone`",
        ),
        (
            [wheel("app", "1"), wheel("lib", "1", (), ["app"])],
            ["app"],
            "cog.lock:<lib>: `lib` 1 is locked as required by `app`,"  # noqa: ISC004
            " and cog.lock:<app> has `app`, which doesn't require it",
        ),
        (
            [wheel("app", "1"), wheel("lib", "1")],
            ["app"],
            "cog.lock:<lib>: `lib` 1 is locked, and the lock has nothing that requires it",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_both_lines(wheels, declared, message):
    assert found(lock_of(*wheels), *declared) == [message]


def test_a_constraint_and_declared_hashes_hold_too():
    (clash,) = found(lock_of(NUMPY), "numpy", constraints=["numpy<2"])
    assert clash == "limits.txt:1: `numpy<2` is declared, and cog.lock:<numpy> has `numpy` 2.1.3"
    (line,) = lines_of(["numpy"], "requirements.txt:1")
    hashed = replace(line, hashes=("f" * 64,))
    (clash,) = soundness.clashes(lock_of(NUMPY), [hashed], [])
    assert clash.requirement == "other hashes are declared for `numpy`"


def test_what_builds_a_source_satisfies_what_its_build_requires():
    part = WITH_SOURCES.platforms[0]
    python = replace(part.python, wheels=(), sources=part.python.sources[:1])
    old = replace(python.build[0], version="40.0.0", file="setuptools-40.0.0-py3-none-any.whl")
    lock = replace(WITH_SOURCES, platforms=(replace(part, python=replace(python, build=(old,))),))
    (clash,) = found(lock, "docopt")
    assert clash == (
        "cog.lock:<docopt>: the build of `docopt` 0.6.2 requires `setuptools>=40.8.0`,"
        " and cog.lock:<setuptools> has `setuptools` 40.0.0"
    )


@pytest.mark.parametrize(
    ("relation", "fits"),
    [
        ("", True),
        (" (= 1.6.0-1)", True),
        (" (>= 1:1.0)", False),
        (" (<< 1.6.0-1)", False),
        (" (>> 1.6.0~rc1)", True),
    ],
)
def test_system_packages_satisfy_each_other_in_debian_order(relation, fits):
    part = LOCK.platforms[0]
    first, second = part.apt.packages
    apt = replace(part.apt, packages=(replace(first, depends=(f"libglvnd0{relation}",)), second))
    lock = replace(LOCK, platforms=(replace(part, apt=apt, python=model.Python(version="3.11")),))
    clash = (
        f"cog.lock:<libgl1>: `libgl1` 1:1.6.0-1 depends on `libglvnd0{relation}`,"
        " and cog.lock:<libglvnd0> has `libglvnd0` 1.6.0-1"
    )
    assert found(lock) == ([] if fits else [clash])


def test_a_system_package_without_its_dependency_or_in_another_version_is_found():
    part = LOCK.platforms[0]
    apt = replace(part.apt, packages=part.apt.packages[:1])
    lock = replace(LOCK, platforms=(replace(part, apt=apt, python=model.Python(version="3.11")),))
    missing = "`libgl1` 1:1.6.0-1 depends on `libglvnd0 (= 1.6.0-1)`, and the lock has no `libglvnd0`"
    assert found(lock, system=["libgl1=1.0"]) == [
        "build.system_packages: `libgl1=1.0` is declared, and cog.lock:<libgl1> has `libgl1` 1:1.6.0-1",
        f"cog.lock:<libgl1>: {missing}",
    ]
    assert found(lock, system=["libgl1=1:1.6*"]) == [f"cog.lock:<libgl1>: {missing}"]


def test_a_lock_of_schema_1_is_held_to_the_declaration():
    lock = replace(lock_of(wheel("app", "1"), wheel("lib", "1", (), ["app"])), schema=1)
    assert found(lock, "app[x]") == []
    assert found(lock, "app==2") == ["cog.yaml: `app==2` is declared, and cog.lock:<app> has `app` 1"]
