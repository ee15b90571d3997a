"""Puts the files of an input into the prediction's folder: from data URIs, and from allowed URLs."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import trio

from cogserve.files import media
from cogserve.files.client import Client, ExchangeFailed, Request, TooLong
from cogserve.files.guard import Refused

PARALLEL = 8
MAX_FILES = 10_000  # of one input; each becomes a folder, and nine bytes of the request can ask for one
MAX_HEAD = 1024  # characters of a data URI up to its comma
TIMEOUT = 300.0
WRITE = 1024 * 1024
WHITESPACE = dict.fromkeys(map(ord, " \t\r\n"))
DATA_URI = re.compile(r"data:([^,;\s]*)((?:;[^,;]*)*),", re.IGNORECASE)


class InputUnusable(Exception):
    """A file of the input cannot be used.

    Args:
        field: the input's name.
        refused: whether the value itself is wrong (which is a 422), rather than the download.
    """

    def __init__(self, field: str, message: str, *, refused: bool) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.refused = refused


def present(values: Dict[str, Any], fields: Iterable[str]) -> bool:
    """Return whether an input has files."""
    return any(values.get(field) for field in fields)


async def bring(client: Client, values: Dict[str, Any], fields: Iterable[str], folder: str, limit: int) -> None:
    """Fetch every file of an input, and replace the URLs with local paths.

    Args:
        values: the input; changed in place.
        fields: names of the inputs that hold a URL or a list of URLs.
        folder: where the files go, each in a folder of its own so that it keeps its name.
        limit: bytes of one file.

    Raises:
        InputUnusable: the first file that cannot be used; the others are given up.
    """
    wanted = _wanted(values, fields)
    failures: List[InputUnusable] = []
    numbered = enumerate(wanted)

    async def some() -> None:
        for number, (holder, key, field) in numbered:
            await one(holder, key, field, os.path.join(folder, f"input-{number}"))

    async def one(holder: Any, key: Any, field: str, place: str) -> None:
        try:
            holder[key] = await _bring_one(client, holder[key], place, limit)
        except (Refused, _Malformed) as error:
            failures.append(InputUnusable(field, str(error), refused=True))
        except (ExchangeFailed, OSError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            failures.append(InputUnusable(field, f"The file could not be fetched: {words}", refused=False))
        if failures:
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(min(PARALLEL, len(wanted))):
            nursery.start_soon(some)
    if failures:
        raise failures[0]


def _wanted(values: Dict[str, Any], fields: Iterable[str]) -> List[Tuple[Any, Any, str]]:
    """Return for each URL the dict or list that holds it, its key there, and the input's name."""
    wanted: List[Tuple[Any, Any, str]] = []
    for field in fields:
        value = values.get(field)
        if isinstance(value, str):
            wanted.append((values, field, field))
        elif isinstance(value, list):
            value = values[field] = list(value)
            wanted += [(value, index, field) for index in range(len(value))]
        if len(wanted) > MAX_FILES:
            raise InputUnusable(field, f"More than {MAX_FILES} files", refused=True)
    return wanted


class _Malformed(Exception):
    """A data URI that is not well-formed."""


async def _bring_one(client: Client, url: str, place: str, limit: int) -> str:
    os.mkdir(place, 0o700)
    if url[:5].lower() == "data:":
        return await trio.to_thread.run_sync(_store_data, url, place, limit)
    return await _download(client, url, place, limit)


def _store_data(url: str, place: str, limit: int) -> str:
    comma = url.find(",", 0, MAX_HEAD)
    match = DATA_URI.match(url, 0, comma + 1) if comma >= 0 else None
    if match is None:
        raise _Malformed("The data URI is not well-formed")
    data = url[match.end() :]
    if match.group(2).lower().endswith(";base64"):
        try:
            content = _decoded(unquote(data) if "%" in data else data)
        except (binascii.Error, ValueError):
            raise _Malformed("The data URI's content is not valid base64") from None
    else:
        content = unquote_to_bytes(data)
    if len(content) > limit:
        raise _Malformed(f"The file has {len(content)} bytes, {_over(limit)}")
    path = os.path.join(place, media.name_in(match.group(2)) or "file" + media.suffix(match.group(1)))
    with open(path, "xb") as file:
        file.write(content)
    return path


def _over(limit: int) -> str:
    return f"more than the limit of {limit} bytes (`server.max_download` in cog.yaml)"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:  # perhaps the client has split it into lines
        return base64.b64decode(text.translate(WHITESPACE), validate=True)


async def _download(client: Client, url: str, place: str, limit: int) -> str:
    partial = os.path.join(place, "partial")
    with open(partial, "xb") as file:  # noqa: ASYNC230 - on the local disk
        pending = bytearray()

        async def keep(piece: bytes) -> None:
            pending.extend(piece)
            if len(pending) >= WRITE:
                await trio.to_thread.run_sync(file.write, bytes(pending))
                pending.clear()

        try:
            answer = await client.exchange(url, Request(method="GET", limit=limit, timeout=TIMEOUT), keep)
        except TooLong:
            raise ExchangeFailed(_over(limit)) from None
        if not 200 <= answer.status < 300:
            raise ExchangeFailed(f"the server answered {answer.status}")
        if pending:
            await trio.to_thread.run_sync(file.write, bytes(pending))
    path = os.path.join(place, _name(url, answer.headers.get("content-type")))
    os.rename(partial, path)
    return path


def _name(url: str, media_type: Optional[str]) -> str:
    """Return a file name for a download: the URL's own, with the suffix of the media type if it has none."""
    name = media.safe_name(unquote(urlsplit(url).path)) or "file"
    if "." not in name and media_type:
        name += media.suffix(media_type)
    return name
