"""Packages that are built from source: each locked as one archive, with what builds it.

An sdist is locked as its index has it. A commit or a folder has no file of its own, so a zip is made of it, the
same bytes wherever and whenever. Nothing is built here; but uv may ask a package's build what it requires.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cogfreeze import atomic
from cogfreeze.errors import IntegrityError, NetworkError, ResolveError, ToolMissing
from cogfreeze.grammar import shown
from cogfreeze.lock.model import Source
from cogfreeze.resolve.fetch import Artifact, cached_path, fetch_all
from cogfreeze.resolve.index import without_credentials
from cogfreeze.resolve.requirements import pack

if TYPE_CHECKING:
    from cogfreeze.report import Report
    from cogfreeze.resolve.python.uv import ResolvedPackage
    from cogfreeze.settings import Settings

# What PEP 518 gives a project that names no build system.
_USUAL = ("setuptools>=40.8.0",)
# The last releases that have `pkg_resources`, which old builds import.
OLD_SETUPTOOLS = "setuptools<81"


def lock_source(
    found: ResolvedPackage,
    *,
    index: str,
    folder: Path,
    settings: Settings,
    report: Report,
) -> Source:
    """Return the record of a package's source, whose archive is in the cache from then on.

    What it requires, and what requires it, is the caller's to add.

    Args:
        index: the name of the index that an sdist came from.
        folder: the project's.

    Raises:
        ResolveError: there is no source that can be locked.
        NetworkError, IntegrityError, ToolMissing: it can't be had.
    """
    origin = found.origin
    if origin is None or (origin.kind == "sdist" and origin.file is None):
        raise ResolveError(f"`{found.name}` has no source that can be locked")
    if origin.file is not None:
        path = _sdist(origin.file.url, origin.file.file, origin.file.sha256, settings, report)
        return Source(
            name=found.name,
            version=found.version or _version_in(origin.file.file),
            kind="sdist",
            file=origin.file.file,
            sha256=origin.file.sha256,
            size=path.stat().st_size,
            index=index,
        )
    if origin.path and not _is_inside(origin.path, folder):
        raise ResolveError(
            f"the source of `{found.name}` is not in a folder below the project's: `{shown(str(origin.path))}`",
            hint="copy it there, or name its repository: `NAME @ git+…`",
        )
    made = Source(
        name=found.name,
        version=found.version,
        kind=origin.kind,
        file="",
        sha256="",
        size=0,
        index="local" if origin.kind == "local" else "url",
        url=without_credentials(origin.url) if origin.url else None,
        commit=origin.commit,
        path=origin.path.relative_to(folder.resolve()).as_posix() if origin.path else origin.subdirectory,
    )
    return _kept(made, _archive(made, folder, settings), settings)


def _is_inside(path: Path, folder: Path) -> bool:
    """Say whether a folder is below the project's: that one itself has cog.lock in it, and is the image's code."""
    return folder.resolve() in path.parents


def fetch_source(source: Source, url: str | None, folder: Path, settings: Settings, report: Report) -> Path:
    """Return the archive of a locked source.

    Args:
        url: where an sdist is; None where the cache has it, or for another kind.
        folder: the project's.

    Raises:
        IntegrityError: it is another one than was locked.
        NetworkError, ToolMissing: it can't be had.
    """
    path = cached_path(settings, source.sha256, source.file)
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256:
        return path
    if source.kind == "sdist":
        return _sdist(url or path.as_uri(), source.file, source.sha256, settings, report)
    made = _kept(source, _archive(source, folder, settings), settings)
    if made.sha256 != source.sha256:
        what = f"the folder `{source.path}`" if source.kind == "local" else f"the commit {source.commit}"
        raise IntegrityError(
            f"{what} of `{source.name}` is not what was locked", hint=f"cog lock --upgrade-package {source.name}"
        )
    return cached_path(settings, source.sha256, source.file)


def build_requirements(path: Path) -> tuple[str, ...]:
    """Return what an archive's build requires, as its pyproject.toml says.

    Raises:
        IntegrityError: it is not an archive.
        ResolveError: its pyproject.toml can't be read.
    """
    text = _top_file(path, "pyproject.toml")
    try:
        requires = tomllib.loads(text).get("build-system", {}).get("requires", _USUAL) if text else _USUAL
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise ResolveError(f"the `pyproject.toml` in `{path.name}` can't be read: {error}") from None
    old = (OLD_SETUPTOOLS,) if "pkg_resources" in _top_file(path, "setup.py") else ()
    return (*map(str, requires), *old)


def _top_file(path: Path, file: str) -> str:
    """Return the text of a file at the top of an archive, which is one folder deep; empty where there is none."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next((each for each in archive.namelist() if _is_top(each, file)), None)
                return archive.read(name).decode("utf-8", "replace") if name else ""
        with tarfile.open(path) as packed:
            member = next((each for each in packed if each.isfile() and _is_top(each.name, file)), None)
            found = packed.extractfile(member) if member else None
            return found.read().decode("utf-8", "replace") if found else ""
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise IntegrityError(f"`{path.name}` is not an archive: {error}") from None


def _is_top(name: str, file: str) -> bool:
    parts = name.removeprefix("./").split("/")
    return len(parts) == 2 and parts[1] == file


def _sdist(url: str, name: str, sha256: str, settings: Settings, report: Report) -> Path:
    parts = urlsplit(url)
    if parts.scheme == "file":
        data = Path(unquote(parts.path)).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise IntegrityError(f"`{name}` is not the file that was locked")
        return _put(data, name, sha256, settings)
    item = Artifact(urls=(url,), sha256=sha256, name=name)
    return fetch_all([item], settings, report, what="source archives")[sha256]


def _put(data: bytes, name: str, sha256: str, settings: Settings) -> Path:
    path = cached_path(settings, sha256, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, data)
    return path


def _kept(source: Source, data: bytes, settings: Settings) -> Source:
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{source.name.replace('-', '_')}-{source.version}.zip"
    _put(data, name, sha256, settings)
    return replace(source, file=name, sha256=sha256, size=len(data))


def _version_in(file: str) -> str:
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    try:
        return str(parse_sdist_filename(file)[1])
    except InvalidSdistFilename:
        raise ResolveError(f"`{file}` has no version in its name", hint="name it `NAME-VERSION.tar.gz`") from None


def _archive(source: Source, folder: Path, settings: Settings) -> bytes:
    top = f"{source.name}-{source.version}"
    if source.kind == "local":
        return pack(folder / (source.path or "."), top)
    with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
        checkout = Path(scratch) / "checkout"
        _git(settings, "clone", "--quiet", "--no-checkout", "--", str(source.url), str(checkout))
        _git(settings, "-C", str(checkout), "checkout", "--quiet", "--detach", str(source.commit))
        _git(settings, "-C", str(checkout), "submodule", "--quiet", "update", "--init", "--recursive")
        return pack(checkout / (source.path or "."), top)


def _git(settings: Settings, *arguments: str) -> None:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:git:https:http:ssh"}
    if settings.ca_bundle:
        environment["GIT_SSL_CAINFO"] = str(settings.ca_bundle)
    try:
        done = subprocess.run(
            ["git", "-c", "core.autocrlf=false", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ToolMissing(
            "git is not installed, and a package comes from a repository", hint="install git"
        ) from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or "it gave no reason"
        raise NetworkError(f"git could not fetch a package's source: {said}", hint="try the same by `git clone`")
