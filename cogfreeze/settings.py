"""What the machine's owner sets by environment: mirrors, certificates, caches.

Nothing here may reach `cog.lock`, a Dockerfile or an image: a lock made behind a mirror holds anywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One machine's settings.

    Attributes:
        registry_mirror: base URL that answers the registry API in place of Docker Hub.
        debian_snapshot: base URL of a mirror of Debian's snapshot service, ending before the archive's
            name: `BASE/debian/20260101T000000Z/dists/…`.
        ubuntu_snapshot: the same for Ubuntu.
        torch_index: base URL that holds one index per CUDA tag: `BASE/cu128`.
        python_mirror: base URL that holds uv's builds of CPython, as `UV_PYTHON_INSTALL_MIRROR` has it:
            `BASE/20260101/cpython-….tar.gz`.
        sdk_wheel: a wheel that replaces the `cog` SDK in images.
        ca_bundle: file of PEM certificates to trust in place of the system's.
        cache: folder for downloads and environments, shared between projects.
    """

    registry_mirror: str | None = None
    debian_snapshot: str | None = None
    ubuntu_snapshot: str | None = None
    torch_index: str | None = None
    python_mirror: str | None = None
    sdk_wheel: Path | None = None
    ca_bundle: Path | None = None
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the `COG_*` variables; `XDG_CACHE_HOME` is honoured for the cache."""

        def address(name: str) -> str | None:
            return environment.get(name, "").rstrip("/") or None

        wheel = environment.get("COG_SDK_WHEEL") or None
        bundle = environment.get("COG_CA_BUNDLE") or None
        home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/tmp")) / ".cache"  # noqa: S108
        return cls(
            registry_mirror=address("COG_REGISTRY_MIRROR"),
            debian_snapshot=address("COG_DEBIAN_SNAPSHOT"),
            ubuntu_snapshot=address("COG_UBUNTU_SNAPSHOT"),
            torch_index=address("COG_TORCH_INDEX"),
            python_mirror=address("COG_PYTHON_MIRROR") or address("UV_PYTHON_INSTALL_MIRROR"),
            sdk_wheel=Path(wheel) if wheel else None,
            ca_bundle=Path(bundle) if bundle else None,
            cache=Path(environment.get("COG_CACHE_DIR") or Path(home) / "cogfreeze"),
        )
