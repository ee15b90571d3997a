"""What the machine's owner sets, by environment or in a settings file: mirrors, certificates, caches.

Nothing here may reach `cog.lock`, a Dockerfile or an image: a lock made behind a mirror holds anywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MACHINE = Path("/etc/cogfreeze/settings.toml")


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
        """Read the `COG_*` variables, then the settings files where those say nothing.

        `COG_SETTINGS_FILE` names the one file that counts; else the user's comes before the machine's.
        `XDG_CONFIG_HOME` and `XDG_CACHE_HOME` are honoured.

        Raises:
            SettingsError, ProjectErrors: a file is not usable.
        """
        written = _from_files(environment)

        def address(name: str, *others: str) -> str | None:
            values = (environment.get(each, "").rstrip("/") for each in (f"COG_{name.upper()}", *others))
            return next(filter(None, values), None) or written.get(name)

        wheel = environment.get("COG_SDK_WHEEL") or None
        bundle = environment.get("COG_CA_BUNDLE") or written.get("ca_bundle")
        home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/tmp")) / ".cache"  # noqa: S108
        cache = environment.get("COG_CACHE_DIR") or written.get("cache_dir")
        return cls(
            registry_mirror=address("registry_mirror"),
            debian_snapshot=address("debian_snapshot"),
            ubuntu_snapshot=address("ubuntu_snapshot"),
            torch_index=address("torch_index"),
            python_mirror=address("python_mirror", "UV_PYTHON_INSTALL_MIRROR"),
            sdk_wheel=Path(wheel) if wheel else None,
            ca_bundle=Path(bundle) if bundle else None,
            cache=Path(cache or Path(home) / "cogfreeze"),
        )


def _from_files(environment: Mapping[str, str]) -> dict[str, str]:
    from cogfreeze import settings_file

    if named := environment.get("COG_SETTINGS_FILE"):
        return settings_file.read(Path(named), required=True)
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config")
    return settings_file.read(MACHINE) | settings_file.read(home / "cogfreeze/settings.toml")
