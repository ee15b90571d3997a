"""The order of Debian's version numbers (`deb-version(7)`)."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


def key(version: str) -> tuple[Any, ...]:
    """Return a sort key for a version: `1.0~rc1` < `1.0` < `1.0+b1` < `1:0.1`."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch) if epoch.isdigit() else 0, _part(upstream), _part(revision)


def matches(version: str, pattern: str) -> bool:
    """Return whether a version is a declared one; `*` stands for any text, and the epoch may be left out.

    `7:5.1.6-0+deb12u1` matches `7:5.1*`, `5.1*` and itself.
    """
    forms = (version,) if ":" in pattern else (version, version.rpartition(":")[2])
    return any(fnmatchcase(form, pattern) for form in forms)


def _part(text: str) -> list[Any]:
    """Split words from numbers; the end sorts before everything except a tilde."""
    return [
        each for word, number in _PARTS.findall(text) for each in ((*map(_weight, word), 0), int(number or "0"))
    ]


def _weight(character: str) -> int:
    """Letters sort before other characters, and a tilde before the end."""
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Return whether a version meets a dependency's relation: `<<`, `<=`, `=`, `>=` or `>>`."""
    ours, theirs = key(version), key(wanted)
    if relation in ("<<", ">>"):
        return ours < theirs if relation == "<<" else ours > theirs
    return ours == theirs or (relation != "=" and (ours < theirs) == (relation == "<="))
