"""One line of the declared Python requirements, and the markers that decide whether it applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.lock.requirements import marker_holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One requirement or constraint.

    Attributes:
        text: as it was written, without its hashes.
        where: `build.python_packages` or `requirements.txt:3`.
        name: normalised; None where the line can't be read (uv will say what is wrong with it).
        requirement: None for a bare path or address.
        hashes: the sha256 that it allows; empty where it names none.
    """

    text: str
    where: str
    name: str | None = None
    requirement: Requirement | None = None
    hashes: tuple[str, ...] = ()

    def applies(self, markers: Mapping[str, str]) -> bool:
        """Say whether the line's marker holds in that environment."""
        return self.requirement is None or marker_holds(self.requirement, markers)
