"""Which system packages a build from source needs, judged by what is in the archive."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cogfreeze.errors import IntegrityError
from cogfreeze.resolve.fetch import cached_path
from cogfreeze.resolve.python.source_builds import build_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cogfreeze.lock.model import Source
    from cogfreeze.settings import Settings

_COMPILER = ("build-essential", "git", "pkg-config")
_FORTRAN, _RUST = ("gfortran",), ("cargo", "rustc")
# Files that are compiled, and files that say how.
_COMPILED = frozenset({".c", ".cc", ".cpp", ".cxx", ".cu", ".pyx", ".pxd", ".s", ".asm", ".m", ".i"})
_FORTRAN_FILES = frozenset({".f", ".f77", ".f90", ".f95", ".for"})
_BUILD_FILES = frozenset({"CMakeLists.txt", "meson.build", "Makefile", "configure", "configure.ac"})
# Build requirements that call a compiler.
_CALLS_COMPILER = frozenset(
    {"cffi", "cmake", "cython", "meson", "meson-python", "nanobind", "ninja", "pybind11", "scikit-build"}
    | {"scikit-build-core", "torch"}
)
_CALLS_CARGO = frozenset({"maturin", "setuptools-rust"})
# Not part of what is built.
_ASIDE = frozenset({"doc", "docs", "example", "examples", "test", "tests", "benchmarks"})


def toolchain_of(sources: Iterable[Source], settings: Settings) -> tuple[str, ...]:
    """Return the system packages that building these sources needs, sorted; none if they are Python alone.

    The archives must be in the cache.
    """
    wanted: set[str] = set()
    for source in sources:
        path = cached_path(settings, source.sha256, source.file)
        names = [PurePosixPath(*name.parts[1:]) for name in _names(path) if len(name.parts) > 1]
        used = [name for name in names if name.parts and name.parts[0] not in _ASIDE]
        required = {_name_of(each) for each in build_requirements(path)}
        suffixes = {name.suffix.lower() for name in used}
        if suffixes & _FORTRAN_FILES:
            wanted |= {*_COMPILER, *_FORTRAN}
        if required & _CALLS_CARGO or any(name.name == "Cargo.toml" for name in used):
            wanted |= {*_COMPILER, *_RUST}
        top = {str(name) for name in used if len(name.parts) == 1}
        if suffixes & _COMPILED or required & _CALLS_COMPILER or top & _BUILD_FILES - {"Makefile"}:
            wanted |= {*_COMPILER}
    return tuple(sorted(wanted))


def _name_of(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""


def _names(path: Path) -> Iterator[PurePosixPath]:
    """Yield the names of an archive's files."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from map(PurePosixPath, archive.namelist())
            return
        with tarfile.open(path) as packed:
            yield from (PurePosixPath(member.name) for member in packed if member.isfile())
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise IntegrityError(f"`{path.name}` is not an archive: {error}") from None
