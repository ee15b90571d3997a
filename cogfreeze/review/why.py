"""Because of which declared packages a package is in the lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import UsageError
from cogfreeze.review.declaration import declaring_lines
from cogfreeze.review.packages import DECLARED, KINDS, SERVER, Graph, files, packages
from cogfreeze.review.render.text import FAINT, HEADING, PLAIN
from cogfreeze.review.sizes import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock
    from cogfreeze.review.lines import Lines
    from cogfreeze.review.packages import Package
    from cogfreeze.review.render.text import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One package on one platform.

    Attributes:
        platform: None for a file, which holds for all.
        paths: from each declared package down to this one, the shortest way.
        declared: for each root of these paths, the lines of the declaration that name it: `(key, line)`.
        requires: the names of what it requires itself.
    """

    platform: str | None
    package: Package
    paths: tuple[tuple[str, ...], ...]
    declared: dict[str, tuple[tuple[str, str], ...]]
    requires: tuple[str, ...]


def why(lock: Lock, name: str) -> tuple[Reason, ...]:
    """Return the reasons for every package of a name: one on each platform, of each kind.

    Args:
        name: as the lock has it; for Python packages, any spelling of it.

    Raises:
        UsageError: the lock has no such package; the hint names those that are close.
    """
    from packaging.utils import canonicalize_name

    wanted = {name, canonicalize_name(name)}
    found = tuple(_reasons(lock, wanted))
    if found:
        return found
    from difflib import get_close_matches

    known = {each.name for platform in lock.platforms for each in packages(platform)}
    near = get_close_matches(name, sorted(known), n=3)
    hint = f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`cog tree` lists them all"
    raise UsageError(
        f"there is no package `{name}` in the lock; what the base image brings is not in it", hint=hint
    )


def _reasons(lock: Lock, wanted: set[str]) -> Iterator[Reason]:
    for file in files(lock):
        if file.name in wanted:
            declared = {file.name: tuple(declaring_lines(lock.inputs, file))}
            yield Reason(platform=None, package=file, paths=((file.name,),), declared=declared, requires=())
    for platform in lock.platforms:
        members = packages(platform)
        for kind in KINDS:
            of_kind = [each for each in members if each.kind == kind]
            if not any(each.name in wanted for each in of_kind):
                continue
            graph = Graph(of_kind)
            for package in of_kind:
                if package.name in wanted:
                    paths = graph.paths_to(package.name)
                    roots = [graph.packages[path[0]] for path in paths]
                    yield Reason(
                        platform=platform.platform,
                        package=package,
                        paths=paths,
                        declared={each.name: tuple(declaring_lines(lock.inputs, each)) for each in roots},
                        requires=tuple(graph.requires[package.name]),
                    )


def text_lines(reasons: tuple[Reason, ...], lines: Lines, file: str) -> Iterator[Line]:
    """Yield the reasons for people."""
    for reason in reasons:
        package = reason.package
        kind = KINDS[package.kind].removesuffix("s")
        at = f", {reason.platform}" if reason.platform else ""
        yield (
            HEADING,
            f"{package.name} {package.version} ({kind}{at}), {size(package.size)}, from {package.origin}",
        )
        for path in reason.paths:
            yield PLAIN, f"  {' → '.join(path)}"
            for key, line in reason.declared[path[0]]:
                yield PLAIN, f"    {path[0]} is declared in {key}: {line}"
            if not reason.declared[path[0]]:
                yield PLAIN, f"    {_undeclared(package)}"
        if reason.requires:
            yield FAINT, f"  requires {', '.join(reason.requires)}"
        yield FAINT, f"  {file}:{lines.of(package.place)}"


def _undeclared(package: Package) -> str:
    if package.kind == SERVER:
        return "cogfreeze's server needs it"
    return (
        "no line of the declaration names it" if package.kind in DECLARED else "cogfreeze needs it for the build"
    )


def as_json(reasons: tuple[Reason, ...], lines: Lines) -> list[dict[str, Any]]:
    """Return the reasons as JSON values."""
    return [
        {
            "name": each.package.name,
            "version": each.package.version,
            "kind": each.package.kind,
            "platform": each.platform,
            "size": each.package.size,
            "origin": each.package.origin,
            "line": lines.of(each.package.place),
            "requires": list(each.requires),
            "paths": [
                {
                    "path": list(path),
                    "declared": [{"key": key, "line": line} for key, line in each.declared[path[0]]],
                }
                for path in each.paths
            ],
        }
        for each in reasons
    ]
