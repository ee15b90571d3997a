"""A package index on loopback with really built wheels, for the tests of what indexes do and don't do."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence


def record_digest(data: bytes) -> str:
    """Return a RECORD line's digest."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def wheel(
    file: str,
    *,
    files: Mapping[str, bytes] | None = None,
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    python: str | None = None,
) -> bytes:
    """Return a real wheel of that file name, the same bytes every time."""
    name, version, *_, python_tag, abi_tag, platform_tag = file.removesuffix(".whl").split("-")
    information = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}"]
    metadata += [f"Requires-Python: {python}"] if python else []
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    tags = [f"Tag: {python_tag}-{abi_tag}-{platform}" for platform in platform_tag.split(".")]
    contents = dict(files or {f"{name}.py": b""})
    contents[f"{information}/METADATA"] = ("\n".join(metadata) + "\n").encode()
    contents[f"{information}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n" + "\n".join(tags) + "\n"
    ).encode()
    record = "".join(f"{path},{record_digest(data)},{len(data)}\n" for path, data in contents.items())
    contents[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in contents.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return packed.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Index:
    """What one server answers.

    Attributes:
        url: its address; an index per tag lies below it: `URL/cpu`.
        wheels: bytes by index name (`cpu`, `cu128`, `simple`) and file name.
        requests: what was asked, `METHOD path` and the range where there was one.
        hashes: whether the pages carry hashes.
        ranges: whether parts of a file are served.
        credentials: `user:password` that is wanted of everyone, or None.
        dates: file → when it was published, RFC 3339; with any, pages are JSON, which alone can say it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.wheels: dict[str, dict[str, bytes]] = {}
        self.requests: list[str] = []
        self.hashes = True
        self.ranges = True
        self.credentials: str | None = None
        self.dates: dict[str, str] = {}

    def add(self, index: str, file: str, **contents: object) -> bytes:
        """Build a wheel and offer it."""
        data = wheel(file, **contents)  # type: ignore[arg-type]
        self.wheels.setdefault(index, {})[file] = data
        return data

    def page(self, index: str, name: str) -> str | None:
        """Return the simple page of a project, or None where the index has no such project."""
        files = {
            file: data
            for file, data in self.wheels.get(index, {}).items()
            if re.sub(r"[-_.]+", "-", file.split("-")[0]).lower() == name
        }
        if self.dates and files:
            entries = [
                {
                    "filename": file,
                    "url": f"{self.url}/files/{index}/{file}",
                    "hashes": {"sha256": sha256(data)},
                    "upload-time": self.dates[file],
                }
                for file, data in files.items()
            ]
            return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": entries})
        links = [
            f'<a href="../../files/{index}/{file}{f"#sha256={sha256(data)}" if self.hashes else ""}">{file}</a>'
            for file, data in files.items()
        ]
        return "<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>" if links else None

    def answer(self, path: str, span: str | None) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        words = path.strip("/").split("/")
        if words[0] == "files" and words[2:] and words[2] in self.wheels.get(words[1], {}):
            data = self.wheels[words[1]][words[2]]
            found = re.fullmatch(r"bytes=(\d*)-(\d*)", span or "")
            if not (found and self.ranges):
                return 200, {"Accept-Ranges": "bytes"} if self.ranges else {}, data
            first, last = found.groups()
            start = max(0, len(data) - int(last)) if not first else int(first)
            end = min(len(data), int(last) + 1) if first and last else len(data)
            if start >= len(data):
                return 416, {"Content-Range": f"bytes */{len(data)}"}, b""
            return 206, {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end]
        page = self.page(words[0], words[1]) if len(words) == 2 else None
        kind = "application/vnd.pypi.simple.v1+json" if self.dates else "text/html"
        return (404, {}, b"") if page is None else (200, {"Content-Type": kind}, page.encode())


@contextmanager
def served(tls: ssl.SSLContext | None = None) -> Iterator[Index]:
    """Serve an index while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            span = self.headers.get("Range")
            index.requests.append(f"{self.command} {self.path}" + (f" {span}" if span else ""))
            wanted = index.credentials and "Basic " + base64.b64encode(index.credentials.encode()).decode()
            if wanted and self.headers.get("Authorization") != wanted:
                status, headers, body = 401, {"WWW-Authenticate": 'Basic realm="index"'}, b""
            else:
                status, headers, body = index.answer(self.path.split("?")[0], span)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    index = Index(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
