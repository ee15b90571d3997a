"""The base image without a registry: from the lock, the engine and the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.catalog.base_images import catalogue
from cogfreeze.errors import NetworkError
from cogfreeze.lock.model import BaseImage
from cogfreeze.lock.packages import installed, package_list_digest
from cogfreeze.resolve.base import inventory

if TYPE_CHECKING:
    from cogfreeze.catalog.base_images import Image
    from cogfreeze.report import Report
    from cogfreeze.resolve.base.registry import Reference
    from cogfreeze.settings import Settings


def pinned(base: BaseImage, platform: str, reason: str, settings: Settings) -> tuple[BaseImage, str] | None:
    """Return a locked base and its dpkg status; None if its packages are not known here."""
    found = inventory.without_registry(base.digest, base.manifest, platform, settings)
    status = inventory.status(found.files) if found else None
    if status is None:
        return None
    unconfirmed = tuple(each for each in base.unconfirmed if each != "packages")
    packages = package_list_digest(installed(status))
    return replace(base, reason=reason, packages=packages, unconfirmed=unconfirmed), status


def from_catalogue(
    reference: Reference,
    platform: str,
    reason: str,
    settings: Settings,
    report: Report,
    need_packages: bool,
    error: NetworkError,
) -> tuple[BaseImage, str | None]:
    """Return a base from the catalogue, with the packages of its digest, and warn about it.

    Args:
        error: why the registry does not answer; raised if the catalogue doesn't know enough.

    Raises:
        NetworkError
    """
    known = catalogue().find(reference.name) if reference.host is None else None
    if known is None or reference.digest not in (None, known.digest):
        raise _unknown(reference, known, error)
    status = None
    unconfirmed = ["digest", "manifest"]
    if need_packages:
        found = inventory.without_registry(known.digest, known.manifest(platform), platform, settings)
        status = inventory.status(found.files) if found else None
        if status is None:
            status = _listed(known, platform)
            unconfirmed.append("packages")
        if status is None:
            raise NetworkError(
                f"only the registry knows which packages `{reference.name}` has on {platform}: {error.message}",
                hint=f"{error.hint}; or set `COG_REGISTRY_MIRROR` to a mirror, or pull the image into this"
                f" machine's engine: `docker pull --platform {platform} {known.name}@{known.digest}`",
            )
    report.warn(
        f"{error.message}; `{reference.name}` is taken from the catalogue, as of {known.date}",
        hint="the build checks it; `cog lock --upgrade-base` asks the registry again",
    )
    base = BaseImage(
        reference=reference.name,
        digest=known.digest,
        manifest=known.manifest(platform),
        source="catalogue",
        as_of=known.date,
        reason=reason,
        distribution=known.distribution,
        packages=package_list_digest(installed(status)) if status is not None else None,
        unconfirmed=tuple(unconfirmed),
    )
    return base, status


def _unknown(reference: Reference, known: Image | None, error: NetworkError) -> NetworkError:
    name = f"`{reference.name}`"
    if reference.host is None:
        catalogued = f"has {name} with another digest" if known else f"has no {name}"
        error.hint = f"{error.hint}; or set `COG_REGISTRY_MIRROR` to a mirror. The catalogue {catalogued}"
    return error


def _listed(known: Image, platform: str) -> str | None:
    """Return the catalogue's package list of an image as a dpkg status; None if it has none of that digest."""
    listed = catalogue().packages(known.digest, platform)
    if listed is None:
        return None
    return "\n".join(
        f"Package: {each.name}\nStatus: install ok installed\nArchitecture: {each.architecture}\n"
        f"Version: {each.version}\n"
        for each in listed.packages
    )
