"""Running uv: which of the machine's settings it sees, and what it answers.

What names indexes, caches, credentials and certificates is honoured, because that is where mirrors live. What
would change the answer itself (resolution mode, overrides, dates) is not: a lock is made from the declaration.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from cogfreeze.errors import IntegrityError, ToolMissing
from cogfreeze.grammar import SHA256, shown
from cogfreeze.resolve.index import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cogfreeze.resolve.index import Target
    from cogfreeze.settings import Settings

# Of uv's own variables, those that say where and how to fetch. All the others stay outside.
_HONOURED = re.compile(
    r"UV_((DEFAULT_|EXTRA_)?INDEX(_.*)?|FIND_LINKS|KEYRING_PROVIDER|INSECURE_HOST|SYSTEM_CERTS|NATIVE_TLS|OFFLINE"
    r"|(HTTP|REQUEST)_.*|CONCURRENT_.*|NO_?CACHE|CACHE_DIR|CONFIG_FILE|NO_CONFIG|NO_SYSTEM_CONFIG|CREDENTIALS_DIR"
    r"|LOCK_TIMEOUT|AUTH_.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a package's source is.

    Attributes:
        kind: `sdist`, `git` or `local`.
        file: the archive of an sdist.
        url, commit, subdirectory: of a git repository.
        path: the folder of a local one.
    """

    kind: str
    file: Candidate | None = None
    url: str | None = None
    commit: str | None = None
    subdirectory: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPackage:
    """A package of a closure, as uv found it.

    Attributes:
        wheels: those that may do, best not first.
        direct: it was asked for by address or path, not by name.
        origin: its source, where it has one.
    """

    name: str
    version: str
    wheels: tuple[Candidate, ...] = ()
    direct: bool = False
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UvResult:
    """What a run of uv gave.

    Attributes:
        status: its exit status.
        text: the compiled file, or what it printed.
        talk: what it said on stderr.
    """

    status: int
    text: str
    talk: str


def uv_binary() -> str:
    """Return the path of the uv that this distribution depends on.

    Raises:
        ToolMissing: it is not installed.
    """
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise ToolMissing("uv is not installed", hint="install cogfreeze again: uv comes with it") from error


def uv_version() -> str:
    """Return uv's version, as the lock records it."""
    from importlib.metadata import version as installed

    return installed("uv")


def uv_environment(settings: Settings, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment that uv runs in."""
    kept = {
        name: value for name, value in given.items() if not name.startswith("UV_") or _HONOURED.fullmatch(name)
    }
    # A virtual environment that happens to be active says nothing about the image.
    # With COLUMNS uv breaks its explanations at that width, in the middle of what is read from them.
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "FORCE_COLOR", "COLUMNS"):
        kept.pop(name, None)
    kept.setdefault("UV_CACHE_DIR", str(settings.cache / "uv"))
    if settings.offline:
        kept["UV_OFFLINE"] = "1"
    if settings.ca_bundle:
        # uv's own, and that of the git that it runs.
        kept["SSL_CERT_FILE"] = kept["GIT_SSL_CAINFO"] = str(settings.ca_bundle)
    return kept


def run_uv(
    arguments: Sequence[str], *, folder: Path, settings: Settings, more: Mapping[str, str] | None = None
) -> UvResult:
    """Run uv in `folder`, where it looks for its configuration files, and return what it said.

    Args:
        more: variables that it sees in place of ours.
    """
    command = [uv_binary(), *arguments, "--color", "never", "--no-progress"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**uv_environment(settings), **(more or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return UvResult(status=done.returncode, text=done.stdout, talk=done.stderr)


def compile_arguments(target: Target, *, wheels_only: bool = True) -> list[str]:
    """Return what every compilation says: for the image's Python and platform, and by uv's default rules."""
    return [
        *("pip", "compile", "--python", sys.executable, "--no-python-downloads"),
        *("--python-version", target.python, "--python-platform", target.uv_platform),
        *(("--only-binary", ":all:") if wheels_only else ()),
        *("--no-header", "--resolution", "highest", "--fork-strategy", "fewest"),
    ]


def packages(pylock: str, folder: Path) -> tuple[ResolvedPackage, ...]:
    """Read the packages of a pylock.toml that uv wrote into `folder`, which its relative paths start from."""
    return tuple(_package(each, folder) for each in tomllib.loads(pylock).get("packages", ()))


def _package(table: Mapping[str, Any], folder: Path) -> ResolvedPackage:
    archive = table.get("archive")
    wheels = [_candidate(each, folder) for each in ([archive] if archive else table.get("wheels", ()))]
    wheels = [each for each in wheels if each.file.endswith(".whl")]
    try:
        origin = None if wheels and archive else _origin(table, folder)
    except IntegrityError:
        if not wheels:
            raise
        origin = None
    return ResolvedPackage(
        name=table["name"],
        version=table.get("version") or _version_in(wheels),
        wheels=tuple(wheels),
        direct=any(kind in table for kind in ("archive", "vcs", "directory")),
        origin=origin,
    )


def _origin(table: Mapping[str, Any], folder: Path) -> Origin | None:
    if vcs := table.get("vcs"):
        url = vcs.get("url") or (folder / vcs["path"]).resolve().as_uri()
        return Origin(kind="git", url=url, commit=vcs["commit-id"], subdirectory=vcs.get("subdirectory"))
    if directory := table.get("directory"):
        return Origin(kind="local", path=(folder / directory["path"]).resolve())
    file = table.get("archive") or table.get("sdist")
    return Origin(kind="sdist", file=_candidate(file, folder)) if file else None


def _candidate(table: Mapping[str, Any], folder: Path) -> Candidate:
    url = table.get("url") or (folder / table["path"]).resolve().as_uri()
    file = table.get("name") or unquote(urlsplit(url).path.rpartition("/")[2])
    sha256 = table["hashes"].get("sha256", "")
    # It comes from the index, and ends up in paths.
    if not SHA256.accepts(sha256):
        raise IntegrityError(f"the index gives no usable SHA-256 for `{shown(file)}`: `{shown(sha256)}`")
    return Candidate(file=file, url=url, sha256=sha256)


def _version_in(wheels: Sequence[Candidate]) -> str:
    return wheels[0].file.split("-")[1] if wheels else ""
