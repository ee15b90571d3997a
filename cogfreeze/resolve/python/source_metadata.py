"""The name and version of a source that its requirement line doesn't tell: read from its own metadata, by uv."""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from dataclasses import replace
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from cogfreeze.errors import ResolveError
from cogfreeze.resolve.python import failures
from cogfreeze.resolve.requirements import pack

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.resolve.python.sources import Sources
    from cogfreeze.resolve.requirements import Line


def with_names(sources: Sources) -> Sources:
    """Return the sources with a name on every line: `git+https://…` becomes `NAME @ git+https://…`.

    Raises:
        ResolveError, NetworkError: the metadata of one can't be read.
    """
    declared = sources.declared
    markers = sources.target.markers
    if all(line.name for line in declared.roots(markers)):
        return sources
    lines = tuple(_named(line, sources) if line.name is None else line for line in declared.requirements)
    declared = replace(declared, requirements=lines)
    return replace(sources, declared=declared, built=declared.from_source(markers))


def _named(line: Line, sources: Sources) -> Line:
    answer = replace(sources, wheels_only=False).pinned([line.text])
    if answer.status != 0:
        raise failures.explain_failure(answer.talk, sources)
    found = sources.found(answer)
    if len(found) != 1:  # its marker doesn't hold
        return line
    address, separator, marker = line.text.partition(" ;")
    text = f"{found[0].name} @ {address.strip()}{separator}{marker}"
    try:
        return replace(line, text=text, name=found[0].name, requirement=Requirement(text))
    except InvalidRequirement:
        return line


def version_of(folder: Path, name: str, sources: Sources) -> str:
    """Return the version of a folder: as its pyproject.toml says it, else as its build computes it.

    The build runs on a copy without what version control has, as the image's build will.

    Raises:
        ResolveError: neither tells.
    """
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    scratch = sources.scratch / f"source-{name}"
    scratch.mkdir(exist_ok=True)
    packed = scratch / "copy.zip"
    packed.write_bytes(pack(folder, "copy"))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(scratch)  # noqa: S202  # made by `pack`
    options = ["--sdist", "--out-dir", str(scratch / "out"), "--python", sys.executable, "--no-python-downloads"]
    answer = sources.run(["build", *options, *sources.configuration(), str(scratch / "copy")])
    version = _version_in(scratch / "out") if answer.status == 0 else None
    if version is None:
        raise ResolveError(
            f"the version of `{name}` can't be read: {failures.build_failure(answer.talk)}",
            hint="write `version` into the `[project]` table of its `pyproject.toml`;"
            " one that comes from version control is not known in the image",
        )
    return version


def _version_in(folder: Path) -> str | None:
    """Return the version that the metadata of a folder's only sdist has."""
    path = next(iter(sorted(folder.glob("*.tar.gz"))), None)
    if path is None:
        return None
    with tarfile.open(path) as archive:
        for member in archive:
            if (
                member.name.count("/") == 1
                and member.name.endswith("/PKG-INFO")
                and (file := archive.extractfile(member))
            ):
                return HeaderParser().parsestr(file.read().decode("utf-8", "replace")).get("Version")
    return None
