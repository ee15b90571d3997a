"""A package's own requirements, in the short form that the lock keeps.

Metadata lists requirements for every platform, Python and extra. A lock is of one platform, so it keeps those that
hold there, without their markers: `importlib-metadata>=4; python_version < "3.10"` becomes `importlib-metadata>=4`
or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from cogfreeze.project.python import PROVIDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


# Docker's name of an architecture → the one in wheel tags and markers.
ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


def markers_of(python: str, platform: str) -> dict[str, str]:
    """Return the whole environment that PEP 508 markers are about.

    Args:
        python: `3.11` or `3.11.9`. Without a patch level it is its first one, as uv takes it.
        platform: `linux/amd64` or `linux/arm64`.
    """
    full = python if python.count(".") == 2 else f"{python}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": ARCHITECTURES.get(platform, ""),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }


def marker_holds(requirement: Requirement, markers: Mapping[str, str], extras: Iterable[str] = ()) -> bool:
    """Return whether a requirement applies; one whose marker makes no sense does, and uv judges it."""
    if requirement.marker is None:
        return True
    try:
        return any(requirement.marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))
    except (UndefinedEnvironmentName, UndefinedComparison):
        return True


def applying(requires: Iterable[str], markers: Mapping[str, str], extras: Iterable[str]) -> list[Requirement]:
    """Return the requirements that hold in an environment.

    Args:
        requires: `Requires-Dist` values. Those that packaging can't read are left out: uv has judged them.
        markers: the environment, as PEP 508 names its values.
        extras: the normalised extras that are installed.
    """
    wanted = [*extras]
    found = []
    for line in requires:
        # Most lines of most wheels are for extras that nobody wants, and parsing is what costs here.
        if "extra ==" in line and " or " not in line and not wanted:
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if marker_holds(requirement, markers, wanted):
            found.append(requirement)
    return found


def recorded(
    requires: Iterable[str],
    markers: Mapping[str, str],
    extras: Iterable[str],
    versions: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return what a lock records of a package's requirements, sorted: `name[extra]>=1,<2`.

    An address is left out, because it may name a machine, and so is what the image itself provides.

    Args:
        versions: the closure's, by package name. A range that uv takes as met and packaging does not is left out.
    """
    found = set()
    for each in applying(requires, markers, extras):
        name = canonicalize_name(each.name)
        if name not in PROVIDED:
            version = (versions or {}).get(name)
            met = each.url or version is None or each.specifier.contains(version, prereleases=True)
            found.add(short(each) if met else short(each).removesuffix(str(each.specifier)))
    return tuple(sorted(found))


def short(requirement: Requirement) -> str:
    """Return a requirement without marker and address: `requests[socks]<3,>=2`."""
    extras = ",".join(sorted(map(canonicalize_name, requirement.extras)))
    specifier = "" if requirement.url else str(requirement.specifier)
    return f"{canonicalize_name(requirement.name)}{f'[{extras}]' if extras else ''}{specifier}"


def recorded_python(requires_python: str | None) -> str | None:
    """Return what a lock records of a `Requires-Python`; None for one that packaging can't read."""
    try:
        return str(SpecifierSet(requires_python)) or None if requires_python else None
    except InvalidSpecifier:
        return None
