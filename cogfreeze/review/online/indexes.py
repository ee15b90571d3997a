"""Package indexes by the names that a lock has for them, and the pages that they answer (PEP 691, 700 and 792)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cogfreeze.resolve.fetch import get_bytes, http_session
from cogfreeze.resolve.index import (
    DEFAULT_INDEX,
    Credentials,
    index_names,
    machine_indexes,
    project_page,
    take_torch_index,
    torch_index,
    without_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests

    from cogfreeze.project.model import Build
    from cogfreeze.settings import Settings

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = {"Accept": f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"}
_TORCH = "pytorch-"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a project's page; None where the page doesn't say.

    Attributes:
        yanked: why it was withdrawn, perhaps ""; None where it wasn't.
    """

    name: str
    url: str
    sha256: str | None = None
    size: int | None = None
    yanked: str | None = None
    requires_python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an index says of a project.

    Attributes:
        status: `active`, `archived`, `deprecated` or `quarantined`.
        reason: its maintainers' words for the status, perhaps "".
    """

    files: Mapping[str, File] = field(default_factory=dict)
    status: str = "active"
    reason: str = ""


class Indexes:
    """The indexes of a machine and a declaration.

    Args:
        build: the declaration, for the indexes that it names; None where it names none.
        folder: the project's.
    """

    def __init__(self, build: Build | None, folder: Path, settings: Settings) -> None:
        self._settings = settings
        machine = machine_indexes(folder)
        declared, default = _declared(build, folder, settings)
        self._credentials = Credentials(machine, [*declared, *([default] if default else [])])
        extra = [each for each in machine if each.extra]
        # In the order in which `cog lock` names them.
        urls = [os.path.expandvars(url) for url in ([default] if default else []) + declared]
        urls += [each.url for each in extra]
        named = index_names(urls, {each.url: each.name for each in extra if each.name})
        self._urls = {name: url for url in urls if (name := named.get(without_credentials(url)))}
        own = next((each.url for each in machine if each.default), None)
        self._urls.setdefault(DEFAULT_INDEX, own or _public_default())

    def url(self, name: str) -> str | None:
        """Return an index's address, with credentials; None for one that this machine doesn't know."""
        if name.startswith(_TORCH):
            index = torch_index(name.removeprefix(_TORCH), self._settings)
            return index.url if index else None
        url = self._urls.get(name)
        return self._credentials.added_to(url) if url else None

    def session(self) -> requests.Session:
        """Return a session for `page`, safe for several threads."""
        return http_session(self._settings)

    def file_url(self, file: File) -> str:
        """Return a file's address, with its host's credentials."""
        return self._credentials.added_to(file.url)


def _declared(build: Build | None, folder: Path, settings: Settings) -> tuple[list[str], str | None]:
    if build is None:
        return [], None
    from cogfreeze.resolve.requirements import read_declared

    options, _tag = take_torch_index(read_declared(build, folder).options, settings)
    return [*options.indexes], options.default_index


def _public_default() -> str:
    """The index that pip asks where nobody names one."""
    from pip._internal.models.index import PyPI

    return str(PyPI.simple_url)


def page(web: requests.Session, index: str, project: str) -> Page:
    """Return what an index says of a project.

    Raises:
        NetworkError: it did not answer, or knows no such project.
    """
    address = f"{index.rstrip('/')}/{project}/"
    text = get_bytes(web, address, headers=_ACCEPT).decode("utf-8", "replace")
    if text.lstrip()[:1] == "{":
        return _read(text, address)
    links = project_page(index, project, web)
    return Page(files={name: File(name=name, url=each.url, sha256=each.sha256) for name, each in links.items()})


def _read(text: str, address: str) -> Page:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Page()
    status = document.get("project-status")
    table: Mapping[str, Any] = status if isinstance(status, dict) else {}
    files = document.get("files")
    return Page(
        files={
            each["filename"]: _file(each, address)
            for each in (files if isinstance(files, list) else ())
            if isinstance(each, dict) and isinstance(each.get("filename"), str)
        },
        status=str(table.get("status", "active")),
        reason=str(table.get("reason") or ""),
    )


def _file(entry: Mapping[str, Any], address: str) -> File:
    hashes, size, yanked = entry.get("hashes"), entry.get("size"), entry.get("yanked")
    python = entry.get("requires-python")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    return File(
        name=entry["filename"],
        url=urljoin(address, str(entry.get("url", ""))),
        sha256=sha256 if isinstance(sha256, str) else None,
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        yanked=(yanked if isinstance(yanked, str) else "") if yanked else None,
        requires_python=python if isinstance(python, str) else None,
    )
