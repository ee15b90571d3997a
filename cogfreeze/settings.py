"""What the machine's owner sets, by environment or in a settings file: mirrors, certificates, caches.

Nothing here may reach `cog.lock`, a Dockerfile or an image, so that a lock made behind a mirror works anywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import settings_file

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
        osv_api: base URL that answers in place of OSV's API.
        review_hosts: the only hosts that addresses in a lock may name; empty where cog.yaml decides.
        sdk_wheel: a wheel that replaces the `cog` SDK in images.
        ca_bundle: file of PEM certificates to trust in place of the system's.
        offline: use only what is cached; never the network.
        cache: folder for downloads and environments, shared between projects.
    """

    registry_mirror: str | None = None
    debian_snapshot: str | None = None
    ubuntu_snapshot: str | None = None
    torch_index: str | None = None
    python_mirror: str | None = None
    osv_api: str | None = None
    review_hosts: tuple[str, ...] = ()
    sdk_wheel: Path | None = None
    ca_bundle: Path | None = None
    offline: bool = False
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment variables first, then the settings files.

        `COG_SETTINGS_FILE` names the only file to read; otherwise the user's file overrides the machine's.
        `XDG_CONFIG_HOME` and `XDG_CACHE_HOME` are honoured. `settings_file.SETTINGS` describes every setting.

        Raises:
            SettingsError, ProjectErrors: a file is not usable.
        """
        written = _from_files(environment)
        found: dict[str, str] = {}
        for each in settings_file.SETTINGS:
            given = next((environment[name] for name in each.variables if environment.get(name)), None)
            if each.key and (value := given or written.get(each.key)):
                found[each.key] = value.rstrip("/") if each.is_address else value
        wheel = environment.get("COG_SDK_WHEEL")
        home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/tmp")) / ".cache"  # noqa: S108
        bundle, cache = found.get("ca_bundle"), found.get("cache_dir")
        return cls(
            registry_mirror=found.get("registry_mirror"),
            debian_snapshot=found.get("debian_snapshot"),
            ubuntu_snapshot=found.get("ubuntu_snapshot"),
            torch_index=found.get("torch_index"),
            python_mirror=found.get("python_mirror"),
            osv_api=found.get("osv_api"),
            review_hosts=tuple(found.get("review_hosts", "").split()),
            sdk_wheel=Path(wheel) if wheel else None,
            ca_bundle=Path(bundle) if bundle else None,
            offline=environment.get("COG_OFFLINE", "") not in ("", "0"),
            cache=Path(cache or Path(home) / "cogfreeze"),
        )


def _from_files(environment: Mapping[str, str]) -> dict[str, str]:
    if named := environment.get("COG_SETTINGS_FILE"):
        return settings_file.read(Path(named), required=True)
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config")
    return settings_file.read(MACHINE) | settings_file.read(home / "cogfreeze/settings.toml")
