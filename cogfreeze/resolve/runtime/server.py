"""The server's own packages, and uv, which installs them and the model's: locked in `lockfiles/`, one for each
Python, so that a lock needs no network for them and every image of a release serves with the same ones.

The files are PEP 751 (`pylock.toml`) whose wheels have a bare file name for a path, since no address may hold
everywhere; each carries the wheels of all platforms, of which one is chosen here.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from cogfreeze import bundled
from cogfreeze.errors import ResolveError
from cogfreeze.lock.model import Wheel
from cogfreeze.resolve.index import Target, best_wheel, target_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def runtime_lockfile(minor: str) -> Path:
    """Return where the closure for a Python (`3.11`) is locked."""
    return bundled.LOCKFILES / f"pylock.runtime-{minor.replace('.', '')}.toml"


def runtime_wheels(python: str, platform: str, *, glibc: tuple[int, int] | None) -> tuple[Wheel, ...]:
    """Return the runtime closure for an image: what was asked for first, then by name. Asks no network.

    Args:
        python: `3.11` or `3.11.9`.
        platform: `linux/amd64` or `linux/arm64`.
        glibc: the base image's, or None where it isn't known.

    Raises:
        ResolveError: the server does not run on that Python or base.
    """
    target = target_for(python, platform, glibc)
    try:
        text = runtime_lockfile(target.minor).read_text(encoding="utf-8")
    except FileNotFoundError:
        known = sorted(
            bundled.LOCKFILES.glob("pylock.runtime-*.toml"), key=lambda path: int(path.stem.split("-")[1])
        )
        versions = [path.stem.split("-")[1] for path in known]
        raise ResolveError(
            f"the server does not run on Python {target.minor}",
            where="build.python_version",
            hint=f"it runs on {', '.join(f'{each[0]}.{each[1:]}' for each in versions)}",
        ) from None
    packages = tomllib.loads(text)["packages"]
    requiring: dict[str, set[str]] = {}
    for package in packages:
        for required in package.get("dependencies", ()):
            requiring.setdefault(required["name"], set()).add(package["name"])
    made = [_wheel(package, requiring.get(package["name"], set()), target) for package in packages]
    return tuple(sorted(made, key=lambda wheel: (bool(wheel.required_by), wheel.name)))


class _Locked:
    """A wheel of a lock file."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.file: str = table["path"]
        self.sha256: str = table["hashes"]["sha256"]
        self.size: int = table["size"]


def _wheel(package: Mapping[str, Any], requiring: set[str], target: Target) -> Wheel:
    best = best_wheel([_Locked(table) for table in package["wheels"]], target)
    if best is None:
        raise ResolveError(
            f"the server needs `{package['name']}`, and no wheel of it runs with glibc"
            f" {'.'.join(map(str, target.glibc))} on `{target.platform}`",
            where="build.base_image",
            hint="choose a newer base image",
        )
    return Wheel(
        name=package["name"],
        version=package["version"],
        file=best.file,
        sha256=best.sha256,
        size=best.size,
        required_by=tuple(sorted(requiring)),
        requires=tuple(sorted(each["name"] for each in package.get("dependencies", ()))),
    )
