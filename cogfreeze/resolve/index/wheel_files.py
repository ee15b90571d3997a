"""Wheel file names: which of a package's wheels is the one for an image.

The target is the image's Python and glibc, never the machine's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from cogfreeze.errors import ResolveError
from cogfreeze.grammar import WHEEL_FILE
from cogfreeze.lock.requirements import ARCHITECTURES, markers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a base is taken to have where nobody knows: the floor of today's wheels, met by every supported release.
USUAL_GLIBC = (2, 28)

# The targets that uv has a name for. A newer glibc is asked for as the newest of these.
_UV_GLIBC = (17, 28, *range(31, 41))

_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_\w+")
_OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A wheel that the index offers for the target.

    Attributes:
        url: `https:` or `file:`; may be the machine's own mirror, so it never reaches the lock.
    """

    file: str
    url: str
    sha256: str


class Named(Protocol):
    """Anything with a wheel's file name."""

    @property
    def file(self) -> str: ...


AnyWheel = TypeVar("AnyWheel", bound=Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where wheels will run.

    Attributes:
        python: `3.11` or `3.11.9`, as declared.
        platform: `linux/amd64`, `linux/arm64`.
        glibc: the base's C library.
    """

    python: str
    platform: str
    glibc: tuple[int, int] = USUAL_GLIBC

    @property
    def architecture(self) -> str:
        """The platform's name in wheel tags."""
        return ARCHITECTURES[self.platform]

    @property
    def minor(self) -> str:
        """`3.11`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def uv_platform(self) -> str:
        """What uv calls it; it knows fewer C libraries than there are."""
        minor = max((each for each in _UV_GLIBC if (2, each) <= self.glibc), default=_UV_GLIBC[0])
        return f"{self.architecture}-manylinux_2_{minor}"

    @property
    def markers(self) -> dict[str, str]:
        """The environment that PEP 508 markers are about."""
        return markers_of(self.python, self.platform)


def target_for(python: str, platform: str, glibc: tuple[int, int] | None) -> Target:
    """Return the Target of a declared Python on a base image.

    Args:
        glibc: the base's; None where the distribution is not known.

    Raises:
        ResolveError: a platform that has no wheels here.
    """
    if platform not in ARCHITECTURES:
        raise ResolveError(
            f"no wheels can be chosen for the platform `{platform}`",
            where="build.platforms",
            hint=f"the platforms are {' and '.join(f'`{name}`' for name in ARCHITECTURES)}",
        )
    return Target(python=python, platform=platform, glibc=glibc or USUAL_GLIBC)


@lru_cache(maxsize=16)
def _ranks(wanted: Target) -> dict[Tag, int]:
    """Every tag that runs on the target, the best one 0."""
    major, minor = map(int, wanted.minor.split("."))
    # manylinux begins with glibc 2.5 on x86_64, and with 2.17 on every younger architecture.
    oldest = 5 if wanted.architecture == "x86_64" else 17
    platforms = []
    for each in range(wanted.glibc[1], oldest - 1, -1):
        platforms.append(f"manylinux_2_{each}_{wanted.architecture}")
        platforms += [f"{name}_{wanted.architecture}" for name, old in _OLD_MANYLINUX.items() if old == (2, each)]
    platforms.append(f"linux_{wanted.architecture}")
    interpreter = f"cp{major}{minor}"
    tags = [
        *cpython_tags((major, minor), [interpreter], platforms),
        *compatible_tags((major, minor), interpreter, platforms),
    ]
    return {tag: wheel_rank for wheel_rank, tag in reversed(list(enumerate(tags)))}


def wheel_rank(file: str, wanted: Target) -> tuple[int, tuple[int, str], str] | None:
    """Return how well a wheel suits the target, the least being the best, or None where it doesn't run there."""
    # An index may offer anything under `1.0-py3-none-any.x/../y.whl`.
    if not WHEEL_FILE.accepts(file):
        return None
    try:
        _name, _version, build, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return None
    ranks = _ranks(wanted)
    found = [ranks[tag] for tag in tags if tag in ranks]
    if not found:
        return None
    number, suffix = (build[0], build[1]) if build else (0, "")
    return min(found), (-number, suffix), file


def best_wheel(candidates: Iterable[AnyWheel], wanted: Target) -> AnyWheel | None:
    """Return the wheel with the best tags for the target (by build number, then by name), or None."""
    ranked = [(found, each) for each in candidates if (found := wheel_rank(each.file, wanted)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def glibc_of(file: str) -> tuple[int, int] | None:
    """Return the oldest glibc that a wheel's name says it runs on, or None where the name promises none.

    `any` and musl wheels promise none, and neither does the bare `linux_x86_64`.
    """
    promised = []
    for platform in file.removesuffix(".whl").rpartition("-")[2].split("."):
        if found := _MANYLINUX.fullmatch(platform):
            promised.append((int(found[1]), int(found[2])))
        elif (old := platform.partition("_")[0]) in _OLD_MANYLINUX:
            promised.append(_OLD_MANYLINUX[old])
    return min(promised, default=None)
