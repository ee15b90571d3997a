"""Which index a package came from, and whether that index vouched for its hash."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import NetworkError
from cogfreeze.resolve.fetch import http_session
from cogfreeze.resolve.index import (
    DEFAULT_INDEX,
    LOCAL_INDEX,
    index_names,
    machine_indexes,
    project_page,
    without_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import requests

    from cogfreeze.lock.model import Wheel
    from cogfreeze.resolve.index import Candidate, Link
    from cogfreeze.resolve.python.sources import Sources
    from cogfreeze.resolve.python.uv import ResolvedPackage
    from cogfreeze.settings import Settings

# A package that was declared by its address.
URL = "url"
_PARALLEL = 8
_FROM = re.compile(r"^([A-Za-z0-9._-]+)==\S+.*\n\s+# from (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOrigin:
    """The index that a package came from.

    Attributes:
        name: as the lock knows it.
        url: where to ask it, with credentials; None for the public default, and for what came from no index.
    """

    name: str
    url: str | None = None


def package_indexes(
    sources: Sources, found: Sequence[ResolvedPackage], routed: Iterable[str], *, known: Sequence[Wheel]
) -> dict[str, IndexOrigin]:
    """Return the index that each package of a closure came from.

    A wheel that is in `known` keeps the name that it has there: it is the same file, wherever it is fetched from.
    """
    kept = {wheel.sha256: wheel.index for wheel in known}
    given: dict[str, IndexOrigin] = {}
    asked = []
    for each in found:
        locked = next((kept[wheel.sha256] for wheel in each.wheels if wheel.sha256 in kept), None)
        if locked:
            given[each.name] = IndexOrigin(name=locked)
        elif any(file.url.startswith("file:") for file in _files(each)):
            given[each.name] = IndexOrigin(name=LOCAL_INDEX)
        elif each.direct:
            given[each.name] = IndexOrigin(name=URL)
        elif sources.torch and each.name in TORCH_FAMILY and each.name in set(routed):
            given[each.name] = IndexOrigin(name=sources.torch.name, url=sources.torch.url)
        else:
            asked.append(each)
    return given | _asked(sources, asked, routed)


def _files(package: ResolvedPackage) -> list[Candidate]:
    source = package.origin.file if package.origin else None
    return [*package.wheels, *([source] if source else [])]


def _asked(sources: Sources, found: Sequence[ResolvedPackage], routed: Iterable[str]) -> dict[str, IndexOrigin]:
    options = sources.declared.options
    machines = machine_indexes(sources.folder)
    credentials = sources.credentials()
    own = options.default_index or next((each.url for each in machines if each.default), None)
    default = IndexOrigin(
        name="index-1" if options.default_index else DEFAULT_INDEX,
        url=credentials.added_to(os.path.expandvars(own)) if own else None,
    )
    extra = [each for each in machines if each.extra]
    if not found or not (options.indexes or extra):
        return {each.name: default for each in found}
    # Only where there are several indexes does uv have to be asked once more, which one each package came from.
    answer = sources.indexes_of(found, routed)
    came_from = {name: without_credentials(url) for name, url in _FROM.findall(answer.text)}
    declared = [*([options.default_index] if options.default_index else []), *options.indexes]
    urls = [*(os.path.expandvars(url) for url in declared), *(each.url for each in extra)]
    given = index_names(urls, {each.url: each.name for each in extra if each.name})
    known = {
        without_credentials(url): IndexOrigin(name=given[without_credentials(url)], url=credentials.added_to(url))
        for url in urls
    }
    return {each.name: known.get(came_from.get(each.name, ""), default) for each in found}


def without_hash(
    sources: Sources, chosen: Mapping[str, Candidate], given: Mapping[str, IndexOrigin], *, known: Sequence[Wheel]
) -> set[str]:
    """Return the packages whose index gives no SHA-256, so that the one in the lock is computed from the file.

    uv doesn't tell; every index is asked but the public default, which has one for each file.
    """
    computed = {wheel.sha256: wheel.hash_origin == "computed" for wheel in known}
    found = {name for name, wheel in chosen.items() if computed.get(wheel.sha256)}
    settings = sources.settings
    wanted = {
        name: url
        for name, wheel in chosen.items()
        if (url := given[name].url) and wheel.sha256 not in computed and not _note(url, wheel, settings).exists()
    }
    if not wanted:
        return found
    with http_session(settings) as web, ThreadPoolExecutor(_PARALLEL) as pool:
        links = pool.map(lambda each: _link(each[1], each[0], chosen[each[0]].file, web), wanted.items())
        for (name, url), link in zip(wanted.items(), links, strict=True):
            if link is None or link.sha256 is None:
                found.add(name)
            else:
                _keep(_note(url, chosen[name], settings))
    return found


def _note(index: str, wheel: Candidate, settings: Settings) -> Path:
    """Return the file that is there once an index has given a wheel's hash: it isn't asked again."""
    return (
        settings.cache
        / "wheels/hashed"
        / hashlib.sha256(without_credentials(index).encode()).hexdigest()[:16]
        / wheel.sha256
    )


def _keep(note: Path) -> None:
    with suppress(OSError):  # kept only to be quicker next time
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()


def _link(index: str, name: str, file: str, web: requests.Session) -> Link | None:
    try:
        return project_page(index, name, web).get(file)
    except NetworkError:
        # uv has just read the page; nothing that the lock holds depends on reading it again.
        return None
