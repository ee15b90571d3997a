"""Lines of requirements that ask for source: which they are, and which package an unnamed one is."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from cogfreeze.errors import ProjectError
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    from pathlib import Path

_REPOSITORY = re.compile(r"(git|hg|svn|bzr)\+")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:|\.{0,2}/|\.$|~/")
_EXTRAS = re.compile(r"\[[A-Za-z0-9._, -]*\]$")
_EGG = re.compile(r"(?<=[#&])egg=([A-Za-z0-9._-]+)(\[[A-Za-z0-9._, -]*\])?&?")


def is_source(address: str, *, named: bool) -> bool:
    """Say whether an address (or a bare line) asks for something other than a wheel.

    Args:
        named: `NAME @` stands before it.
    """
    if _REPOSITORY.match(address):
        return True
    if not address or not (named or _ADDRESS.match(address)):
        return False
    return not address.partition(" ;")[0].partition("#")[0].partition("?")[0].endswith(".whl")


def is_below(address: str) -> bool:
    """Say whether an address asks for a part of an archive or folder: uv builds that of a repository alone."""
    return not _REPOSITORY.match(address) and "subdirectory=" in address.partition("#")[2]


def with_name(line: str, folder: Path) -> str | None:
    """Return an unnamed line as `NAME @ …`: by its `#egg=`, or by what the folder's pyproject.toml says.

    Returns:
        None where nothing says the name.
    """
    address, separator, marker = line.partition(" ;")
    address = address.strip()
    if found := _EGG.search(address):
        address = (address[: found.start()] + address[found.end() :]).rstrip("#&")
        return f"{found[1]}{found[2] or ''} @ {address}{separator}{marker}"
    extras = found[0] if (found := _EXTRAS.search(address)) else ""
    address = address.removesuffix(extras)
    name = None if "://" in address else _name_in(folder / unquote(address.removeprefix("file:")))
    return f"{name}{extras} @ {address}{separator}{marker}" if name else None


def _name_in(folder: Path) -> str | None:
    try:
        name = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return canonicalize_name(name) if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]+", name) else None


def is_project_itself(address: str, folder: Path) -> bool:
    """Return whether an address names the project's own folder: `.`, `./`, `.[extra]`, `file:.`."""
    path = _EXTRAS.sub("", address.partition(" ;")[0].partition("#")[0].strip()).removeprefix("file:")
    if not path.startswith((".", "/")) or "://" in path:
        return False
    try:
        return (folder / unquote(path)).resolve() == folder.resolve()
    except (OSError, ValueError):
        return False


def project_dependencies(address: str, folder: Path) -> tuple[str, ...] | str:
    """Return the dependencies that the project's pyproject.toml lists, with those of the extras in the address.

    Returns:
        The requirements, or in words why they can't be read.
    """
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        dynamic = {*project.get("dynamic", ())}
        found = [*project.get("dependencies", ())]
        optional = project.get("optional-dependencies", {})
        extras = _EXTRAS.search(address.partition(" ;")[0].partition("#")[0].strip())
        for extra in extras[0][1:-1].split(",") if extras else ():
            names = {canonicalize_name(name): lines for name, lines in optional.items()}
            found += names.get(canonicalize_name(extra.strip()), ())
    except FileNotFoundError:
        return "it has no `pyproject.toml` that lists its dependencies"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "the `[project]` table of its `pyproject.toml` can't be read"
    if dynamic & {"dependencies", "optional-dependencies"}:
        return "its `pyproject.toml` computes the dependencies"
    return tuple(map(str, found))


def refusal(text: str, where: str, sources: str, name: str | None = None) -> ProjectError:
    """Return the error about source that is not allowed.

    Args:
        sources: `build.sources`, `declared` or `refuse`.
        name: the package's, where it is known.
    """
    if sources == "refuse":
        message, allow = "`build.sources: refuse` allows none", "remove that key"
    elif name is None:
        message, allow = "`build.allow_sdist` does not name it", "write it as `NAME @ …` and add NAME to that list"
    else:
        message, allow = f"`build.allow_sdist` does not name `{name}`", f"add it: `allow_sdist: [{name}]`"
    return ProjectError(
        f"`{shown(text)}` is built from source, and {message}",
        where=where,
        hint=f"{allow}; or build a wheel and name that: `./NAME-1.0-py3-none-any.whl`",
    )
