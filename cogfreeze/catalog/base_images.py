"""The catalogue of base images in `base_images.lock`, for when no registry can be reached.

Its entries come from public files, not from a registry: each has its date and level of confidence, and what a
lock takes from here is marked `unconfirmed`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from cogfreeze import bundled
from cogfreeze.lock.packages import InstalledPackage

SCHEMA = 2
FRONTEND = "docker/dockerfile"

_HEADER = """\
# The base images that cogfreeze has built in, for when no registry can be reached.
# Written by `make base-images`; `cogfreeze/catalog/base_images.py` says what each key means.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One tag.

    Attributes:
        digest: of the tag's index (or manifest, for a tag without an index).
        platforms: platform and digest of its manifest, as far as known.
        distribution: `debian:bookworm`, `ubuntu:22.04`; empty for the Dockerfile frontend.
        date: when the tag had this digest: `YYYY-MM-DD`, or `YYYY-MM` if the day is not known.
        confidence: `high` if at least three public files or a published report agree; `registry` if read from a
            registry.
        files: how many public files agree.
    """

    name: str
    tag: str
    digest: str
    platforms: tuple[tuple[str, str], ...] = ()
    distribution: str = ""
    date: str
    confidence: str = "high"
    files: int = 0

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}"

    def manifest(self, platform: str) -> str | None:
        """Return the digest of the platform's manifest, if known."""
        return dict(self.platforms).get(platform)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageList:
    """The dpkg packages of one image. It belongs to a digest, since tags move.

    Attributes:
        image: a tag with that digest, for readers of the file.
        digest: as `Image.digest`; every tag with it has these packages.
        date: when the image was made or read.
        basis: the source of the list.
    """

    image: str
    digest: str
    platform: str
    date: str
    basis: str
    packages: tuple[InstalledPackage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The whole of `base_images.lock`."""

    images: tuple[Image, ...]
    lists: tuple[PackageList, ...] = ()

    def find(self, reference: str) -> Image | None:
        """Return the entry of `name:tag`, or None."""
        return next((image for image in self.images if image.reference == reference), None)

    def tags(self, name: str) -> list[str]:
        """Return the catalogue's tags of a name."""
        return [image.tag for image in self.images if image.name == name]

    def packages(self, digest: str, platform: str) -> PackageList | None:
        """Return the packages of the image with a digest, if the catalogue knows them."""
        found = (each for each in self.lists if (each.digest, each.platform) == (digest, platform))
        return next(found, None)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that came with cogfreeze."""
    return parse(bundled.BASE_IMAGES.read_text(encoding="utf-8"))


def frontend() -> str:
    """Return the Dockerfile frontend to build with, `name:tag@sha256:…`: the newest in the catalogue."""
    newest = max(
        (image for image in catalogue().images if image.name == FRONTEND),
        key=lambda image: tuple(map(int, image.tag.split("."))),
    )
    return f"{newest.reference}@{newest.digest}"


def parse(text: str) -> Catalogue:
    """Parse a catalogue's text, which is ours and trusted."""
    document = tomllib.loads(text)
    if document["schema"] != SCHEMA:
        raise ValueError(f"base_images.lock has schema {document['schema']}, not {SCHEMA}")
    return Catalogue(
        images=tuple(
            Image(**{**entry, "platforms": tuple(sorted(entry.get("platforms", {}).items()))})
            for entry in document["image"]
        ),
        lists=tuple(
            PackageList(**{**entry, "packages": tuple(map(_package, entry["packages"].splitlines()))})
            for entry in document.get("list", ())
        ),
    )


def _package(line: str) -> InstalledPackage:
    name, version = line.split(" ")
    name, _, architecture = name.rpartition(":")
    return InstalledPackage(name=name, architecture=architecture, version=version)


def write(catalogue: Catalogue) -> str:
    """Return the catalogue's text: sorted, LF, the same for equal catalogues."""
    parts = [_HEADER + f"schema = {SCHEMA}\n"]
    for image in sorted(catalogue.images, key=lambda image: (image.name, image.tag)):
        lines = ["[[image]]", *(f'{key} = "{getattr(image, key)}"' for key in ("name", "tag", "digest"))]
        if image.platforms:
            pairs = ", ".join(f'"{platform}" = "{digest}"' for platform, digest in sorted(image.platforms))
            lines.append(f"platforms = {{ {pairs} }}")
        if image.distribution:
            lines.append(f'distribution = "{image.distribution}"')
        lines += [f'date = "{image.date}"', f'confidence = "{image.confidence}"']
        if image.files:
            lines.append(f"files = {image.files}")
        parts.append("\n".join(lines) + "\n")
    for each in sorted(catalogue.lists, key=lambda each: (each.image, each.platform)):
        packages = "\n".join(package.line for package in sorted(each.packages))
        parts.append(
            f'[[list]]\nimage = "{each.image}"\ndigest = "{each.digest}"\nplatform = "{each.platform}"\n'
            f'date = "{each.date}"\nbasis = "{each.basis}"\npackages = """\n{packages}\n"""\n'
        )
    return "\n".join(parts)
