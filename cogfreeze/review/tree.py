"""Which package requires which, as a tree: from the declared ones down, or from all others up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cogfreeze.errors import UsageError
from cogfreeze.review.packages import KINDS, Graph, packages
from cogfreeze.review.render.text import FAINT, HEADING, PLAIN
from cogfreeze.review.sizes import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.review.packages import Package
    from cogfreeze.review.render.text import Line

# No real chain of requirements comes near it; a lock from a pull request may hold anything.
_DEEPEST = 100
Sizes = Literal["", "sizes", "totals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A package in the tree.

    Attributes:
        total: bytes of it and of everything below it, each package counted once.
        repeated: it was shown before; its children stand there.
        cut: it has children that `depth` leaves out.
    """

    package: Package
    total: int
    children: tuple[Node, ...] = ()
    repeated: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The packages of one kind on one platform."""

    platform: str
    kind: str
    roots: tuple[Node, ...]


def trees(
    lock: Lock, *, invert: bool = False, depth: int | None = None, name: str | None = None
) -> tuple[Tree, ...]:
    """Return a tree for each platform and kind.

    Args:
        invert: from what nothing requires upward to what requires it: the leaves become roots.
        depth: how many levels below the roots; None for all.
        name: start at this package alone.

    Raises:
        UsageError: there is no package of that name.
    """
    deepest = _DEEPEST if depth is None else min(depth, _DEEPEST)
    found = tuple(_trees(lock, invert=invert, depth=deepest, name=name))
    if name is not None and not found:
        raise UsageError(f"there is no package `{name}` in the lock", hint="`cog tree` lists them all")
    return found


def _trees(lock: Lock, *, invert: bool, depth: int, name: str | None) -> Iterator[Tree]:
    for platform in lock.platforms:
        for kind in KINDS:
            graph = _graph(platform, kind)
            edges = _inverted(graph) if invert else graph.requires
            if name is not None:
                roots = [name] if name in edges else []
            else:
                roots = _leaves(graph) if invert else [*graph.roots]
            if roots:
                shown: set[str] = set()
                nodes = tuple(_node(each, graph, edges, depth, shown) for each in roots)
                yield Tree(platform=platform.platform, kind=kind, roots=nodes)


def _graph(platform: PlatformLock, kind: str) -> Graph:
    return Graph(each for each in packages(platform) if each.kind == kind)


def _inverted(graph: Graph) -> dict[str, list[str]]:
    return {
        name: sorted(each for each in package.required_by if each in graph.packages)
        for name, package in graph.packages.items()
    }


def _leaves(graph: Graph) -> list[str]:
    return sorted(name for name, requires in graph.requires.items() if not requires)


def _node(name: str, graph: Graph, edges: dict[str, list[str]], depth: int, shown: set[str]) -> Node:
    package, below = graph.packages[name], edges[name]
    total = sum(graph.packages[each].size for each in _reachable(name, edges))
    if name in shown and below:
        return Node(package=package, total=total, repeated=True)
    shown.add(name)
    if depth == 0:
        return Node(package=package, total=total, cut=bool(below))
    children = tuple(_node(each, graph, edges, depth - 1, shown) for each in below)
    return Node(package=package, total=total, children=children)


def _reachable(name: str, edges: dict[str, list[str]]) -> set[str]:
    seen, waiting = {name}, [name]
    while waiting:
        for each in edges[waiting.pop()]:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen


def text_lines(found: tuple[Tree, ...], *, sizes: bool = False, totals: bool = True) -> Iterator[Line]:
    """Yield the trees for people.

    Args:
        sizes: show each package's size.
        totals: and that of all that it requires; it means nothing in an inverted tree.
    """
    shown: Sizes = "" if not sizes else "totals" if totals else "sizes"
    platform = None
    for tree in found:
        if tree.platform != platform:
            platform = tree.platform
            yield HEADING, platform
        title = KINDS[tree.kind]
        yield HEADING, f"  {title[:1].upper()}{title[1:]}"
        for node in tree.roots:
            yield PLAIN, f"    {_label(node, shown=shown)}"
            yield from _below(node, "    ", shown=shown)


def _below(node: Node, indent: str, *, shown: Sizes) -> Iterator[Line]:
    for child in node.children:
        last = child is node.children[-1]
        style = FAINT if child.repeated else PLAIN
        yield style, f"{indent}{'└── ' if last else '├── '}{_label(child, shown=shown)}"
        yield from _below(child, indent + ("    " if last else "│   "), shown=shown)


def _label(node: Node, *, shown: Sizes) -> str:
    text = f"{node.package.name} {node.package.version}"
    if shown:
        text += f", {size(node.package.size)}"
        if shown == "totals" and node.total != node.package.size:
            text += f", {size(node.total)} with what it requires"
    if node.repeated:
        text += " (shown above)"
    return text + (" …" if node.cut else "")


def as_json(found: tuple[Tree, ...]) -> list[dict[str, Any]]:
    """Return the trees as JSON values."""
    return [
        {"platform": tree.platform, "kind": tree.kind, "packages": [_json(node) for node in tree.roots]}
        for tree in found
    ]


def _json(node: Node) -> dict[str, Any]:
    return {
        "name": node.package.name,
        "version": node.package.version,
        "size": node.package.size,
        "total": node.total,
        "repeated": node.repeated,
        "cut": node.cut,
        "packages": [_json(each) for each in node.children],
    }
