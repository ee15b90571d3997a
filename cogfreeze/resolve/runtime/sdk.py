"""A wheel that takes the place of our SDK in an image (`COG_SDK_WHEEL`): locked by its hash, kept in the cache."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from cogfreeze import atomic
from cogfreeze.errors import IntegrityError, LockStale, UsageError
from cogfreeze.lock.model import Wheel
from cogfreeze.resolve.fetch import cached_path

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.settings import Settings

VARIABLE = "COG_SDK_WHEEL"
# What an image is started by.
_SERVER = "cog/server/http.py"


def locked_sdk(settings: Settings) -> Wheel | None:
    """Return what the lock keeps of the wheel that the environment names, or None where it names none.

    Raises:
        UsageError: it is not a wheel of `cog` that can serve.
    """
    path = settings.sdk_wheel
    if path is None:
        return None
    try:
        data = path.read_bytes()
        name, version, _, tags = parse_wheel_filename(path.name)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = frozenset(archive.namelist())
    except OSError as error:
        raise UsageError(f"`{VARIABLE}` names a file that can't be read: {error.strerror or error}") from None
    except (InvalidWheelFilename, zipfile.BadZipFile):
        raise _no_sdk(path, "is not a wheel") from None
    if name != "cog":
        raise _no_sdk(path, f"is a wheel of `{name}`")
    if {(tag.abi, tag.platform) for tag in tags} != {("none", "any")}:
        raise _no_sdk(path, "is not for every Python and machine")
    if _SERVER not in files:
        raise _no_sdk(path, f"has no `{_SERVER}`, by which an image is started")
    sha256 = hashlib.sha256(data).hexdigest()
    kept = cached_path(settings, sha256, path.name)
    kept.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(kept, data)
    return Wheel(name=name, version=str(version), file=path.name, sha256=sha256, size=len(data), index="local")


def _no_sdk(path: Path, what: str) -> UsageError:
    return UsageError(f"`{path.name}`, which `{VARIABLE}` names, {what}", hint="name a wheel of the `cog` SDK")


def fetch_sdk(wheel: Wheel | None, settings: Settings) -> dict[str, Path]:
    """Return where the locked wheel is, by sha256; nothing where the lock has none.

    Raises:
        LockStale: the environment names another one than the lock.
        IntegrityError: it is not on this machine.
    """
    named = locked_sdk(settings)
    if named is not None and (wheel is None or named.sha256 != wheel.sha256):
        there = f"another `{wheel.file}`" if wheel else "none"
        raise LockStale(
            [f"`{VARIABLE}` names `{named.file}`, and the lock has {there}"],
            hint=f"run `cog lock` with `{VARIABLE}` set and commit the result, or unset it",
        )
    if wheel is None:
        return {}
    kept = cached_path(settings, wheel.sha256, wheel.file)
    if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != wheel.sha256:
        raise IntegrityError(
            f"the SDK `{wheel.file}` with the SHA-256 that was locked is not on this machine",
            hint=f"name it in `{VARIABLE}`, or go back to this cogfreeze's own: `cog lock --upgrade-runtime`",
        )
    return {wheel.sha256: kept}
