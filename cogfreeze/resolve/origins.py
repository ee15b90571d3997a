"""Which index a package came from, and whether that index vouched for its hash."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.catalog.cuda import TORCH_FAMILY
from cogfreeze.errors import NetworkError
from cogfreeze.resolve import download
from cogfreeze.resolve.indexes import DEFAULT, LOCAL, bare, names, page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    machine = dict(_of_machine(sources.folder))
    if not found or not (options.indexes or machine):
        return {each.name: default for each in found}
    # Only where there are several indexes does uv have to be asked once more, which one each package came from.
    answer = sources.indexes_of(found, routed)
    came_from = {name: bare(url) for name, url in _FROM.findall(answer.text)}
    declared = [*([options.default_index] if options.default_index else []), *options.indexes]
    known = names(
        [os.path.expandvars(url) for url in declared], {url: name for url, name in machine.items() if name}
    )
    return {each.name: known.get(came_from.get(each.name, ""), default) for each in found}


def _of_machine(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the indexes that this machine asks besides the default one: address and name, which may be empty."""
    for word in os.environ.get("UV_INDEX", "").split():
        name, found, url = word.rpartition("=") if re.match(r"[\w.-]+=", word) else ("", "", word)
        yield url, name if found else ""
    for url in os.environ.get("UV_EXTRA_INDEX_URL", "").split():
        yield url, ""
    for table in _configurations(folder):
        for entry in table.get("index", ()):
            if isinstance(entry, dict) and not entry.get("default") and not entry.get("explicit"):
                yield str(entry.get("url", "")), str(entry.get("name", ""))
        for url in table.get("extra-index-url", ()):
            yield str(url), ""


def _configurations(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the uv configurations that uv itself reads when it runs in `folder`."""
    if os.environ.get("UV_NO_CONFIG"):
        return
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = [Path(os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg") / "uv/uv.toml", Path("/etc/uv/uv.toml")]
    places = [home / "uv/uv.toml", *places]
    if named := os.environ.get("UV_CONFIG_FILE"):
        places = [Path(named)]
    else:
        places += [base / name for base in (folder, *folder.parents) for name in ("uv.toml", "pyproject.toml")]
    for path in places:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        yield table.get("tool", {}).get("uv", {}) if path.name == "pyproject.toml" else table


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
