"""`git clone` as the download of one commit's files, whose hash can be locked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog.addresses import COMMIT_ARCHIVES

if TYPE_CHECKING:
    from collections.abc import Callable

_REPOSITORY = re.compile(
    r"https?://(?:www\.)?(?P<host>[a-z0-9.-]+)/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")

# Repository's URL and branch, tag or commit (None for the default branch) → the commit's full name, or None.
FindCommit = "Callable[[str, str | None], str | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A `git clone` of a repository on a known host."""

    url: str
    reference: str | None
    folder: str

    def archive(self, find_commit: Callable[[str, str | None], str | None]) -> str | None:
        """Return the address of the commit's files, or None if the commit is not known."""
        found = _REPOSITORY.fullmatch(self.url)
        if found is None:
            return None
        reference = self.reference
        commit = reference if reference and _COMMIT.fullmatch(reference) else find_commit(self.url, reference)
        if commit is None or not _COMMIT.fullmatch(commit):
            return None
        return COMMIT_ARCHIVES[found["host"]].format(owner=found["owner"], name=found["name"], commit=commit)

    @property
    def name(self) -> str:
        """The repository's name."""
        return self.url.rstrip("/").rpartition("/")[2].removesuffix(".git")


def parse(words: list[str]) -> Clone | None:
    """Return what a `git clone` clones; None for anything that is not the plain files of one repository."""
    if words[:2] != ["git", "clone"]:
        return None
    places: list[str] = []
    reference = None
    rest = iter(words[2:])
    for word in rest:
        if word in ("-b", "--branch"):
            reference = next(rest, None)
        elif word.startswith("--branch="):
            reference = word.partition("=")[2]
        elif word == "--depth":
            next(rest, None)
        elif word in ("-q", "--quiet", "--single-branch", "--progress") or word.startswith("--depth="):
            continue
        elif word.startswith("-"):
            return None
        else:
            places.append(word)
    if len(places) not in (1, 2):
        return None
    found = _REPOSITORY.fullmatch(places[0])
    if found is None or found["host"] not in COMMIT_ARCHIVES:
        return None
    return Clone(url=places[0], reference=reference, folder=places[1] if len(places) == 2 else found["name"])
