"""Where in cog.lock's text each of its values is, for whoever points at a line."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\[(.+)\]")
_KEY = re.compile(r'("(?:[^"\\]|\\.)*"|[\w-]+)')
_ASSIGNED = re.compile(r'("(?:[^"\\]|\\.)*"|[\w-]+) = (\[?)')

Place = tuple[str, ...]


class Lines:
    """The line numbers of a lock as `cog lock` writes it: one value or one element of a list to a line."""

    def __init__(self, text: str) -> None:
        self._numbers: dict[Place, int] = {}
        table: Place = ()
        array: Place | None = None
        index = 0
        for number, line in enumerate(text.splitlines(), 1):
            if array is not None and line.startswith(" "):
                self._numbers[(*array, f"[{index}]")] = number
                index += 1
            elif found := _HEADER.fullmatch(line):
                table, array = tuple(_bare(key) for key in _KEY.findall(found[1])), None
                self._numbers.setdefault(table, number)
            elif found := _ASSIGNED.match(line):
                place = (*table, _bare(found[1]))
                self._numbers.setdefault(place, number)
                array, index = (place, 0) if found[2] and not line.rstrip().endswith("]") else (None, 0)

    def of(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it; 1 where nothing is known of it."""
        for length in range(len(place), 0, -1):
            if number := self._numbers.get(place[:length]):
                return number
        return 1


def _bare(key: str) -> str:
    return key[1:-1] if key.startswith('"') else key
