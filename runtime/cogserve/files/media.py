"""Media types, suffixes and names of files, the same on every machine: `mimetypes` reads the machine's own tables.

The server and the client need the same table and may not import each other, so this file exists twice:
`runtime/cogserve/files/media.py` and `cogfreeze/client/media.py`. A test holds them equal.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

UNKNOWN = "application/octet-stream"
LONGEST_NAME = 120  # bytes of a file name; escaped in a data URI it is three times as long

# Media type → suffixes. The first suffix is the one for a file without a name.
_TYPES = {
    "application/epub+zip": ".epub",
    "application/gzip": ".gz .tgz",
    "application/json": ".json",
    "application/jsonl": ".jsonl .ndjson",
    "application/javascript": ".js .mjs",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/sql": ".sql",
    "application/toml": ".toml",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-fontobject": ".eot",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.sqlite3": ".sqlite .db",
    "application/wasm": ".wasm",
    "application/x-7z-compressed": ".7z",
    "application/x-bzip2": ".bz2",
    "application/x-hdf5": ".h5 .hdf5",
    "application/x-ipynb+json": ".ipynb",
    "application/x-npy": ".npy",
    "application/x-npz": ".npz",
    "application/x-rar-compressed": ".rar",
    "application/x-subrip": ".srt",
    "application/x-tar": ".tar",
    "application/x-xz": ".xz",
    "application/xml": ".xml",
    "application/yaml": ".yaml .yml",
    "application/zip": ".zip",
    "application/zstd": ".zst",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff .aif",
    "audio/amr": ".amr",
    "audio/basic": ".au",
    "audio/flac": ".flac",
    "audio/midi": ".mid .midi",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg .oga .opus",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "font/otf": ".otf",
    "font/ttf": ".ttf",
    "font/woff": ".woff",
    "font/woff2": ".woff2",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/jp2": ".jp2",
    "image/jpeg": ".jpg .jpeg .jpe",
    "image/jxl": ".jxl",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tiff .tif",
    "image/vnd.adobe.photoshop": ".psd",
    "image/vnd.microsoft.icon": ".ico",
    "image/webp": ".webp",
    "image/x-exr": ".exr",
    "image/x-portable-pixmap": ".ppm",
    "model/gltf+json": ".gltf",
    "model/gltf-binary": ".glb",
    "model/mtl": ".mtl",
    "model/obj": ".obj",
    "model/stl": ".stl",
    "model/vnd.usdz+zip": ".usdz",
    "text/calendar": ".ics",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/html": ".html .htm",
    "text/markdown": ".md .markdown",
    "text/plain": ".txt .log .text",
    "text/tab-separated-values": ".tsv",
    "text/vtt": ".vtt",
    "text/x-python": ".py",
    "video/mp4": ".mp4 .m4v",
    "video/mp2t": ".ts",
    "video/mpeg": ".mpeg .mpg",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
}
# Other names of these types.
_ALIASES = {
    "application/ndjson": "application/jsonl",
    "application/x-gzip": "application/gzip",
    "application/x-jsonlines": "application/jsonl",
    "application/x-midi": "audio/midi",
    "application/x-ndjson": "application/jsonl",
    "application/x-yaml": "application/yaml",
    "application/x-zip-compressed": "application/zip",
    "audio/mid": "audio/midi",
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/x-ms-bmp": "image/bmp",
    "text/javascript": "application/javascript",
    "text/xml": "application/xml",
    "text/yaml": "application/yaml",
    "video/avi": "video/x-msvideo",
}
_BY_SUFFIX = {suffix: kind for kind, suffixes in _TYPES.items() for suffix in suffixes.split()}
# Suffixes that follow another one: `data.tar.gz`, `table.csv.gz`.
_ENCODINGS = (".gz", ".bz2", ".xz", ".zst")
# Families whose files every program recognizes by their type alone.
_SELF_EVIDENT = ("image/", "audio/", "video/", "text/")


def media_type(name: str) -> str:
    """Return the media type of a file by its name; of a compressed file, the type of the compression."""
    return _BY_SUFFIX.get(_last_suffix(name).lower(), UNKNOWN)


def suffix(media_type: str) -> str:
    """Return the usual suffix of a media type, with its dot; empty if it is unknown."""
    kind = media_type.partition(";")[0].strip().lower()
    return _TYPES.get(_ALIASES.get(kind, kind), "").partition(" ")[0]


def suffix_of(name: str) -> str:
    """Return the suffix of a file name, with its dot, and both of `data.tar.gz`; empty if it has none."""
    last = _last_suffix(name)
    if last.lower() not in _ENCODINGS:
        return last
    before = _last_suffix(name[: -len(last)])
    return before + last if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{0,11}", before) else last


def _last_suffix(name: str) -> str:
    match = re.search(r"[^.](\.[A-Za-z0-9_+-]{1,20})$", name)
    return match.group(1) if match else ""


def safe_name(name: str) -> str:
    """Return a file name that is safe in a folder and a shell, as close to the original as possible.

    Folders and control characters are removed, and a long name is cut before its suffix. The result is empty if
    nothing is left.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    printable = "".join(char for char in last if char.isprintable())
    clean = re.sub(r'[<>:"|?*\s]+', "-", printable).lstrip(".-")
    end = suffix_of(clean)
    stem = clean[: len(clean) - len(end)].encode()[: LONGEST_NAME - len(end)].decode(errors="ignore")
    return stem + end


def data_uri_head(name: str, *, always_named: bool = False) -> str:
    """Return a data URI up to its content: `data:image/png;base64,`.

    It includes the file name if the media type does not tell the suffix: `data:…;name=model.safetensors;base64,`.

    Args:
        always_named: give the name in any case.
    """
    kind, clean = media_type(name), safe_name(name)
    told = suffix(kind) == suffix_of(clean) or kind.startswith(_SELF_EVIDENT)
    named = f";name={quote(clean, safe='')}" if clean and (always_named or not told) else ""
    return f"data:{kind}{named};base64,"


def name_in(parameters: str) -> str:
    """Return the file name in the parameters of a data URI (`;name=a.png;base64`); empty if it has none."""
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() in ("name", "filename"):
            return safe_name(unquote(value.strip().strip('"')))
    return ""
