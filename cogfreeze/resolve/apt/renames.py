"""Which package of an archive has taken the place of one that it no longer has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog.system_packages import old_name
from cogfreeze.lock import debian_version

if TYPE_CHECKING:
    from cogfreeze.resolve.apt.package_lists import PackageIndex

# A shared library's package ends in the number of its interface: `libx264-148`, `libldap-2.4-2`, `libffi7`.
_LIBRARIES = (
    re.compile(r"(?P<stem>lib[a-z0-9+.]*\d)-\d+(?:t64)?"),
    re.compile(r"(?P<stem>lib[a-z0-9+.-]*?[a-z+])-?(?:\d[\d.]*(?:-\d+)*[a-z]?)?(?:t64)?"),
)
_T64 = "t64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """What to declare in place of a package.

    Attributes:
        name: the new package; None if nothing is needed.
        why: a sentence for the user; may be empty.
    """

    name: str | None
    why: str = ""


def successor(name: str, index: PackageIndex) -> Successor | None:
    """Return what replaces a package that an archive does not have; None if that is not clear.

    The table of known names is used first, then the archive: the same library with 64-bit times (`t64`),
    its newest interface, and the only package that declares to replace the old one.
    """
    known = old_name(name)
    if known is not None:
        if not known.to:
            return Successor(name=None, why=known.why)
        if found := next((each for each in known.to if each in index), None):
            return Successor(name=found, why=known.why)
    if f"{name}{_T64}" in index:
        return Successor(name=f"{name}{_T64}")
    if newest := _newest_library(name, index):
        return Successor(name=newest)
    replacing = index.replacing(name)
    return Successor(name=replacing[0]) if len(replacing) == 1 else None


def _newest_library(name: str, index: PackageIndex) -> str | None:
    for form in _LIBRARIES:
        if found := form.fullmatch(name):
            wanted = re.compile(rf"{re.escape(found['stem'])}-?(?P<number>\d[\d.]*(?:-\d+)*)[a-z]?(?:{_T64})?")
            others = [(match["number"], each) for each in index.names() if (match := wanted.fullmatch(each))]
            if others:
                return max(others, key=lambda pair: debian_version.key(pair[0]))[1]
    return None
