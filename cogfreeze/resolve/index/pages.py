"""Package indexes: the torch family's, the pages they answer, and the names that the lock knows them by.

An index's address is the machine's affair (mirrors, credentials); the lock has its name alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from cogfreeze.catalog import addresses
from cogfreeze.errors import ProjectError
from cogfreeze.resolve.fetch import get_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests

    from cogfreeze.resolve.requirements import Options
    from cogfreeze.settings import Settings

DEFAULT_INDEX = "pypi"
LOCAL_INDEX = "local"
_TAG = re.compile(r"cpu|cu\d{2,4}")
# What a name in the lock may look like; another one is replaced by a number.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchIndex:
    """Where the torch family comes from.

    Attributes:
        name: as the lock knows it: `pytorch-cu128`.
    """

    name: str
    url: str


def torch_index(tag: str | None, settings: Settings) -> TorchIndex | None:
    """Return the index of a tag (`cpu`, `cu128`), at `COG_TORCH_INDEX` where that is set."""
    if tag is None:
        return None
    return TorchIndex(name=f"pytorch-{tag}", url=f"{settings.torch_index or addresses.TORCH_INDEX}/{tag}")


def take_torch_index(options: Options, settings: Settings) -> tuple[Options, str | None]:
    """Take a torch index out of a requirements file's options, and return its tag: it is no index for the rest.

    Raises:
        ProjectError: several are named.
    """
    tags = {
        url: tag for url in (*options.indexes, options.default_index) if url and (tag := _torch_tag(url, settings))
    }
    if len(set(tags.values())) > 1:
        listed = " and ".join(f"`{tag}`" for tag in sorted(set(tags.values())))
        raise ProjectError(
            f"the requirements name several torch indexes: {listed}",
            where="build.python_requirements",
            hint="keep the one that the image is for",
        )
    kept = replace(
        options,
        indexes=tuple(url for url in options.indexes if url not in tags),
        default_index=None if options.default_index in tags else options.default_index,
    )
    return kept, next(iter(tags.values()), None)


def _torch_tag(url: str, settings: Settings) -> str | None:
    base, _, tag = url.rstrip("/").rpartition("/")
    known = {addresses.TORCH_INDEX, settings.torch_index}
    return tag if base in known and _TAG.fullmatch(tag) else None


def index_names(urls: Iterable[str], named: dict[str, str]) -> dict[str, str]:
    """Give every index address a name for the lock.

    Args:
        urls: the addresses, in the order in which they are asked.
        named: addresses that have a name already.
    """
    given = {without_credentials(url): name for url, name in named.items() if _NAME.fullmatch(name)}
    for url in map(without_credentials, urls):
        if url not in given:
            number = next(count for count in range(1, len(given) + 2) if f"index-{count}" not in given.values())
            given[url] = f"index-{number}"
    return given


def without_credentials(url: str) -> str:
    """Return an address without credentials and final slash, to compare by."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), parts.query, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file on a project's page; `sha256` where the page gives it."""

    file: str
    url: str
    sha256: str | None


def project_page(index: str, project: str, web: requests.Session) -> dict[str, Link]:
    """Return the files that an index lists for a project, by file name (PEP 503, or its JSON of PEP 691).

    Raises:
        NetworkError: the index failed.
    """
    address = f"{index.rstrip('/')}/{project}/"
    text = get_bytes(web, address).decode("utf-8", "replace")
    if text.lstrip()[:1] == "{":
        return _listed(text, address)
    reader = _Links()
    reader.feed(text)
    found = {}
    for href in reader.hrefs:
        url, _, fragment = urljoin(address, href).partition("#")
        file = unquote(urlsplit(url).path.rpartition("/")[2])
        digest = re.search(r"(?:^|&)sha256=([0-9a-f]{64})", fragment)
        found[file] = Link(file=file, url=url, sha256=digest[1] if digest else None)
    return found


def _listed(text: str, address: str) -> dict[str, Link]:
    """Read a page in JSON; nothing of one that can't be read."""
    try:
        files = [
            (str(each["filename"]), urljoin(address, each["url"]), each.get("hashes", {}).get("sha256"))
            for each in json.loads(text)["files"]
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {file: Link(file=file, url=url, sha256=sha256) for file, url, sha256 in files}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
