"""Who asked for what: a closure's packages as a graph, from the wheels' own metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cogfreeze.resolve.requirements.line import marker_holds

_VIA = re.compile(r"^([A-Za-z0-9._-]+)[^\n#]*?(?:#\w\S*)?\s+# via (.+)$", re.MULTILINE)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.resolve.requirements.line import Line


def required_by(
    roots: Iterable[Line], requires: Mapping[str, Iterable[str]], markers: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return, for every package that the roots reach, the packages that ask for it, sorted; none for a root.

    Args:
        requires: each package's requirements by its normalised name.
        markers: the environment that they hold in.
    """
    extras: dict[str, set[str]] = {}
    askers: dict[str, set[str]] = {}
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
        for requirement in _parsed(requires[name], extras[name]):
            asked = canonicalize_name(requirement.name)
            if asked in requires and marker_holds(requirement, markers, extras[name]):
                askers.setdefault(asked, set()).add(name)
                reach(asked, requirement.extras)
    return {
        name: () if name in declared else tuple(sorted(askers.get(name, set()) - {name}))
        for name in sorted(extras)
    }


def required_by_in_comments(text: str) -> dict[str, tuple[str, ...]]:
    """Return the same from uv's comments: `idna==3.10  # via requests`, or `# via -r FILE` for a root."""
    found: dict[str, tuple[str, ...]] = {}
    for name, via in _VIA.findall(text):
        askers = [each.strip() for each in via.split(",")]
        declared = any(each.startswith("-r ") for each in askers)
        packages = [canonicalize_name(each) for each in askers if not each.startswith("-")]
        found[canonicalize_name(name)] = () if declared else tuple(sorted(packages))
    return found


def _parsed(lines: Iterable[str], extras: Iterable[str]) -> list[Requirement]:
    found = []
    for line in lines:
        # Most lines of most wheels are for extras that nobody wants, and parsing is what costs here.
        if "extra ==" in line and " or " not in line and not extras:
            continue
        try:
            found.append(Requirement(line))
        except InvalidRequirement:
            # Old packages' metadata; uv has mended and judged it.
            continue
    return found
