"""The Python of an image: whether the base brings one, and the CPython that is locked where it doesn't.

uv knows which builds of CPython there are, by name, address and hash. `UV_PYTHON_DOWNLOADS_JSON_URL` names another
list in its form, as it does for uv itself.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from packaging.version import Version

from cogfreeze.catalog import addresses
from cogfreeze.errors import IntegrityError, NetworkError, ResolveError, ToolMissing
from cogfreeze.grammar import PYTHON_BUILD, shown
from cogfreeze.lock.model import Interpreter
from cogfreeze.resolve.base import PYTHON_PATH, Reference, Repository, config_digest, read_inventory
from cogfreeze.resolve.fetch import INPUT_FILE, Artifact, fetch_and_hash, get_bytes, http_session, redacted
from cogfreeze.resolve.python import run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.lock.model import BaseImage
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_ARCHITECTURES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# Images of Docker's own library, and NVIDIA's, whose content is known by their name.
_WITHOUT = frozenset({"library/debian", "library/ubuntu", "nvidia/cuda"})
_WITH = "library/python"
_LIST = "UV_PYTHON_DOWNLOADS_JSON_URL"


def python_of_base(base: BaseImage, platform: str, settings: Settings, report: Report) -> str | None:
    """Return which Python a base image has in `/usr/local`: `3.11`, `3.11.9`, empty if unknown; None if none.

    Its name says so for well-known images. For others the configuration does, as images made from the official
    ones inherit it; else it is looked for inside.

    Raises:
        NetworkError, ResolveError, IntegrityError: the image can't be read.
    """
    reference = Reference.parse(f"{base.reference}@{base.digest}")
    if reference.host is None and reference.repository in _WITHOUT:
        return None
    if reference.host is None and reference.repository == _WITH:
        return _leading_version(reference.tag or "")
    with Repository(reference, settings) as repository:
        manifest = repository.manifest(base.manifest or base.digest)
        config = repository.blob(config_digest(manifest, reference)).get("config") or {}
        for each in config.get("Env") or ():
            name, _, value = str(each).partition("=")
            if name == "PYTHON_VERSION" and _leading_version(value):
                return _leading_version(value)
        found = read_inventory(
            repository, base.digest, manifest, platform, lambda has: PYTHON_PATH in has, settings, report
        )
    return _leading_version(found[PYTHON_PATH]) if PYTHON_PATH in found else None


def _leading_version(text: str) -> str:
    found = re.match(r"(?:python)?(3\.\d+(?:\.\d+)?)\b", text)
    return found[1] if found else ""


def require_python(found: str, asked: str, base: BaseImage) -> None:
    """Refuse a base whose Python is another than the declared one.

    Args:
        found: as `of_base` gave it.

    Raises:
        ResolveError
    """
    same = min(len(found.split(".")), len(asked.split(".")))
    if found and found.split(".")[:same] != asked.split(".")[:same]:
        raise ResolveError(
            f"`{base.reference}` has Python {found}, and `build.python_version` is {asked}",
            where="build.base_image",
            hint=f'write `python_version: "{found}"`, or choose another base image',
        )


def resolve_interpreter(python: str, platform: str, settings: Settings, report: Report) -> Interpreter:
    """Return uv's CPython for an image: the newest patch of the asked version.

    Args:
        python: `3.11` or `3.11.9`.
        platform: `linux/amd64`.

    Raises:
        ResolveError: there is no such build.
        IntegrityError: what was fetched is not it.
        NetworkError: it can't be fetched.
    """
    builds = _builds(platform, settings)
    parts = [int(part) for part in python.split(".")]
    fitting = [each for each in builds if list(Version(each["version"]).release[: len(parts)]) == parts]
    stable = [each for each in fitting if not Version(each["version"]).is_prerelease]
    if not stable:
        minors = {Version(each["version"]).release[:2] for each in builds}
        patches = {
            Version(each["version"]) for each in builds if Version(each["version"]).release[:2] == (*parts,)[:2]
        }
        there = sorted(map(str, patches), key=Version)[-3:] or [f"3.{minor}" for _, minor in sorted(minors)]
        raise ResolveError(
            f"there is no build of Python {python} for a base without one on {platform}",
            where="build.python_version",
            hint=f"there is {', '.join(there)}; or choose a base image that has it",
        )
    newest = max(stable, key=lambda each: Version(each["version"]))
    # The address differs from mirror to mirror in all but its end: the date of the build, and the file's name.
    path = "/".join(newest["url"].split("/")[-2:])
    if not PYTHON_BUILD.accepts(path):
        raise ResolveError(
            f"uv's list gives `{newest['key']}` an address that is not one of a build: `{shown(newest['url'])}`",
            hint="check the list that `UV_PYTHON_DOWNLOADS_JSON_URL` names",
        )
    promised = _promised(newest, path, settings)
    address = _address(path, settings)
    with _mirror_named(), http_session(settings) as web:
        file = fetch_and_hash(address, web, settings, report)
    if promised not in (None, file.sha256):
        raise IntegrityError(
            f"`{newest['key']}` from {redacted(address)} is not the build that uv knows:"
            f" expected sha256 {promised}, got {file.sha256}",
            hint="the server, or something on the way, gave other bytes",
        )
    return Interpreter(
        release=newest["key"],
        url=path,
        sha256=file.sha256,
        size=file.size,
        hash_origin="index" if promised else "computed",
    )


def _promised(build: Mapping[str, Any], path: str, settings: Settings) -> str | None:
    """Return the SHA-256 that uv knows a build by, or None where it keeps it to itself.

    `uv python list` leaves it out, but uv says it when it refuses a file: so it is given an empty archive in the
    build's place, and refuses.
    """
    if named := _list():
        return _in_list(named, build["url"], settings)
    with tempfile.TemporaryDirectory(prefix="cogfreeze-python-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "mirror" / unquote(path)
        file.parent.mkdir(parents=True)
        with tarfile.open(file, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("python/none"))
        words = ("python", "install", build["key"], "--no-bin", "--no-config")
        places = ("--mirror", f"{Path(folder).as_uri()}/mirror", "--install-dir", f"{folder}/nowhere")
        answer = run_uv((*words, *places), folder=Path(folder), settings=settings)
    found = re.search(r"Hash mismatch for \S+\s+Expected:\s+([0-9a-f]{64})\s", answer.talk)
    return found[1] if found else None


def _in_list(place: str, url: str, settings: Settings) -> str | None:
    """Return the SHA-256 of a build in a list of uv's form, which is at an address or a path."""
    if re.match(r"https?://", place):
        with http_session(settings) as web:
            text = get_bytes(web, place)
    else:
        text = Path(place.removeprefix("file://")).read_bytes()
    return next((each.get("sha256") for each in json.loads(text).values() if each.get("url") == url), None)


def interpreter_fits(interpreter: Interpreter, python: str, platform: str) -> bool:
    """Say whether a locked build is one of the asked version for the platform."""
    return (
        re.match(rf"cpython-{re.escape(python)}(\.\d+)?-linux-{_ARCHITECTURES[platform]}-", interpreter.release)
        is not None
    )


def interpreter_artifacts(interpreter: Interpreter | None, settings: Settings) -> list[Artifact]:
    """Return where to fetch a locked build from, for `download.fetch_all`."""
    if interpreter is None:
        return []
    return [
        Artifact(
            urls=(_address(interpreter.url, settings),),
            sha256=interpreter.sha256,
            size=interpreter.size,
            name=INPUT_FILE,
        )
    ]


def _address(path: str, settings: Settings) -> str:
    return f"{settings.python_mirror or addresses.PYTHON_BUILDS}/{path}"


def _builds(platform: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the builds for a platform that uv has in its own list, as it describes them."""
    words = ("python", "list", "--all-versions", "--all-arches", "--only-downloads", "--output-format", "json")
    named = {_LIST: place} if (place := _list()) else {}
    offline = () if named else ("--offline",)
    answer = run_uv((*words, "--no-config", *offline), folder=Path.home(), settings=settings, more=named)
    if answer.status != 0:
        raise ToolMissing(f"uv could not list its Python builds: {answer.talk.strip()}")
    wanted = {
        "implementation": "cpython",
        "variant": "default",
        "os": "linux",
        "libc": "gnu",
        "arch": _ARCHITECTURES[platform],
    }
    listed: list[dict[str, Any]] = json.loads(answer.text)
    return [each for each in listed if wanted.items() <= each.items()]


def _list() -> str | None:
    """Return where another list than uv's own is, if one is named."""
    return os.environ.get(_LIST) or None


@contextmanager
def _mirror_named() -> Iterator[None]:
    try:
        yield
    except NetworkError as error:
        error.hint = f"{error.hint}; or set" if error.hint else "set"
        error.hint += " `COG_PYTHON_MIRROR` to a mirror, or set `build.base_image` to an image that has Python"
        raise
