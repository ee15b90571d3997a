"""A small Debian archive, made and signed by the test, as a dated snapshot service on loopback."""

from __future__ import annotations

import gzip
import hashlib
import lzma
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.unit.resolve.loopback import Answer, Asked

if TYPE_CHECKING:
    from cogfreeze.settings import Settings

SNAPSHOT = "20260901T000000Z"
SUITES = {"bookworm": "debian", "bookworm-updates": "debian", "bookworm-security": "debian-security"}
UBUNTU_SUITES = {"jammy": "ubuntu", "jammy-updates": "ubuntu", "jammy-security": "ubuntu"}

# A list without packages, in another compression.
EMPTY = gzip.compress(b"", mtime=0)


@cache
def key():
    """The secret key that signs the archive; one for the whole run."""
    from pysequoia import Tsk

    return Tsk.generate("Archive of the tests <archive@example.com>", validity_seconds=10 * 365 * 86400)


@cache
def stranger():
    """A key that nobody knows."""
    from pysequoia import Tsk

    return Tsk.generate("Somebody <somebody@example.com>")


def deb(name: str) -> bytes:
    """The bytes of a .deb, as far as these tests need them to be one."""
    return f"the file of {name}".encode()


def stanza(name: str, version: str = "1.0", architecture: str = "amd64", **fields: str) -> str:
    """One entry of a Packages file; `Pre_Depends=` gives `Pre-Depends:`."""
    content = deb(f"{name} {version}")
    given = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A <a@b.example>\n{given}"
        f"Filename: pool/main/{name[0]}/{name}/{name}_{version.rpartition(':')[2]}_{architecture}.deb\n"
        f"Size: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\nDescription: {name}\n"
    )


def installed(name: str, version: str = "1.0", **fields: str) -> str:
    """One entry of dpkg's status."""
    given = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return (
        f"Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.com>\nArchitecture: amd64\n"
        f"Version: {version}\n{given}"
    )


@dataclass
class Archive:
    """What the service has; change an attribute and it answers accordingly.

    Attributes:
        packages: suite → stanzas.
        date, until: of every Release file, RFC 5322.
        signer: the key that signs.
        changed: path → other bytes, to tamper with an answer.
        missing: paths that are not there.
        suites: suite → archive.
        component: the one that all packages are in.
        more: further component of the first suite → stanzas.
    """

    packages: dict[str, list[str]]
    date: str = "Sat, 29 Aug 2026 10:00:00 UTC"
    until: str | None = None
    by_hash: bool = True
    signer: object = field(default_factory=key)
    changed: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    suites: dict[str, str] = field(default_factory=lambda: SUITES)
    component: str = "main"
    more: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer:
        """Answer `/ARCHIVE/STAMP/PATH`."""
        _, archive, stamp, path = asked.path.split("/", 3)
        path = unquote(path)
        content = self.changed.get(path) or self._content(archive, path)
        if stamp != SNAPSHOT or content is None or path in self.missing:
            return Answer(404)
        return Answer(body=content)

    def _content(self, archive: str, path: str) -> bytes | None:
        for suite in (suite for suite, of in self.suites.items() if of == archive):
            text = self.list(suite)
            digest = hashlib.sha256(text).hexdigest()
            folder = f"dists/{suite}/{self.component}/binary-amd64"
            if path == f"dists/{suite}/InRelease":
                return self.inrelease(suite)
            if path == f"dists/{suite}/main/binary-amd64/Packages.gz":
                return EMPTY
            if path == f"{folder}/Packages.xz" or (self.by_hash and path == f"{folder}/by-hash/SHA256/{digest}"):
                return text
            for component, stanzas in self.more.items():
                other = lzma.compress("\n".join(stanzas).encode())
                folder = f"dists/{suite}/{component}/binary-amd64"
                hashed = f"{folder}/by-hash/SHA256/{hashlib.sha256(other).hexdigest()}"
                if path in (f"{folder}/Packages.xz", hashed):
                    return other
        every = (*self.packages.values(), *self.more.values())
        for each in (each for stanzas in every for each in stanzas):
            fields = dict(line.split(": ", 1) for line in each.splitlines())
            if fields["Filename"] == path:
                return deb(f"{fields['Package']} {fields['Version']}")
        return None

    def list(self, suite: str) -> bytes:
        """The suite's Packages.xz."""
        return lzma.compress("\n".join(self.packages.get(suite, [])).encode())

    def inrelease(self, suite: str) -> bytes:
        """The suite's signed Release."""
        from pysequoia import SignatureMode, sign

        text = self.list(suite)
        lines = [
            "Origin: Debian",
            # Debian calls the suite by its age and the codename after it; Ubuntu the other way about.
            f"Suite: {suite.replace('bookworm', 'oldstable')}",
            f"Codename: {suite if 'bookworm' in suite else suite.partition('-')[0]}",
            f"Date: {self.date}",
            *([f"Valid-Until: {self.until}"] if self.until else []),
            *(["Acquire-By-Hash: yes"] if self.by_hash else []),
            "Architectures: amd64",
            "Components: main",
            "SHA256:",
            f" {hashlib.sha256(text).hexdigest()} {len(text)} {self.component}/binary-amd64/Packages.xz",
        ]
        for component, stanzas in self.more.items():
            other = lzma.compress("\n".join(stanzas).encode())
            size = len(other)
            lines.append(f" {hashlib.sha256(other).hexdigest()} {size} {component}/binary-amd64/Packages.xz")
        if self.component != "main":
            lines.append(f" {hashlib.sha256(EMPTY).hexdigest()} {len(EMPTY)} main/binary-amd64/Packages.gz")
        return sign(self.signer.signer(), ("\n".join(lines) + "\n").encode(), mode=SignatureMode.CLEAR)


@dataclass
class Arranged:
    """A client of the archive: its settings, and every request so far."""

    archive: Archive
    settings: Settings
    url: str
    log: list[Asked]
