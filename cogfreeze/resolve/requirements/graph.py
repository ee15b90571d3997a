"""Which package requires which: a closure as a graph, from the packages' own metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from cogfreeze.lock.requirements import applying

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.resolve.requirements.line import Line

_VIA = re.compile(r"^([A-Za-z0-9._-]+)[^\n#]*?(?:#\w\S*)?\s+# via (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The packages that the declared requirements reach.

    Attributes:
        required_by: for every package, those that require it, sorted; none for a declared one.
        extras: for every package, its extras that are asked for, normalised and sorted.
    """

    required_by: dict[str, tuple[str, ...]]
    extras: dict[str, tuple[str, ...]]


def dependency_graph(
    roots: Iterable[Line], requires: Mapping[str, Iterable[str]], markers: Mapping[str, str]
) -> Graph:
    """Return the graph of a closure.

    Args:
        requires: each package's requirements by its normalised name.
        markers: the environment that they hold in.
    """
    extras: dict[str, set[str]] = {}
    requiring: dict[str, set[str]] = {}
    queue: list[str] = []

    def reach(name: str, wanted: Iterable[str]) -> None:
        known = extras.get(name)
        new = {canonicalize_name(extra) for extra in wanted}
        if known is None or new - known:
            extras.setdefault(name, set()).update(new)
            queue.append(name)

    declared = set()
    for line in roots:
        if line.name is not None and line.name in requires:
            declared.add(line.name)
            reach(line.name, line.requirement.extras if line.requirement else ())
    while queue:
        name = queue.pop()
        for requirement in applying(requires[name], markers, extras[name]):
            required = canonicalize_name(requirement.name)
            if required in requires:
                requiring.setdefault(required, set()).add(name)
                reach(required, requirement.extras)
    return Graph(
        required_by={
            name: () if name in declared else tuple(sorted(requiring.get(name, set()) - {name}))
            for name in sorted(extras)
        },
        extras={name: tuple(sorted(found)) for name, found in sorted(extras.items())},
    )


def required_by_in_comments(text: str) -> dict[str, tuple[str, ...]]:
    """Return who requires each package, from uv's comments: `idna==3.10  # via requests`.

    All of them are named, also for a declared package, which has `-r FILE` among them.
    """
    return {
        canonicalize_name(name): tuple(
            sorted(canonicalize_name(each.strip()) for each in via.split(",") if not each.strip().startswith("-"))
        )
        for name, via in _VIA.findall(text)
    }
