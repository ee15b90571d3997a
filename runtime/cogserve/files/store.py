"""Turns the files that a prediction made into what clients get: data URIs, or the URLs of uploads.

Only regular files inside the prediction's own folder are read. The path is walked from that folder's
descriptor, component by component, and links are not followed, so that nothing can be swapped in between.

The result is JSON from the start: a data URI of some megabytes is made once, without another pass to escape or
copy it.
"""

from __future__ import annotations

import binascii
import os
import stat
from typing import Any, AsyncIterator, List, Optional
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import msgspec
import trio

from cogserve.files import media
from cogserve.files.client import Client, ExchangeFailed, Request
from cogserve.files.guard import Refused
from cogserve.protocol import encode

UPLOAD_TIMEOUT = 25.0
PIECE = 1024 * 1024
# Of a file that is encoded: divisible by 3, so that no piece ends in padding, and little enough for a cache.
ENCODED_PIECE = 192 * 1024


class OutputUnusable(Exception):
    """A file of the output cannot be used; the prediction fails with this message."""


class Store:
    """Where output files go.

    Args:
        client: makes the uploads.
        upload_url: the URL below which they are PUT, or None for data URIs.
        limit: bytes of one file that may go into a data URI.
    """

    def __init__(self, client: Client, upload_url: Optional[str], limit: int) -> None:
        self._client = client
        self._upload_url = upload_url
        self._limit = limit

    async def put(self, folder: str, path: str) -> msgspec.Raw:
        """Upload or encode one file, and return its URL or data URI as a JSON string.

        Raises:
            OutputUnusable: the file may not be read, or the upload failed.
        """
        name = os.path.basename(path)
        descriptor = open_inside(folder, path)
        try:
            if self._upload_url is not None:
                media_type = media.media_type(name)
                return msgspec.Raw(encode(await self._upload(self._upload_url, descriptor, name, media_type)))
            size = os.fstat(descriptor).st_size
            if size > self._limit:
                raise OutputUnusable(
                    f"The output file `{name}` has {size} bytes, more than the limit of {self._limit} bytes "
                    "(`server.max_output` in cog.yaml)"
                )
            return await trio.to_thread.run_sync(_data_uri, descriptor, media.data_uri_head(name))
        except OSError as error:
            raise OutputUnusable(f"The output file `{name}` could not be read: {error.strerror}") from None
        finally:
            os.close(descriptor)

    async def _upload(self, base: str, descriptor: int, name: str, media_type: str) -> str:
        url = base.rstrip("/") + "/" + quote(name, safe="")

        async def pieces() -> AsyncIterator[bytes]:
            at = 0
            while at < length:
                piece = await trio.to_thread.run_sync(os.pread, descriptor, min(PIECE, length - at), at)
                if not piece:
                    raise ExchangeFailed("the file became shorter meanwhile")
                at += len(piece)
                yield piece

        length = os.fstat(descriptor).st_size
        request = Request(
            method="PUT",
            headers=[("Content-Type", media_type)],
            body=pieces,
            length=length,
            timeout=UPLOAD_TIMEOUT,
            trusted=True,
        )
        try:
            answer = await self._client.exchange(url, request)
        except (ExchangeFailed, Refused) as error:
            raise OutputUnusable(f"The output file `{name}` could not be uploaded: {error}") from None
        if not 200 <= answer.status < 300:
            raise OutputUnusable(
                f"The output file `{name}` could not be uploaded: the server answered {answer.status}"
            )
        try:
            parts = urlsplit(urljoin(answer.url, answer.headers.get("location") or ""))
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise OutputUnusable(
                f"The output file `{name}` could not be uploaded: its `Location` is not an http or https URL"
            )
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def open_inside(folder: str, path: str) -> int:
    """Open a regular file inside a folder for reading, and return its descriptor.

    Args:
        folder: absolute, without links in it.
        path: absolute; must lie inside the folder by its text alone.

    Raises:
        OutputUnusable: it lies elsewhere, is a link or behind one, is no regular file, or is not there.
    """
    name = os.path.basename(path)
    components = path[len(folder) + 1 :].split("/") if path.startswith(folder + "/") else []
    if not components or any(component in ("", ".", "..") for component in components) or "\0" in path:
        raise OutputUnusable(f"The output file `{name}` is not in the prediction's own folder")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    held: List[int] = []
    try:
        held.append(os.open(folder, flags | os.O_DIRECTORY))
        for component in components[:-1]:
            held.append(os.open(component, flags | os.O_DIRECTORY, dir_fd=held[-1]))
        descriptor = os.open(components[-1], flags, dir_fd=held[-1])
    except FileNotFoundError:
        raise OutputUnusable(f"The output file `{name}` does not exist") from None
    except OSError:
        raise OutputUnusable(
            f"The output file `{name}` is not a plain file in the prediction's own folder"
        ) from None
    finally:
        for one in held:
            os.close(one)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OutputUnusable(f"The output file `{name}` is not a plain file in the prediction's own folder")
    return descriptor


def place(output: Any, at: List[Any], value: str) -> Any:
    """Return `output` with `value` at the place that keys and indices lead to."""
    if not at:
        return value
    holder = output
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return output


def _data_uri(descriptor: int, head: str) -> msgspec.Raw:
    text = bytearray(f'"{head}'.encode())
    at = 0
    while True:
        piece = os.pread(descriptor, ENCODED_PIECE, at)
        text += binascii.b2a_base64(piece, newline=False)
        if len(piece) < ENCODED_PIECE:
            break
        at += len(piece)
    text += b'"'
    return msgspec.Raw(text)
