"""Media types and file names. The machine's own tables are not read: the same file is the same everywhere."""

from __future__ import annotations

import mimetypes

_types = mimetypes.MimeTypes()
for _type, _suffix in (
    ("image/webp", ".webp"),
    ("image/avif", ".avif"),
    ("image/jpeg", ".jpg"),
    ("audio/flac", ".flac"),
    ("audio/wav", ".wav"),
    ("audio/ogg", ".ogg"),
    ("video/mp4", ".mp4"),
    ("application/x-tar", ".tar"),
    ("application/octet-stream", ""),
):
    _types.add_type(_type, _suffix)


def suffix(media_type: str) -> str:
    """Return the suffix of files of a type, with its point; empty where none is known."""
    return _types.guess_extension(media_type.partition(";")[0].strip().lower()) or ""


def media_type(name: str) -> str:
    """Return the type of a file by its name."""
    return _types.guess_type(name)[0] or "application/octet-stream"
