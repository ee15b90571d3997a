"""Which wheels share a layer.

A wheel of some size has a layer of its own, so that another package's new version neither rebuilds nor pushes it,
and every project with the same wheel shares it. The small ones of one index go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cogfreeze.lock.model import Wheel

# What is smaller costs less to push again than a layer costs to have: the small ones of a project are a MB or two.
ALONE = 128 * 1024

# An image may have 127 layers; the base, apt and our own take some, and each costs a request at every pull.
MOST_ALONE = 40

DEFAULT_INDEX = "pypi"
# The index of wheels that lie in the project's folder.
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Wheels that share a layer.

    Attributes:
        name: also the name of its stage, of its folder among the fetched files and of its requirements list.
        index: the name of the one index that all of them come from.
        wheels: sorted by name.
    """

    name: str
    index: str
    wheels: tuple[Wheel, ...]


def group(wheels: Iterable[Wheel]) -> tuple[Group, ...]:
    """Return the groups, wheels that are alone first; the same whatever the order of `wheels`."""
    ordered = sorted(wheels, key=lambda wheel: wheel.name)
    by_size = sorted(ordered, key=lambda wheel: (-wheel.size, wheel.name))
    large = {wheel.name for wheel in by_size[:MOST_ALONE] if wheel.size >= ALONE}
    alone = [
        Group(name=f"package-{wheel.name}", index=wheel.index, wheels=(wheel,))
        for wheel in ordered
        if wheel.name in large
    ]
    rest: dict[str, list[Wheel]] = {}
    for wheel in ordered:
        if wheel.name not in large:
            rest.setdefault(wheel.index, []).append(wheel)
    together = [
        Group(name=_name(index), index=index, wheels=tuple(members)) for index, members in sorted(rest.items())
    ]
    return (*alone, *together)


def _name(index: str) -> str:
    return "packages" if index == DEFAULT_INDEX else f"packages-{index}"
