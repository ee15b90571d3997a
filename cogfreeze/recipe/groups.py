"""Which wheels share a layer.

A large wheel has its own layer, so that a new version of another package neither rebuilds nor pushes it, and
projects with the same wheel share it. Small wheels of one index share a layer. Wheels that install the same file
have layers of their own too, in the order of their names, so that the last one's file is in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cogfreeze.lock.model import Wheel

# Pushing smaller wheels again costs less than another layer: a project's small wheels add up to a MB or two.
ALONE = 128 * 1024

# An image can have 127 layers. The base, apt and our own need some, and each layer is one request per pull.
MOST_ALONE = 40

DEFAULT_INDEX = "pypi"
# The index name of wheels in the project's folder.
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Wheels that share a layer.

    Attributes:
        name: the name of its stage, its folder of downloads and its requirements list.
        index: the name of the index that all of them come from.
        wheels: sorted by name.
    """

    name: str
    index: str
    wheels: tuple[Wheel, ...]


def group(wheels: Iterable[Wheel]) -> tuple[Group, ...]:
    """Return the groups, those of a single wheel first, sorted by name; the order of `wheels` doesn't matter."""
    ordered = sorted(wheels, key=lambda wheel: wheel.name)
    by_size = sorted(ordered, key=lambda wheel: (-wheel.size, wheel.name))
    own = {wheel.name for wheel in ordered if wheel.same_files}
    large = [wheel.name for wheel in by_size if wheel.size >= ALONE and wheel.name not in own]
    own.update(large[: max(0, MOST_ALONE - len(own))])
    alone = [
        Group(name=f"package-{wheel.name}", index=wheel.index, wheels=(wheel,))
        for wheel in ordered
        if wheel.name in own
    ]
    rest: dict[str, list[Wheel]] = {}
    for wheel in ordered:
        if wheel.name not in own:
            rest.setdefault(wheel.index, []).append(wheel)
    together = [
        Group(name=_name(index), index=index, wheels=tuple(members)) for index, members in sorted(rest.items())
    ]
    return (*alone, *together)


def _name(index: str) -> str:
    return "packages" if index == DEFAULT_INDEX else f"packages-{index}"
