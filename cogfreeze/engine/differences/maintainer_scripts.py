"""Which Debian package made a file that no package contains: the scripts that dpkg ran, searched for its path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order in which a script is likely to be the one.
_KINDS = ("postinst", "triggers", "preinst", "config", "prerm", "postrm")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainerScripts:
    """The scripts of an image's packages.

    Attributes:
        texts: by package and kind, in the order of `_KINDS`, then of names.
        owners: the package that contains a file, by path; folders have the first of theirs.
    """

    texts: tuple[tuple[str, str, str], ...]
    owners: dict[str, str]

    @classmethod
    def of(cls, info: Mapping[str, str]) -> MaintainerScripts:
        """Read the files of `/var/lib/dpkg/info`, by name."""
        texts: list[tuple[str, str, str]] = []
        owners: dict[str, str] = {}
        for name, text in sorted(info.items()):
            package, _, kind = name.rpartition(".")
            package = package.partition(":")[0]
            if kind == "list":
                for path in text.splitlines():
                    owners.setdefault(path, package)
            elif kind in _KINDS:
                texts.append((package, kind, text))
        texts.sort(key=lambda each: (_KINDS.index(each[1]), each[0]))
        return cls(texts=tuple(texts), owners=owners)

    def maker_of(self, path: str) -> str | None:
        """Return the package and script that made a file, such as `mariadb-server (postinst)`; None if unknown.

        The script that names the file counts, or else the longest of its folders; a script that calls another
        program may name neither, then the package that contains the folder counts.
        """
        if path in self.owners:
            return self.owners[path]
        for place in (PurePosixPath(path), *PurePosixPath(path).parents):
            if len(place.parts) < 3:
                return None
            named = next((each for each in self.texts if str(place) in each[2]), None)
            if named:
                return f"{named[0]} ({named[1]})"
            if str(place) in self.owners and len(place.parts) > 3:
                return self.owners[str(place)]
        return None
