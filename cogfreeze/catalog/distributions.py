"""The archives that a distribution installs from."""

from __future__ import annotations

from dataclasses import dataclass

from cogfreeze.errors import ResolveError

DEBIAN = ("bullseye", "bookworm", "trixie")
UBUNTU = {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "26.04": "resolute"}

# What else an archive may have, besides what a distribution uses by default.
COMPONENTS = {"debian": ("main", "contrib", "non-free", "non-free-firmware")}

# The C library of each release, which decides which manylinux wheels run on it.
_GLIBC = {
    "debian:bullseye": (2, 31),
    "debian:bookworm": (2, 36),
    "debian:trixie": (2, 41),
    "ubuntu:20.04": (2, 31),
    "ubuntu:22.04": (2, 35),
    "ubuntu:24.04": (2, 39),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pocket:
    """One suite of one archive, as in a line of sources.list.

    Attributes:
        archive: the archive's name at the snapshot service.
    """

    archive: str
    suite: str
    components: tuple[str, ...]


def pockets(distribution: str) -> tuple[Pocket, ...]:
    """Return the suites that a distribution's own images install from: release, updates and security.

    Args:
        distribution: `debian:bookworm`, `ubuntu:22.04`.

    Raises:
        ResolveError: another distribution, or a release whose archives have no keys in `catalog/keys`.
    """
    family, _, release = distribution.partition(":")
    if family == "debian" and release in DEBIAN:
        suites = {release: "debian", f"{release}-updates": "debian", f"{release}-security": "debian-security"}
        return tuple(Pocket(archive=suites[suite], suite=suite, components=("main",)) for suite in suites)
    if family == "ubuntu" and release in UBUNTU:
        components = ("main", "restricted", "universe", "multiverse")
        names = [UBUNTU[release] + suffix for suffix in ("", "-updates", "-security")]
        return tuple(Pocket(archive="ubuntu", suite=suite, components=components) for suite in names)
    known = ", ".join([*(f"debian:{each}" for each in DEBIAN), *(f"ubuntu:{each}" for each in UBUNTU)])
    raise ResolveError(
        f"system packages cannot be locked on a base of `{distribution}`",
        where="build.system_packages",
        hint=f"choose a base image of one of {known}",
    )


def glibc(distribution: str) -> tuple[int, int] | None:
    """Return the version of a distribution's C library, or None if unknown."""
    return _GLIBC.get(distribution)
