"""Pairs of locks, each named for the change between them."""

from dataclasses import replace

from cogfreeze.lock import model


def sha(number):
    """A hash that is told apart by its first digits."""
    return f"{number:08x}" + "0" * 56


def wheel(name, version, size, number, *required_by, index="pypi", tag="py3-none-any", **more):
    return model.Wheel(
        name=name,
        version=version,
        file=f"{name.replace('-', '_')}-{version}-{tag}.whl",
        sha256=sha(number),
        size=size,
        index=index,
        required_by=required_by,
        **more,
    )


def deb(name, version, size, number, *required_by, architecture="amd64", archive="debian"):
    return model.Deb(
        name=name,
        version=version,
        architecture=architecture,
        sha256=sha(number),
        size=size,
        archive=archive,
        path=f"pool/main/{name[0]}/{name}/{name}_{version.split(':')[-1]}_{architecture}.deb",
        required_by=required_by,
    )


def suite(archive, name, number, *signers):
    return model.AptSuite(
        archive=archive, suite=name, components=("main",), inrelease=sha(number), signers=signers or ("A" * 40,)
    )


LINUX = "cp311-cp311-manylinux_2_28_x86_64"
WHEELS = (
    wheel("requests", "2.31.0", 62_574, 1),
    wheel("torch", "2.9.0", 887_000_000, 2, index="pytorch-cu128", tag=LINUX),
    wheel("certifi", "2024.8.30", 167_321, 3, "requests"),
    wheel("idna", "3.10", 70_442, 4, "requests"),
    wheel("numpy", "2.3.1", 16_900_000, 5, "torch", tag=LINUX),
    wheel("sympy", "1.13.3", 6_200_000, 6, "torch"),
    wheel("urllib3", "2.2.3", 126_338, 7, "requests"),
)
RUNTIME = (
    wheel("dumb-init", "1.2.5", 9_054, 20),
    wheel("trio", "0.35.0", 513_178, 21),
    wheel("uv", "0.13.8", 17_389_450, 22),
    wheel("outcome", "1.3.0", 10_692, 23, "trio"),
)
DEBS = (
    deb("git", "1:2.39.5-0+deb12u2", 7_264_000, 31),
    deb("libgl1", "1.6.0-1", 88_448, 32),
    deb("libcurl3-gnutls", "7.88.1-10+deb12u8", 385_000, 34, "git"),
    deb("libglvnd0", "1.6.0-1", 51_820, 33, "libgl1"),
)
PLATFORM = model.PlatformLock(
    platform="linux/amd64",
    base=model.BaseImage(
        reference="python:3.11-slim-bookworm",
        digest=f"sha256:{sha(51)}",
        manifest=f"sha256:{sha(52)}",
        reason="the slim image of Python 3.11",
        distribution="debian:bookworm",
        packages=f"sha256:{sha(53)}",
    ),
    apt=model.Apt(
        snapshot="20261101T000000Z",
        suites=(suite("debian", "bookworm", 41), suite("debian-security", "bookworm-security", 42, "B" * 40)),
        packages=DEBS,
    ),
    python=model.Python(version="3.11", wheels=WHEELS, runtime=RUNTIME),
)
LOCK = model.Lock(
    schema=1,  # whose packages don't record what they require
    tools=model.Tools(
        cogfreeze="0.2.0",
        uv="0.13.8",
        recipe=2,
        runtime=f"sha256:{sha(61)}",
        frontend=f"docker/dockerfile:1.28.0@sha256:{sha(62)}",
    ),
    inputs=(
        ("build.python_packages", ("requests==2.31.0", "torch==2.9.0")),
        ("build.python_version", "3.11"),
        ("build.system_packages", ("git", "libgl1")),
    ),
    files=(model.LockedFile(url="https://example.org/model.tar.gz", sha256=sha(71), size=5_000_000),),
    platforms=(PLATFORM,),
)


def declaring(lock, **values):
    """The lock with other inputs: `python_packages=(…)`; None removes a key."""
    inputs = dict(lock.inputs) | {f"build.{key}": value for key, value in values.items()}
    return replace(lock, inputs=tuple(sorted((key, value) for key, value in inputs.items() if value is not None)))


def platform(lock, **changes):
    return replace(lock, platforms=(replace(lock.platforms[0], **changes),))


def python(lock, **changes):
    return platform(lock, python=replace(lock.platforms[0].python, **changes))


def base(lock, **changes):
    return platform(lock, base=replace(lock.platforms[0].base, **changes))


def apt(lock, **changes):
    return platform(lock, apt=replace(lock.platforms[0].apt, **changes))


def in_order(members):
    return tuple(sorted(members, key=lambda each: (bool(each.required_by), each.name)))


def wheels(lock, *changed, without=()):
    """The lock with some wheels replaced by name, or added, or left out."""
    known = {each.name: each for each in lock.platforms[0].python.wheels} | {each.name: each for each in changed}
    return python(lock, wheels=in_order(each for name, each in known.items() if name not in without))


def debs(lock, *changed, without=()):
    known = {each.name: each for each in lock.platforms[0].apt.packages} | {each.name: each for each in changed}
    return apt(lock, packages=in_order(each for name, each in known.items() if name not in without))


def known(name):
    return next(each for each in (*WHEELS, *DEBS, *RUNTIME) if each.name == name)


NEW_REQUESTS = ("requests==2.32.3", "torch==2.9.0")
UPGRADED = wheels(
    declaring(LOCK, python_packages=NEW_REQUESTS),
    wheel("requests", "2.32.3", 64_928, 101),
    wheel("certifi", "2025.1.31", 166_393, 102, "requests"),
)
CUDA = model.BaseImage(
    reference="nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04",
    digest=f"sha256:{sha(151)}",
    manifest=f"sha256:{sha(152)}",
    reason="CUDA 13.0 with cuDNN 9",
    distribution="ubuntu:24.04",
)
TINY = model.Source(
    name="tiny",
    version="1.0",
    kind="git",
    file="tiny-1.0.zip",
    sha256=sha(161),
    size=4_000,
    index="url",
    url="https://example.org/tiny.git",
    commit="c" * 40,
)
RECORD = model.ImageRecord(
    made_from=f"sha256:{sha(171)}",
    digest=f"sha256:{sha(172)}",
    layers=(f"sha256:{sha(173)}",),
    engine="docker 29.0.0",
)
ARM = replace(
    PLATFORM,
    platform="linux/arm64",
    apt=None,
    python=replace(PLATFORM.python, wheels=WHEELS[:1], runtime=RUNTIME[:3]),
)
WITH_TINY = python(
    declaring(
        LOCK, python_packages=("requests==2.31.0", "tiny @ git+https://example.org/tiny.git", "torch==2.9.0")
    ),
    sources=(TINY,),
)

# What changed → the lock before and after it.
PAIRS = {
    "nothing": (LOCK, LOCK),
    "first-lock": (None, LOCK),
    "one-package-upgraded-with-what-it-requires": (LOCK, UPGRADED),
    "declared-package-added": (
        LOCK,
        wheels(
            declaring(LOCK, python_packages=("pillow==11.0.0", "requests==2.31.0", "torch==2.9.0")),
            wheel("pillow", "11.0.0", 4_400_000, 103, tag=LINUX),
        ),
    ),
    "declared-package-removed-with-what-it-required": (
        LOCK,
        wheels(
            declaring(LOCK, python_packages=("torch==2.9.0",)), without=("requests", "certifi", "idna", "urllib3")
        ),
    ),
    "package-downgraded": (UPGRADED, LOCK),
    "same-version-other-hash": (LOCK, wheels(LOCK, replace(known("numpy"), sha256=sha(666)))),
    "same-version-other-file": (
        LOCK,
        wheels(LOCK, wheel("numpy", "2.3.1", 16_900_001, 667, "torch", tag="1-" + LINUX)),
    ),
    "same-hash-other-size": (LOCK, wheels(LOCK, replace(known("idna"), size=70_443))),
    "package-from-another-index": (LOCK, wheels(LOCK, replace(known("urllib3"), index="index-1"))),
    "new-index": (
        LOCK,
        wheels(
            declaring(LOCK, python_packages=("private==1.0", "requests==2.31.0", "torch==2.9.0")),
            wheel("private", "1.0", 10_000, 104, index="company"),
        ),
    ),
    "index-gives-no-hash-any-more": (LOCK, wheels(LOCK, replace(known("sympy"), hash_origin="computed"))),
    "wheel-becomes-source-build": (
        LOCK,
        python(
            LOCK,
            wheels=tuple(each for each in WHEELS if each.name != "sympy"),
            sources=(
                model.Source(
                    name="sympy",
                    version="1.13.3",
                    kind="sdist",
                    file="sympy-1.13.3.tar.gz",
                    sha256=sha(162),
                    size=7_500_000,
                    required_by=("torch",),
                ),
            ),
            build=(wheel("setuptools", "80.9.0", 1_200_000, 163),),
        ),
    ),
    "git-commit-moved": (WITH_TINY, python(WITH_TINY, sources=(replace(TINY, commit="d" * 40, sha256=sha(164)),))),
    "git-repository-moved": (
        WITH_TINY,
        python(WITH_TINY, sources=(replace(TINY, url="https://example.net/tiny.git"),)),
    ),
    "lock-moved-without-declaration": (
        LOCK,
        wheels(LOCK, wheel("certifi", "2025.1.31", 166_393, 102, "requests")),
    ),
    "package-that-nobody-declared": (
        UPGRADED,
        wheels(
            declaring(UPGRADED, python_packages=("requests==2.32.3", "torch==2.9.1")),
            wheel("evil", "1.0", 666, 668),
        ),
    ),
    "base-image-tag-moved": (
        LOCK,
        base(LOCK, digest=f"sha256:{sha(251)}", manifest=f"sha256:{sha(252)}", packages=f"sha256:{sha(253)}"),
    ),
    "base-image-of-another-repository": (
        LOCK,
        base(LOCK, reference="registry.example.net/python:3.11-slim-bookworm", digest=f"sha256:{sha(254)}"),
    ),
    "base-digest-kept-manifest-swapped": (LOCK, base(LOCK, manifest=f"sha256:{sha(255)}")),
    "system-packages-from-a-newer-snapshot": (
        LOCK,
        apt(
            LOCK,
            snapshot="20261120T000000Z",
            suites=(suite("debian", "bookworm", 43), suite("debian-security", "bookworm-security", 44, "B" * 40)),
            packages=(
                deb("git", "1:2.39.5-0+deb12u3", 7_265_000, 131, archive="debian-security"),
                DEBS[1],
                deb("libcurl3-gnutls", "7.88.1-10+deb12u14", 386_000, 134, "git"),
                DEBS[3],
            ),
        ),
    ),
    "snapshot-went-back": (LOCK, apt(LOCK, snapshot="20260901T000000Z")),
    "archive-signed-by-a-new-key": (
        LOCK,
        apt(
            LOCK,
            suites=(suite("debian", "bookworm", 41, "A" * 40, "C" * 40), LOCK.platforms[0].apt.suites[1]),
        ),
    ),
    "index-of-the-archive-swapped": (
        LOCK,
        apt(LOCK, suites=(suite("debian", "bookworm", 673), LOCK.platforms[0].apt.suites[1])),
    ),
    "deb-from-another-archive": (
        LOCK,
        apt(
            LOCK,
            suites=(*LOCK.platforms[0].apt.suites, suite("evil", "bookworm", 45, "E" * 40)),
            packages=(replace(DEBS[0], archive="evil", sha256=sha(669)), *DEBS[1:]),
        ),
    ),
    "cuda-and-python-upgraded": (
        LOCK,
        platform(
            declaring(LOCK, gpu=True, cuda="13.0", python_version="3.12", system_packages=None),
            base=CUDA,
            apt=None,
            python=replace(
                PLATFORM.python,
                version="3.12",
                interpreter=model.Interpreter(
                    release="cpython-3.12.9-linux-x86_64-gnu",
                    url="20261110/cpython-3.12.9.tar.gz",
                    sha256=sha(181),
                    size=30_000_000,
                ),
                wheels=tuple(
                    replace(each, file=each.file.replace("cp311", "cp312"), sha256=sha(200 + number))
                    if "cp311" in each.file
                    else each
                    for number, each in enumerate(WHEELS)
                ),
            ),
        ),
    ),
    "platform-added": (
        LOCK,
        declaring(replace(LOCK, platforms=(PLATFORM, ARM)), platforms=("linux/amd64", "linux/arm64")),
    ),
    "platform-removed": (
        declaring(replace(LOCK, platforms=(PLATFORM, ARM)), platforms=("linux/amd64", "linux/arm64")),
        LOCK,
    ),
    "cogfreeze-upgraded": (
        LOCK,
        python(
            replace(LOCK, tools=replace(LOCK.tools, cogfreeze="0.3.0", recipe=3, runtime=f"sha256:{sha(263)}")),
            runtime=(RUNTIME[0], wheel("trio", "0.36.0", 520_000, 121), *RUNTIME[2:]),
        ),
    ),
    "server-package-swapped": (
        LOCK,
        python(LOCK, runtime=(RUNTIME[0], wheel("trio", "0.35.1", 513_179, 670), *RUNTIME[2:])),
    ),
    "frontend-from-another-repository": (
        LOCK,
        replace(LOCK, tools=replace(LOCK.tools, frontend=f"evil/dockerfile:1.28.0@sha256:{sha(671)}")),
    ),
    "file-of-a-command-replaced": (
        LOCK,
        replace(LOCK, files=(replace(LOCK.files[0], sha256=sha(672), size=5_000_001),)),
    ),
    "image-recorded": (LOCK, platform(LOCK, image=RECORD)),
    "hostile-words-in-the-declaration": (
        LOCK,
        declaring(
            LOCK, python_packages=("requests==2.31.0", "torch==2.9.0 ; extra == '</code><script>`|@everyone'")
        ),
    ),
}
