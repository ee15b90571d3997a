"""The stanzas of the verified package lists, each parsed only when it is needed.

Debian's list has 50 MB: finding the offset of each package takes a tenth of a second, parsing all several seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cogfreeze.resolve.apt.archive import PackageList

_NAME = re.compile(rb"^Package: (\S+)$", re.MULTILINE)
_RELATION = re.compile(
    r"\s*(?P<name>[a-z0-9][a-z0-9.+-]*)(?::(?P<architecture>[a-z0-9-]+))?"
    r"(?:\s*\(\s*(?P<operator><<|<=|=|>=|>>)\s*(?P<version>[^\s)]+)\s*\))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One alternative of a dependency; `architecture` and `constraint` (`>= 1.2`) may be empty."""

    name: str
    architecture: str
    constraint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """One package of one list, with its fields as written there."""

    archive: str
    fields: Mapping[str, str]

    def __getitem__(self, field: str) -> str:
        return self.fields.get(field, "")

    def provides(self) -> list[str]:
        """Return the virtual packages that it provides."""
        return [name for group in relations(self["Provides"]) for name in group]


class PackageIndex:
    """All lists of one resolution."""

    def __init__(self, lists: Iterable[PackageList]) -> None:
        self._lists = tuple(lists)
        self._places: dict[str, list[tuple[int, int]]] = {}
        for number, each in enumerate(self._lists):
            for found in _NAME.finditer(each.text):
                self._places.setdefault(found[1].decode(), []).append((number, found.start()))

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def names(self) -> list[str]:
        """Return the names of all packages, unsorted."""
        return list(self._places)

    def stanzas(self, name: str) -> list[Stanza]:
        """Return every version of a package in every list."""
        return [self._stanza(number, place) for number, place in self._places.get(name, ())]

    def _stanza(self, number: int, place: int) -> Stanza:
        each = self._lists[number]
        start = each.text.rfind(b"\n\n", 0, place) + 2 if place else 0
        end = each.text.find(b"\n\n", place)
        text = each.text[start if start > 1 else 0 : end if end >= 0 else len(each.text)]
        return Stanza(archive=each.pocket.archive, fields=fields(text.decode()))

    def providers(self, virtual: str) -> list[str]:
        """Return the names of the packages that provide a virtual one, sorted."""
        return self._naming(virtual, "Provides")

    def replacing(self, name: str) -> list[str]:
        """Return the names of the packages that declare to replace another one, sorted."""
        return self._naming(name, "Replaces")

    def _naming(self, name: str, field: str) -> list[str]:
        """Return the names of the packages that have a name in a relation field, sorted."""
        wanted, beginning = name.encode(), f"{field}: ".encode()
        found = set()
        for number, each in enumerate(self._lists):
            place = -1
            while (place := each.text.find(wanted, place + 1)) >= 0:
                line = each.text.rfind(b"\n", 0, place) + 1
                if each.text.startswith(beginning, line):
                    stanza = self._stanza(number, line)
                    if any(name in group for group in relations(stanza[field])):
                        found.add(stanza["Package"])
        return sorted(found)


def fields(text: str) -> dict[str, str]:
    """Return the fields of one stanza; folded lines are joined."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            found[key] += "\n" + line
        elif line:
            key, _, value = line.partition(":")
            found[key] = value.strip()
    return found


def dependencies(stanza: Stanza) -> Iterator[list[Relation]]:
    """Yield each dependency of a package, as its alternatives in order."""
    for field in ("Pre-Depends", "Depends"):
        for group in stanza[field].split(","):
            found = [match for each in group.split("|") if (match := _RELATION.match(each))]
            if found:
                yield [_relation(match) for match in found]


def _relation(match: re.Match[str]) -> Relation:
    architecture = match["architecture"] or ""
    constraint = f"{match['operator']} {match['version']}" if match["operator"] else ""
    return Relation(
        name=match["name"], architecture="" if architecture == "any" else architecture, constraint=constraint
    )


def relations(value: str) -> Iterator[list[str]]:
    """Yield the names of each group of alternatives in `Depends` and similar fields, without versions."""
    for group in value.split(","):
        names = [found["name"] for each in group.split("|") if (found := _RELATION.match(each))]
        if names:
            yield names
