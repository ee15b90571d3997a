"""A lock in short, a line for each thing, as `git diff` shows it (a textconv driver).

Every value that decides the image is in it, hashes by their first 16 digits, so no change of one is hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.review.facts import cuda_of, snapshot
from cogfreeze.review.packages import files, packages
from cogfreeze.review.sizes import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.review.packages import Package

_DIGITS = 16


def short(lock: Lock) -> Iterator[str]:
    """Yield the lines."""
    yield f"tools: cogfreeze {lock.tools.cogfreeze}, uv {lock.tools.uv}, recipe {lock.tools.recipe}"
    yield f"tools: runtime {_digits(lock.tools.runtime)}, frontend {_pinned(lock.tools.frontend)}"
    yield f"schema {lock.schema}, source_date_epoch {lock.source_date_epoch}"
    for key, value in lock.inputs:
        for line in value if isinstance(value, tuple) else (value,):
            yield f"declared: {key}: {str(line).lower() if isinstance(line, bool) else line}"
    yield from map(_package, files(lock))
    for platform in lock.platforms:
        yield ""
        yield platform.platform
        yield from _platform(platform)


def _platform(lock: PlatformLock) -> Iterator[str]:
    base = lock.base
    yield f"base: {base.reference}, digest {_digits(base.digest)}, {base.distribution}, {base.reason}"
    if base.manifest or base.packages:
        yield f"base: manifest {_digits(base.manifest or 'none')}, package list {_digits(base.packages or 'none')}"
    if base.unconfirmed:
        yield f"base: not confirmed by a registry: {', '.join(base.unconfirmed)}; as of {base.as_of}"
    cuda = cuda_of(lock)
    yield f"python: {lock.python.version}" + (f", CUDA {cuda}" if cuda else "")
    if lock.apt:
        yield f"archive: snapshot {snapshot(lock.apt.snapshot)}"
        for suite in lock.apt.suites:
            signers = ", ".join(each[-_DIGITS:] for each in suite.signers)
            yield (
                f"archive: {suite.archive} {suite.suite} {' '.join(suite.components)}, InRelease"
                f" {suite.inrelease[:_DIGITS]}, signed by {signers}"
            )
    yield from map(_package, packages(lock))
    if lock.image:
        yield f"image: {_digits(lock.image.digest)}, built by {lock.image.engine}"


def _package(package: Package) -> str:
    name = f"{package.name}:{package.architecture}" if package.architecture else package.name
    parts = [
        f"{package.kind}: {name} {package.version}",
        size(package.size) if package.size >= 1000 else f"{package.size} bytes",
        f"from {package.origin}",
        *([package.form, package.url or "", package.commit or ""] if package.kind == "python" else []),
        f"sha256 {package.sha256[:_DIGITS]}",
        "computed" if package.hash_origin == "computed" else "",
        f"for {', '.join(package.required_by)}"
        if package.required_by
        else "declared"
        if package.is_declared
        else "",
    ]
    return ", ".join(each for each in parts if each and each != "wheel")


def _digits(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_DIGITS]


def _pinned(reference: str) -> str:
    name, _, digest = reference.partition("@")
    return f"{name} {_digits(digest)}"
