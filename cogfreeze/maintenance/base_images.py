"""Updates `base_images.lock` from the registry: `python -m cogfreeze.maintenance.base_images [NAME:TAG …]`.

For maintainers; `cog` itself never runs this. Every tag of the catalogue (or the given ones, which may be new)
gets today's digests, and the slim Python images their package lists.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cogfreeze import atomic, bundled
from cogfreeze.catalog import base_images
from cogfreeze.catalog.base_images import Catalogue, Image, PackageList
from cogfreeze.errors import CogError
from cogfreeze.grammar import Refused
from cogfreeze.lock.packages import installed
from cogfreeze.report import Silent
from cogfreeze.resolve.base import INDEX_MEDIA_TYPES, Reference, Repository, platforms_of_index, resolve_base
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLATFORMS = ("linux/amd64", "linux/arm64")
_WITH_PACKAGES = re.compile(r"python:[0-9.]+-slim-[a-z]+")


def main(words: Sequence[str]) -> int:
    """Update the catalogue's file; a tag that can't be resolved keeps its entry and is reported."""
    known = base_images.catalogue()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    failures = 0
    for reference in words or [each.reference for each in known.images]:
        try:
            known = refreshed(known, reference, today, Settings.from_environment())
        except (CogError, Refused) as error:
            sys.stderr.write(f"error: {reference}: {error}\n")
            failures += 1
    atomic.write(bundled.BASE_IMAGES, base_images.write(known).encode())
    return 1 if failures else 0


def refreshed(known: Catalogue, reference: str, today: str, settings: Settings) -> Catalogue:
    """Return the catalogue with one tag updated from the registry.

    Raises:
        ResolveError, IntegrityError, NetworkError: as `resolve_base`; only a registry is accepted as a source.
    """
    parsed = Reference.parse(reference)
    with Repository(parsed, settings) as repository:
        top = repository.manifest(parsed.tag or "latest")
    offered = platforms_of_index(top) if top.media_type in INDEX_MEDIA_TYPES else {}
    platforms = tuple((platform, offered[platform]) for platform in _PLATFORMS if platform in offered)
    before = known.find(parsed.name)
    entry = Image(
        name=parsed.name.rpartition(":")[0],
        tag=parsed.tag or "latest",
        digest=top.digest,
        platforms=platforms,
        distribution=before.distribution if before else "",
        date=today,
        confidence="registry",
    )
    others = tuple(each for each in known.images if each != before)
    digests = {each.digest for each in (*others, entry)}
    # Keep the lists of digests that some tag has; this tag gets a new list or none.
    lists = [each for each in known.lists if each.digest in digests - {top.digest}]
    if entry.name != base_images.FRONTEND and not entry.distribution:
        entry = replace(entry, distribution=_resolve(parsed.name, _PLATFORMS[0], settings, need=False)[0])
    if _WITH_PACKAGES.fullmatch(parsed.name):
        pinned = f"{parsed.name}@{top.digest}"
        lists += [
            PackageList(
                image=parsed.name,
                digest=top.digest,
                platform=platform,
                date=today,
                basis="the image itself",
                packages=installed(_resolve(pinned, platform, settings, need=True)[1]),
            )
            for platform, _ in platforms
        ]
    return Catalogue(images=(*others, entry), lists=tuple(lists))


def _resolve(reference: str, platform: str, settings: Settings, *, need: bool) -> tuple[str, str]:
    base, status = resolve_base(reference, platform, "", settings, Silent(), need_packages=need)
    if base.source != "registry":
        raise CogError("the registry stopped answering")
    return base.distribution, status or ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
