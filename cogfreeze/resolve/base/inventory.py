"""What locking needs to know about an image's contents: its distribution, packages and Python.

It is read from this machine's engine if that has the image, else from the registry's layers. The result is cached
by the digest of the platform's manifest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze import atomic
from cogfreeze.resolve.base import engine, layers
from cogfreeze.resolve.base.engine import Inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cogfreeze.report import Report
    from cogfreeze.resolve.base.registry import Document, Repository
    from cogfreeze.settings import Settings

_FORMAT = 1


def read_inventory(
    repository: Repository,
    index: str,
    manifest: Document,
    platform: str,
    enough: Callable[[Mapping[str, str]], bool],
    settings: Settings,
    report: Report,
    *,
    from_below: bool = False,
) -> Mapping[str, str]:
    """Return the wanted files of an image by path (`layers.WANTED`), at least as many as `enough` asks for.

    Args:
        index: the digest that the image is pinned by; the manifest's if there is no index.
        manifest: the platform's.
        from_below: start with the lowest layer; otherwise layers are read from the top.

    Raises:
        IntegrityError, ResolveError, NetworkError: as `layers.read`.
    """
    cached = _cached(manifest.digest, settings)
    if cached is not None and (cached.whole or enough(cached.files)):
        return cached.files
    config = (manifest.content.get("config") or {}).get("digest")
    found = _from_engine((index, manifest.digest, config), manifest.digest, platform, settings)
    if found is not None:
        return found.files
    descriptors = list(manifest.content.get("layers", ()))
    if from_below:
        return layers.read(repository, descriptors[::-1], enough, settings, report)
    files = layers.read(repository, descriptors, enough, settings, report)
    _cache(manifest.digest, _Cached(files=files, whole=not enough(files)), settings)
    return files


def without_registry(index: str, manifest: str | None, platform: str, settings: Settings) -> Inventory | None:
    """Return the same without a registry; None if neither the cache nor the engine has the packages.

    Args:
        manifest: digest of the platform's manifest, if known.
    """
    cached = _cached(manifest, settings) if manifest else None
    if cached is not None and status(cached.files) is not None:
        return Inventory(files=cached.files, manifest=manifest)
    found = _from_engine((index, manifest), manifest, platform, settings)
    return found if found is not None and status(found.files) is not None else None


def _from_engine(
    digests: tuple[str | None, ...], manifest: str | None, platform: str, settings: Settings
) -> Inventory | None:
    found = engine.read_from_engine(digests, manifest, platform)
    if found is not None and found.manifest:
        _cache(found.manifest, _Cached(files=found.files, whole=True), settings)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cached:
    """What is known of an image's files; if `whole`, wanted files that are missing here are not in the image."""

    files: Mapping[str, str]
    whole: bool


def _cache_path(manifest: str, settings: Settings) -> Path:
    return settings.cache / "images" / f"{manifest.removeprefix('sha256:')}.json"


def _cached(manifest: str, settings: Settings) -> _Cached | None:
    try:
        content = json.loads(_cache_path(manifest, settings).read_bytes())
        if content["format"] != _FORMAT:
            return None
        return _Cached(files=content["files"], whole=content["whole"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _cache(manifest: str, what: _Cached, settings: Settings) -> None:
    path = _cache_path(manifest, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": _FORMAT, "whole": what.whole, "files": dict(what.files)}
    atomic.write(path, json.dumps(content).encode())


def distribution(files: Mapping[str, str]) -> str:
    """Return `debian:bookworm` or `ubuntu:22.04` from an os-release file; empty if there is none."""
    text = next((files[path] for path in layers.OS_RELEASE if path in files), "")
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    values = {key: value.strip("'\"") for key, value in pairs}
    release = values.get("VERSION_ID" if values.get("ID") == "ubuntu" else "VERSION_CODENAME", "")
    return f"{values['ID']}:{release}" if values.get("ID") else ""


def status(files: Mapping[str, str]) -> str | None:
    """Return the installed packages as the text of a dpkg status file; None if there is none."""
    if layers.STATUS in files:
        return files[layers.STATUS]
    # Distroless images have one file per package.
    parts = [text for path, text in sorted(files.items()) if path.startswith(layers.STATUS_FOLDER)]
    if not parts:
        return None
    return "\n\n".join(f"Status: install ok installed\n{part.strip()}" for part in parts) + "\n"
