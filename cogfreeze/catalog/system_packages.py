"""System packages that newer releases have renamed or removed, from `system_packages.toml` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OldName:
    """A name, or pattern of names, of packages that newer releases do not have.

    Attributes:
        to: alternatives, of which the archive has one; empty if nothing is needed in its place.
        why: a sentence for the user; may be empty.
    """

    pattern: str
    to: tuple[str, ...]
    why: str


def old_name(name: str) -> OldName | None:
    """Return what is known of a name that the archive does not have; exact names before patterns."""
    found = [each for each in _table() if fnmatchcase(name, each.pattern)]
    return min(found, key=lambda each: "*" in each.pattern or "?" in each.pattern, default=None)


@cache
def _table() -> tuple[OldName, ...]:
    text = (Path(__file__).parent / "system_packages.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return tuple(
        OldName(pattern=pattern, to=tuple(row.get("to", ())), why=row.get("why", ""))
        for kind in ("renamed", "unneeded")
        for row in document[kind]
        for pattern in row["names"]
    )
