"""What a base image has installed, as one digest that a shell in the image can compute too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Prints the hex digits of `package_list_digest` for the image that it runs in. Needs dpkg and coreutils, which
# every Debian and Ubuntu base has. `LC_ALL=C` sorts by bytes, as Python does.
PACKAGE_LIST_COMMAND = (
    r"dpkg-query -W -f='${db:Status-Status} ${Package}:${Architecture} ${Version}\n'"
    r" | sed -n 's/^installed //p' | LC_ALL=C sort | sha256sum | cut -d ' ' -f 1"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class InstalledPackage:
    """A package that dpkg lists as installed; the configuration that a removed one left behind does not count."""

    name: str
    architecture: str
    version: str

    @property
    def line(self) -> str:
        """The package as `PACKAGE_LIST_COMMAND` and the catalogue write it: `libc6:amd64 2.36-9`."""
        return f"{self.name}:{self.architecture} {self.version}"


def package_list_digest(packages: Iterable[InstalledPackage]) -> str:
    """Return `sha256:…` over the sorted lines `name:architecture version`, each ended by a line feed."""
    lines = sorted(package.line.encode() + b"\n" for package in packages)
    return "sha256:" + hashlib.sha256(b"".join(lines)).hexdigest()


def installed(status: str) -> tuple[InstalledPackage, ...]:
    """Return the packages that a dpkg status file has as installed, sorted."""
    return tuple(sorted(_installed(status)))


def _installed(status: str) -> Iterator[InstalledPackage]:
    for stanza in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in stanza.splitlines()
            if ": " in line and not line.startswith((" ", "\t"))
        )
        # A distroless image's files under status.d have no Status; what they describe is installed.
        if "Package" in fields and fields.get("Status", "install ok installed").endswith(" installed"):
            yield InstalledPackage(
                name=fields["Package"], architecture=fields["Architecture"], version=fields["Version"]
            )
