"""What the packages of a closure require where some of them are source, whose metadata is not read here.

uv reads it (by running a build, if it must), and says which package required which, but not with which extras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cogfreeze.lock.requirements import marker_holds
from cogfreeze.resolve.requirements import dependency_graph, required_by_in_comments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cogfreeze.resolve.python.sources import Sources
    from cogfreeze.resolve.python.uv import ResolvedPackage


def with_sources(
    requires: Mapping[str, Iterable[str]],
    found: Sequence[ResolvedPackage],
    sources: Sources,
    routed: Iterable[str],
) -> dict[str, tuple[str, ...]]:
    """Return the requirements of every package of a closure.

    Args:
        requires: those of the wheels, by package name.
        found: the closure.
        routed: members of the torch family that come from its own index.
    """
    requiring = required_by_in_comments(sources.requiring(found, routed).text)
    complete = {name: tuple(each) for name, each in requires.items()}
    for each in found:
        if each.name not in requires:
            complete[each.name] = tuple(sorted(name for name, by in requiring.items() if each.name in by))
    roots = sources.declared.roots(sources.target.markers)
    # An extra that a source asks for shows only in what it brings: find the extra that explains it.
    for _round in range(len(found)):
        reached = dependency_graph(roots, complete, sources.target.markers).required_by
        unexplained = [
            (name, by)
            for name, all_of in sorted(requiring.items())
            for by in all_of
            if by in requires and name in complete and name not in reached
        ]
        more = [pair for pair in unexplained if _ask_for_extra(*pair, complete, requiring, requires, sources)]
        if not more:
            break
    return complete


def _ask_for_extra(
    name: str,
    by: str,
    complete: dict[str, tuple[str, ...]],
    requiring: Mapping[str, Sequence[str]],
    requires: Mapping[str, Iterable[str]],
    sources: Sources,
) -> bool:
    """Let the sources that require `by` ask for its extra that requires `name`; return whether there is one."""
    extra = next(_extras_requiring(name, requires[by], sources), None)
    requirers = [each for each in requiring.get(by, ()) if each in complete and each not in requires]
    if extra is None or not requirers:
        return False
    line = f"{by}[{extra}]"
    new = [each for each in requirers if line not in complete[each]]
    for each in new:
        complete[each] = tuple(sorted({*complete[each], line}))
    return bool(new)


def _extras_requiring(name: str, lines: Iterable[str], sources: Sources) -> Iterator[str]:
    import re

    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) != name:
            continue
        for extra in re.findall(r"extra\s*==\s*[\"']([^\"']+)[\"']", line):
            if marker_holds(requirement, sources.target.markers, [canonicalize_name(extra)]):
                yield canonicalize_name(extra)
