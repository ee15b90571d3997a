"""A small lock with one of everything, for the tests of the lock."""

from dataclasses import replace

from cogfreeze.lock import model

A, B, C = "a" * 64, "b" * 64, "c" * 64

LOCK = model.Lock(
    tools=model.Tools(
        cogfreeze="0.1.0",
        uv="0.13.8",
        recipe=1,
        runtime=f"sha256:{A}",
        frontend=f"docker/dockerfile:1.28.0@sha256:{B}",
    ),
    inputs=(
        ("build.gpu", True),
        ("build.python_packages", ("numpy==2.0.0", 'pillow ; python_version > "3.8"')),
        ("build.python_version", "3.11"),
        ("build.system_packages", ("libgl1",)),
        ("files.requirements/base.txt", ("--index-url https://example.org/simple", "zope.interface==6.0")),
    ),
    files=(model.LockedFile(url="https://example.org/a.tar.gz", sha256=C, size=3),),
    platforms=(
        model.PlatformLock(
            platform="linux/amd64",
            base=model.BaseImage(
                reference="python:3.11-slim-bookworm",
                digest=f"sha256:{A}",
                source="catalogue",
                as_of="2026-09-22",
                reason="Python 3.11 without a GPU",
                distribution="debian:bookworm",
                packages=f"sha256:{B}",
                unconfirmed=("manifest", "packages"),
            ),
            apt=model.Apt(
                snapshot="20261121T000000Z",
                suites=(
                    model.AptSuite(
                        archive="debian", suite="bookworm", components=("main",), inrelease=A, signers=("A" * 40,)
                    ),
                ),
                packages=(
                    model.Deb(
                        name="libgl1",
                        version="1:1.6.0-1",
                        architecture="amd64",
                        sha256=A,
                        size=88808,
                        archive="debian",
                        path="pool/main/libg/libglvnd/libgl1_1.6.0-1_amd64.deb",
                        source="libglvnd",
                        source_version="1.6.0-1~src",
                        depends=("libglvnd0 (= 1.6.0-1)",),
                    ),
                    model.Deb(
                        name="libglvnd0",
                        version="1.6.0-1",
                        architecture="amd64",
                        sha256=B,
                        size=5,
                        archive="debian",
                        path="pool/main/libg/libglvnd/libglvnd0_1.6.0-1_amd64.deb",
                        required_by=("libgl1",),
                    ),
                ),
            ),
            python=model.Python(
                version="3.11",
                wheels=(
                    model.Wheel(
                        name="numpy",
                        version="2.0.0",
                        file="numpy-2.0.0-cp311-cp311-manylinux_2_17_x86_64.whl",
                        sha256=A,
                        size=7,
                        extras=("fast",),
                        requires_python=">=3.9",
                        requires=("pillow[x]<12,>=11",),
                    ),
                    model.Wheel(
                        name="pillow",
                        version="11.0.0",
                        file="pillow-11.0.0-cp311-cp311-manylinux_2_28_x86_64.whl",
                        sha256=B,
                        size=8,
                        index="company",
                        required_by=("numpy",),
                        hash_origin="computed",
                    ),
                ),
                runtime=(
                    model.Wheel(name="uv", version="0.13.8", file="uv-0.13.8-py3-none-any.whl", sha256=C, size=9),
                ),
            ),
        ),
    ),
)

# The same project, with packages that are built from source.
WITH_SOURCES = replace(
    LOCK,
    platforms=(
        replace(
            LOCK.platforms[0],
            python=replace(
                LOCK.platforms[0].python,
                sources=(
                    model.Source(
                        name="docopt",
                        version="0.6.2",
                        kind="sdist",
                        file="docopt-0.6.2.tar.gz",
                        sha256=A,
                        size=4,
                        build_requires=("setuptools>=40.8.0",),
                    ),
                    model.Source(
                        name="tiny",
                        version="1.0",
                        kind="git",
                        file="tiny-1.0.zip",
                        sha256=B,
                        size=5,
                        index="url",
                        url="https://git@example.org/tiny.git",
                        commit="c" * 40,
                        path="python",
                        required_by=("pillow",),
                    ),
                ),
                build=(
                    model.Wheel(
                        name="setuptools",
                        version="80.9.0",
                        file="setuptools-80.9.0-py3-none-any.whl",
                        sha256=C,
                        size=6,
                    ),
                ),
            ),
        ),
    ),
)
