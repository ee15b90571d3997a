"""Which index a package came from, and whether that index vouched for its hash."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import NetworkError
from cogfreeze.resolve import download, machine
from cogfreeze.resolve.indexes import DEFAULT, LOCAL, bare, names, page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cogfreeze.lock.model import Wheel
    from cogfreeze.resolve.sources import Sources
    from cogfreeze.resolve.uv import Candidate, Found

# A package that was declared by its address.
URL = "url"
_FROM = re.compile(r"^([A-Za-z0-9._-]+)==\S+.*\n\s+# from (\S+)$", re.MULTILINE)


def indexes(
    sources: Sources, found: Sequence[Found], routed: Iterable[str], *, known: Sequence[Wheel]
) -> dict[str, str]:
    """Return the name of the index that each package of a closure came from.

    A wheel that is in `known` keeps the name that it has there: it is the same file, wherever it is fetched from.
    """
    kept = {wheel.sha256: wheel.index for wheel in known}
    given: dict[str, str] = {}
    asked = []
    for each in found:
        locked = next((kept[wheel.sha256] for wheel in each.wheels if wheel.sha256 in kept), None)
        if locked:
            given[each.name] = locked
        elif any(wheel.url.startswith("file:") for wheel in each.wheels):
            given[each.name] = LOCAL
        elif each.direct:
            given[each.name] = URL
        elif sources.torch and each.name in TORCH_FAMILY and each.name in set(routed):
            given[each.name] = sources.torch.name
        else:
            asked.append(each)
    return given | _asked(sources, asked, routed)


def _asked(sources: Sources, found: Sequence[Found], routed: Iterable[str]) -> dict[str, str]:
    options = sources.declared.options
    default = "index-1" if options.default_index else DEFAULT
    extra = [each for each in machine.indexes(sources.folder) if each.extra]
    if not found or not (options.indexes or extra):
        return {each.name: default for each in found}
    # Only where there are several indexes does uv have to be asked once more, which one each package came from.
    answer = sources.indexes_of(found, routed)
    came_from = {name: bare(url) for name, url in _FROM.findall(answer.text)}
    declared = [*([options.default_index] if options.default_index else []), *options.indexes]
    known = names(
        [*(os.path.expandvars(url) for url in declared), *(each.url for each in extra)],
        {each.url: each.name for each in extra if each.name},
    )
    return {each.name: known.get(came_from.get(each.name, ""), default) for each in found}


def without_hash(
    sources: Sources, chosen: Mapping[str, Candidate], given: Mapping[str, str], *, known: Sequence[Wheel]
) -> set[str]:
    """Return the packages whose index gives no hash, so that the one in the lock is computed from the file.

    Only the torch indexes are asked: they are the ones that are known to leave hashes out.
    """
    computed = {wheel.sha256: wheel.hash_origin == "computed" for wheel in known}
    found = {name for name, wheel in chosen.items() if computed.get(wheel.sha256)}
    wanted = [name for name in chosen if sources.torch and given[name] == sources.torch.name]
    wanted = [name for name in wanted if chosen[name].sha256 not in computed]
    if not wanted or sources.torch is None:
        return found
    with download.session(sources.settings) as web:
        for name in wanted:
            try:
                link = page(sources.torch.url, name, web).get(chosen[name].file)
            except NetworkError:
                # uv has just read the page; nothing that the lock holds depends on reading it again.
                link = None
            if link is None or link.sha256 is None:
                found.add(name)
    return found
