"""Copies an output file into the prediction's own folder.

The server reads files only from that folder, and the model may overwrite its file in the next prediction. So a
file elsewhere is copied. Symbolic links are never followed: `picture.png` in an archive that the model unpacked
may point anywhere.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

_PIECE = 64 * 1024
# Set by the server, unless output files are uploaded.
_LIMIT = "COG_WORKER_MAX_FILE"


class UnusableFile(Exception):
    """An output file cannot be copied."""


def hand_over(path: str, folder: str) -> str:
    """Return the absolute path of a regular file in `folder` with the content of `path`.

    Raises:
        UnusableFile: it does not exist, cannot be read, or is a link, folder or device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a symbolic link; return its target" if error.errno == errno.ELOOP else error.strerror
        raise UnusableFile(f"the output file `{path}`: {reason}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UnusableFile(f"the output file `{path}` is not a regular file")
        _refuse_large(path, os.fstat(handle).st_size)
        real = os.path.realpath(path)
        _refuse_way_out(path, real, folder)
        if _below(real, os.path.realpath(folder)):
            return real
        with open(handle, "rb", closefd=False) as opened:
            return _spooled(opened, os.path.basename(real), folder)
    finally:
        os.close(handle)


def _refuse_large(path: str, size: int) -> None:
    """Refuse a file that the server would refuse, before it is copied."""
    limit = os.environ.get(_LIMIT, "")
    if limit.isdigit() and size > int(limit):
        raise UnusableFile(
            f"the output file `{os.path.basename(path)}` has {size} bytes, more than the limit of {limit} bytes "
            "(`server.max_output` in cog.yaml)"
        )


def _refuse_way_out(path: str, real: str, folder: str) -> None:
    """Refuse a path in a temporary folder that leads out of it through a symbolic link."""
    for place in (folder, os.path.dirname(os.path.dirname(folder)), "/tmp"):  # noqa: S108  # nothing is created there
        tops = (os.path.abspath(place), os.path.realpath(place))
        if any(_below(os.path.abspath(path), top) for top in tops) and not _below(real, tops[1]):
            raise UnusableFile(f"the output file `{path}` leaves {place} through a symbolic link")


def spool(stream: Any, folder: str) -> str:
    """Write a file-like object's whole content to a file in `folder`, and return its absolute path."""
    name = getattr(stream, "name", None)
    try:
        if stream.seekable():
            stream.seek(0)
    except AttributeError:
        pass
    return _spooled(stream, os.path.basename(name) if isinstance(name, str) else "", folder)


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _spooled(stream: Any, name: str, folder: str) -> str:
    import tempfile

    # A new folder for each file keeps its name: clients see it at the end of an upload's URL.
    within = tempfile.mkdtemp(prefix="output-", dir=os.path.realpath(folder))
    target = os.path.join(within, "output" if name in ("", ".", "..") else name)
    with open(target, "wb") as file:
        while True:
            piece = stream.read(_PIECE)
            if not piece:
                return target
            file.write(piece.encode("utf-8") if isinstance(piece, str) else piece)
