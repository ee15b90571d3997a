"""A small registry, made by the test: images of layers, tags, tokens, and what can be wrong with them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.unit.resolve.loopback import Answer, Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OS_RELEASE = 'PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n'


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(files: dict[str, str], *, compress: bool = True) -> bytes:
    """A layer with some files; a path that ends in `->X` is a symlink to X."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, text in files.items():
            name, _, link = path.partition("->")
            member = tarfile.TarInfo(name)
            if link:
                member.type, member.linkname = tarfile.SYMTYPE, link
            member.size = 0 if link else len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(stream.getvalue(), mtime=0) if compress else stream.getvalue()


@dataclass
class Registry:
    """What it has; a test changes an attribute and it answers accordingly.

    Attributes:
        blobs: by digest; `changed` has other bytes for some.
        manifests: by `repository:tag` and `repository@digest`: media type and bytes.
        token: what a client must bring; None lets everybody in. `user` is whom the token service gives it.
        basic: credentials in place of a token.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    changed: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    user: str | None = None
    basic: str | None = None
    realm: str = "http://{host}/token"
    posted: dict[str, list[str]] = field(default_factory=dict)

    def blob(self, content: bytes) -> str:
        self.blobs[digest_of(content)] = content
        return digest_of(content)

    def image(
        self,
        repository: str,
        tag: str,
        *layers: bytes,
        platform: str = "linux/amd64",
        environment: Sequence[str] = (),
    ) -> str:
        """Add an image without an index; returns its digest."""
        system, architecture = platform.split("/")
        described = {"os": system, "architecture": architecture, "config": {"Env": [*environment]}}
        config = json.dumps(described).encode()
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"digest": self.blob(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": self.blob(each), "size": len(each)} for each in layers],
        }
        return self._keep(repository, tag, MANIFEST, document)

    def index(self, repository: str, tag: str, **platforms: str) -> str:
        """Add an index; `linux_amd64=DIGEST`."""
        entries = [
            {"mediaType": MANIFEST, "digest": digest, "size": 1,
             "platform": dict(zip(("os", "architecture"), name.split("_"), strict=True))}
            for name, digest in platforms.items()
        ]  # fmt: skip
        return self._keep(repository, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def _keep(self, repository: str, tag: str, media_type: str, document: dict) -> str:
        body = json.dumps(document, indent=3).encode()
        for key in (f"{repository}:{tag}", f"{repository}@{digest_of(body)}"):
            self.manifests[key] = (media_type, body)
        return digest_of(body)

    def __call__(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path)
        if path.path == "/token":
            return self._give_token(asked, parse_qs(path.query))
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            realm = self.realm.format(host=asked.headers["host"])
            challenge = f'Bearer realm="{realm}",service="registry",scope="repository:x:pull"'
            return Answer(401, b"{}", {"WWW-Authenticate": challenge})
        if self.basic and asked.headers.get("authorization") != _basic(self.basic):
            return Answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="registry"'})
        if path.path == "/v2/":
            return Answer(body=b"{}")
        repository, kind, name = path.path.removeprefix("/v2/").rsplit("/", 2)
        if kind == "blobs":
            content = self.changed.get(name, self.blobs.get(name))
            return Answer(404) if content is None else Answer(body=content)
        found = self.manifests.get(f"{repository}@{name}" if ":" in name else f"{repository}:{name}")
        if found is None:
            return Answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        headers = {"Content-Type": found[0], "Docker-Content-Digest": digest_of(found[1]), **self.headers}
        return Answer(body=self.changed.get(name, found[1]), headers=headers)

    def _give_token(self, asked: Asked, question: dict[str, list[str]]) -> Answer:
        if asked.body:
            self.posted = parse_qs(asked.body.decode())
        elif question != {"service": ["registry"], "scope": ["repository:x:pull"]}:
            return Answer(400)
        elif self.user and asked.headers.get("authorization") != _basic(self.user):
            return Answer(401)
        return Answer(body=json.dumps({"token": self.token}).encode())


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()
