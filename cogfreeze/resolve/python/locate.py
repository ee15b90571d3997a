"""Locked wheels found again: from name, version and hash to addresses, on the indexes that this machine uses."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import IntegrityError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.resolve.fetch import Artifact, cached_path, http_session
from cogfreeze.resolve.index import LOCAL_INDEX, project_page, take_torch_index, target_for, torch_index
from cogfreeze.resolve.python import failures, package_index, source_builds
from cogfreeze.resolve.python.sources import Sources
from cogfreeze.resolve.requirements import read_declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cogfreeze.lock.model import Source, Wheel
    from cogfreeze.report import Report
    from cogfreeze.resolve.requirements import Declared
    from cogfreeze.settings import Settings

# The newest C library that uv knows: which wheels a base can run was decided when they were locked.
_NEWEST_GLIBC = (2, 40)


def locate_wheels(
    locked: Iterable[Wheel],
    *,
    python: str,
    platform: str,
    folder: Path,
    settings: Settings,
    build: Build | None = None,
) -> list[Artifact]:
    """Return where to fetch locked wheels from, in their order, for `download.fetch_all`.

    What the download cache has is not asked for, so nothing is asked where it has everything. Otherwise uv looks
    the exact versions up; torch indexes are read directly; a wheel of the project's own is put into the cache.

    Args:
        locked: wheels of one platform; the runtime closure's may be among them.
        python: the locked Python, `3.11`.
        platform: `linux/amd64`.
        folder: the project's.
        build: the declaration, for the indexes, paths and addresses that it names; None where it names none.

    Raises:
        NetworkError: an index failed.
        ResolveError: no index of this machine has a wheel.
        IntegrityError: an index, or the project's folder, has other bytes under a wheel's name.
    """
    wanted = [*locked]
    found: dict[str, Artifact] = {}
    missing = []
    for wheel in wanted:
        path = cached_path(settings, wheel.sha256, wheel.file)
        if path.is_file() and path.stat().st_size == wheel.size:
            found[wheel.sha256] = _artifact(wheel, path.as_uri())
        else:
            missing.append(wheel)
    if missing:
        with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
            declaration = build or Build(python_version=python)
            sources = _sources(declaration, python, platform, folder, Path(scratch), settings)
            found |= {wheel.sha256: _artifact(wheel, url) for wheel, url in _addresses(missing, sources)}
    return [found[wheel.sha256] for wheel in wanted]


def source_archives(
    locked: Sequence[Source],
    *,
    python: str,
    platform: str,
    folder: Path,
    settings: Settings,
    report: Report,
    build: Build,
) -> dict[str, Path]:
    """Return where the archives of locked sources are, by sha256: in the cache, from then on.

    Raises:
        NetworkError, ResolveError, ToolMissing: one can't be had.
        IntegrityError: it is another one than was locked.
    """
    missing = [
        each
        for each in locked
        if each.kind == "sdist" and not cached_path(settings, each.sha256, each.file).is_file()
    ]
    urls: dict[str, str] = {}
    if missing:
        with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
            sources = _sources(build, python, platform, folder, Path(scratch), settings)
            sources = replace(sources, built=frozenset(each.name for each in missing))
            answer = sources.pinned([_line(each, sources.declared) for each in missing])
            if answer.status != 0:
                raise failures.explain_failure(answer.talk, sources)
            found = [each.origin.file for each in sources.found(answer) if each.origin and each.origin.file]
            urls = {each.sha256: each.url for each in found}
    for each in missing:
        if each.sha256 not in urls:
            raise _gone(each)
    return {
        each.sha256: source_builds.fetch_source(each, urls.get(each.sha256), folder, settings, report)
        for each in locked
    }


def _sources(build: Build, python: str, platform: str, folder: Path, scratch: Path, settings: Settings) -> Sources:
    asked = read_declared(build, folder)
    options, _tag = take_torch_index(asked.options, settings)
    return Sources(
        declared=replace(asked, options=options),
        torch=None,
        folder=folder,
        scratch=scratch,
        target=target_for(python, platform, _NEWEST_GLIBC),
        settings=settings,
    )


def _artifact(wheel: Wheel, url: str) -> Artifact:
    return Artifact(urls=(url,), sha256=wheel.sha256, size=wheel.size, name=wheel.file)


def _addresses(missing: Sequence[Wheel], sources: Sources) -> list[tuple[Wheel, str]]:
    of_torch = [each for each in missing if each.name in TORCH_FAMILY and each.index.startswith("pytorch-")]
    found = _on_torch_indexes(of_torch, sources)
    rest = [each for each in missing if each not in of_torch]
    # The server's closure may hold another version of a package than the model's: one round for each.
    while rest:
        batch = {wheel.name: wheel for wheel in reversed(rest)}
        found += _through_uv([*batch.values()], sources)
        rest = [wheel for wheel in rest if batch[wheel.name] != wheel]
    return found


def _on_torch_indexes(of_torch: Sequence[Wheel], sources: Sources) -> list[tuple[Wheel, str]]:
    if not of_torch:
        return []
    found = []
    with http_session(sources.settings) as web:
        for wheel in of_torch:
            index = torch_index(wheel.index.removeprefix("pytorch-"), sources.settings)
            assert index is not None  # noqa: S101
            link = project_page(index.url, wheel.name, web).get(wheel.file)
            if link is None:
                raise _gone(wheel)
            found.append((wheel, _checked(wheel, link.url, link.sha256)))
    return found


def _through_uv(batch: Sequence[Wheel], sources: Sources) -> list[tuple[Wheel, str]]:
    addressed = {package_index.URL, LOCAL_INDEX}
    lines = [f"{each.name}=={each.version}" for each in batch if each.index not in addressed]
    lines += [_line(each, sources.declared) for each in batch if each.index in addressed]
    answer = sources.pinned(lines)
    if answer.status != 0:
        raise failures.explain_failure(answer.talk, sources)
    offered = {each.name: each.wheels for each in sources.found(answer)}
    found = []
    for wheel in batch:
        candidates = {each.file: each for each in offered.get(wheel.name, ())}
        same = next(
            (each for each in candidates.values() if each.sha256 == wheel.sha256), candidates.get(wheel.file)
        )
        if same is None:
            raise _gone(wheel)
        url = _checked(wheel, same.url, same.sha256)
        if url.startswith("file:"):
            _keep(wheel, url, sources.settings)
        found.append((wheel, url))
    return found


def _line(wheel: Wheel | Source, asked: Declared) -> str:
    """Return how a wheel that came from a path or an address is asked for again."""
    declared_at = next((line for line in asked.requirements if line.name == wheel.name), None)
    if declared_at is None or (declared_at.requirement and declared_at.requirement.url is None):
        return f"{wheel.name}=={wheel.version}"
    return declared_at.text


def _checked(wheel: Wheel, url: str, sha256: str | None) -> str:
    if sha256 is not None and sha256 != wheel.sha256:
        raise IntegrityError(
            f"`{wheel.file}` is not the file that was locked: cog.lock has sha256 {wheel.sha256},"
            f" the index `{wheel.index}` offers {sha256}",
            hint="find out why it changed before you accept it: `cog lock --upgrade-package " + wheel.name + "`",
        )
    return url


def _gone(wheel: Wheel | Source) -> ResolveError:
    return ResolveError(
        f"`{wheel.file}` is locked from the index `{wheel.index}`, and no index of this machine has it",
        hint="name the index that has it in the environment (`UV_INDEX`), or move the package:"
        f" `cog lock --upgrade-package {wheel.name}`",
    )


def _keep(wheel: Wheel, url: str, settings: Settings) -> None:
    """Put a file of this machine where downloads are kept, so that it is found there like any other."""
    import shutil
    from urllib.parse import unquote, urlsplit

    path = cached_path(settings, wheel.sha256, wheel.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        shutil.copyfile(unquote(urlsplit(url).path), half)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
