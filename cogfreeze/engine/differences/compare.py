"""Compares builds of one recipe: layer by layer and file by file, with the cause and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.engine import layers
from cogfreeze.engine.differences import causes
from cogfreeze.engine.differences.first_difference import first_difference
from cogfreeze.engine.differences.maintainer_scripts import MaintainerScripts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cogfreeze.recipe.model import Recipe

# Files whose first difference is looked up.
_MOST_READ = 40
_SYSTEM, _COMMAND = "layer `system`", "command `"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that builds made differently.

    Attributes:
        layer: the stage or command that made it.
        path: absolute, in the image.
        what: what differs: `content`, `time`, `mode`, `owner`, `kind`, …, or the only build that has it.
        package: for system packages, the package whose script made the file: `mariadb-server (postinst)`.
        first: the first difference of its content, in words.
        cause: why it differs.
        fix: what to do.
    """

    layer: str
    path: str
    what: str
    cause: str
    fix: str
    package: str | None = None
    first: str | None = None


def by_cause(found: Iterable[Difference]) -> tuple[tuple[Difference, ...], ...]:
    """Group differences with the same layer, package and cause, in their order."""
    groups: dict[tuple[str, str | None, str], list[Difference]] = {}
    for each in found:
        groups.setdefault((each.layer, each.package, each.cause), []).append(each)
    return tuple(map(tuple, groups.values()))


def differences(recipe: Recipe, layouts: Sequence[Path]) -> tuple[Difference, ...]:
    """Return what differs between the layers of OCI layout folders: the first, and each of the others.

    A file is listed once, even if it differs in several builds.
    """
    found: dict[tuple[str, str], Difference] = {}
    for number, other in enumerate(layouts[1:], start=2):
        for each in _differences(recipe, layouts[0], other, number):
            found.setdefault((each.layer, each.path), each)
    return tuple(found.values())


def _differences(recipe: Recipe, first: Path, other: Path, number: int) -> Iterator[Difference]:
    digests = [layers.blobs(layout) for layout in (first, other)]
    ids = [layers.diff_ids(layout) for layout in (first, other)]
    # By diff ID: another compression makes no file differ.
    for name, one, two, one_id, two_id in zip(layers.names(recipe, len(digests[0])), *digests, *ids, strict=True):
        if one_id != two_id:
            yield from _explained(name, (first, one), (other, two), number)


def _explained(layer: str, first: tuple[Path, str], other: tuple[Path, str], number: int) -> Iterator[Difference]:
    changed = _changed(layers.entries(*first), layers.entries(*other), number)
    if not changed:
        yield Difference(
            layer=layer,
            path="/",
            what="the order of its files",
            cause="a file system that lists a folder in another order",
            fix="please report it",
        )
        return
    # Packages' scripts make many files each: read one file of each folder.
    by_folder = {path.rpartition("/")[0]: path for path in sorted(changed, reverse=True)}
    read = sorted(by_folder.values())[:_MOST_READ]
    contents = [layers.contents(*each, paths=read) for each in (first, other)]
    scripts = MaintainerScripts.of(layers.dpkg_files(*first)) if layer == _SYSTEM else None
    for path, what in sorted(changed.items()):
        package = scripts.maker_of(f"/{path}") if scripts else None
        cause = _cause(layer, f"/{path}", package.partition(" ")[0] if package else None)
        both = [each[path] for each in contents if path in each]
        yield Difference(
            layer=layer,
            path=f"/{path}",
            what=what,
            package=package,
            first=first_difference(*both) if len(both) == 2 and both[0] != both[1] else None,
            cause=cause.cause,
            fix=cause.fix,
        )


def _cause(layer: str, path: str, package: str | None) -> causes.Cause:
    if layer == _SYSTEM:
        return causes.of_package(path, package)
    return causes.of_command(path) if layer.startswith(_COMMAND) else causes.of_ours(path)


def _changed(one: dict[str, layers.Entry], other: dict[str, layers.Entry], number: int) -> dict[str, str]:
    """Return what differs of each path that differs."""
    compared = {path: _what(one.get(path), other.get(path), number) for path in one.keys() | other.keys()}
    return {path: what for path, what in compared.items() if what}


def _what(one: layers.Entry | None, other: layers.Entry | None, number: int) -> str:
    if one is None or other is None:
        return f"only in build {number if one is None else 1}"
    if one.kind != other.kind:
        return "kind"
    differs = {
        "content": (one.content, one.link) != (other.content, other.link),
        "time": one.time != other.time,
        "mode": one.mode != other.mode,
        "owner": one.owner != other.owner,
        "extended attributes": one.attributes != other.attributes,
    }
    return " and ".join(name for name, is_so in differs.items() if is_so)


def settings(first: Path, second: Path) -> tuple[str, ...]:
    """Return the key paths that differ between the configurations of two layout folders, without their layers."""
    one, other = (layers.config(layout) for layout in (first, second))
    return tuple(sorted(set(_keys({**one, "rootfs": None}, {**other, "rootfs": None}))))


def _keys(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _keys(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _keys(*pair, f"{path}[{index}]")
    elif one != other:
        yield path
