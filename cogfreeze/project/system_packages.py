"""The key `build.system_packages`: apt packages as people write them, one per item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.grammar import APT_PACKAGE, Refused, shown
from cogfreeze.project.kinds import Kind

if TYPE_CHECKING:
    from cogfreeze.project.yaml import Section

# Options of apt-get that change nothing here.
_HARMLESS = frozenset({"--no-install-recommends", "--yes", "--quiet", "-y", "-q", "-qq", "-yq", "-qy", "-qqy"})
_COMPARED = re.compile(r"([a-z0-9][a-z0-9.+-]*?)\s*(?:===?|~=|[<>]=?)\s*([A-Za-z0-9.:+~*-]+)")
_RELEASE = re.compile(r"([a-z0-9][a-z0-9.+-]*)/([a-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class SystemPackages(Kind):
    """A list of apt packages. An item may hold several, as `apt-get install` would take them."""

    words = "list of apt packages"

    def read(self, section: Section, name: str, default: Any) -> Any:
        found: dict[str, None] = {}
        for index, item in enumerate(section.items(name, "strings")):
            if not isinstance(item, str):
                number = isinstance(item, int | float) and not isinstance(item, bool)
                section.wrong_type("text", item, name, index, hint="put it in quotes" if number else None)
                continue
            words = words_of(item)
            if any(word.startswith("-") for word in words):
                section.warn(
                    "holds options of apt-get, which are ignored: recommended packages are never installed",
                    name,
                    index,
                )
                words = tuple(word for word in words if not word.startswith("-"))
            if len(words) > 1:
                section.warn(f"holds {len(words)} packages: write each as an item of its own", name, index)
            for word in words:
                if _check(section, word, name, index):
                    found[word] = None
        return tuple(found) or default

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


def words_of(item: str) -> tuple[str, ...]:
    """Return the packages and options of one item; an item that is anything else stays whole."""
    words = tuple(item.replace(",", " ").split())
    if words and all(APT_PACKAGE.accepts(word) or word in _HARMLESS for word in words):
        return words
    return (item.strip(),)


def _check(section: Section, item: str, *path: str | int) -> bool:
    """Keep a mistake if an item is not a package, and say what to write if its meaning is clear."""
    try:
        APT_PACKAGE.check(item)
    except Refused as refused:
        section.mistake(f": {refused.message}", *path, hint=_hint(item) or refused.allowed)
        return False
    return True


def _hint(item: str) -> str | None:
    if item.startswith("-"):
        return "list only packages; options of apt-get are not supported"
    if compared := _COMPARED.fullmatch(item):
        return f"apt knows no comparisons: pin a version as `{compared[1]}={shown(compared[2])}*`, or leave it out"
    if released := _RELEASE.fullmatch(item):
        return f"packages come from the base image's own release: write `{released[1]}`"
    if item.endswith(".deb") or "://" in item:
        return (
            "only packages of the distribution's archive can be listed; for a .deb use `build.run` with `inputs:`"
        )
    if item.startswith("ppa:"):
        return "only the distribution's own archive is used; look for the package there"
    return None
