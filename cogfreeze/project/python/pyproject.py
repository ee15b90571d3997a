"""A pyproject.toml, and the uv.lock beside it, as the lines of requirements files that say the same.

What is declared becomes requirements; what uv has locked becomes constraints with hashes, so that its versions and
files bind whatever is resolved later. Optional dependencies and groups are not the image's.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from cogfreeze.grammar import shown
from cogfreeze.project.python.locked_files import (
    MACHINES,
    Pin,
    Unusable,
    beside,
    machines,
    pin_lines,
    require_python,
    situations,
    table,
)
from cogfreeze.project.python.packages import normalized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement

_UV_LOCK_VERSION = 1
_LOCK_AGAIN = "run `uv lock`"
_EXPORT = "name a pylock.toml: `uv export --format pylock.toml --output-file pylock.toml`"


def requirement_lines(text: str, folder: str, python: str, lock: str | None = None) -> list[str]:
    """Return `[project].dependencies` as requirement lines, with the places that `[tool.uv.sources]` names.

    Args:
        folder: the file's, relative to the project's; paths start there.
        python: the image's, `3.11`.
        lock: the text of the uv.lock beside it, for the commits that it has.

    Raises:
        Unusable: the file declares nothing that can be read here.
    """
    document = table(text)
    project = _mapping(document, "project")
    if not project:
        raise Unusable(
            "it has no `[project]` table",
            "list the packages in `[project].dependencies` or in a requirements file",
        )
    if "dependencies" in _list(project, "dynamic"):
        raise Unusable(
            "its dependencies are `dynamic`: only a build knows them", "list them in a requirements file"
        )
    require_python(str(project.get("requires-python", "")), python)
    declared = project.get("dependencies", [])
    if not isinstance(declared, list) or not all(isinstance(each, str) for each in declared):
        raise Unusable("`[project].dependencies` must be a list of strings")
    uv = _mapping(_mapping(document, "tool"), "uv")
    sources = {normalized(name): value for name, value in _mapping(uv, "sources").items()}
    indexes = {str(each.get("name")): each.get("url") for each in _tables(uv, "index")}
    commits = _commits(lock) if lock is not None else {}
    options: list[str] = []
    lines = []
    for each in declared:
        requirement = _parsed(each)
        source = (
            _source(sources.get(normalized(requirement.name)), requirement.name, python) if requirement else None
        )
        if requirement is None or not source:
            lines.append(each.strip())
        elif "index" in source:
            lines.append(each.strip())
            options.append(f"--extra-index-url {_index(indexes, source['index'])}")
        else:
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            source = {**source, "rev": commits.get(normalized(requirement.name), source.get("rev"))}
            lines.append(f"{requirement.name}{extras} @ {_address(source, requirement.name, folder)}{marker}")
    return [*dict.fromkeys(options), *lines]


def constraint_lines(lock: str, pyproject: str, python: str) -> list[str]:
    """Return the versions and hashes of a uv.lock as constraint lines.

    Args:
        lock: the text of the uv.lock.
        pyproject: the text of the pyproject.toml that it should be of.
        python: the image's, `3.11`; what the lock has for others is left out.

    Raises:
        Unusable: it is another project's, or older than the declaration, or not to be understood.
    """
    document = table(lock)
    if document.get("version") != _UV_LOCK_VERSION:
        raise Unusable(
            f"its version is {shown(str(document.get('version')))}; only {_UV_LOCK_VERSION} is supported",
            _EXPORT,
        )
    if _mapping(document, "manifest").get("overrides"):
        raise Unusable(
            "it was made with `override-dependencies`, which is not supported",
            _EXPORT,
        )
    packages = _tables(document, "package")
    _require_current(packages, table(pyproject))
    pins = []
    indexes = []
    for each in packages:
        name, version, source = str(each.get("name")), each.get("version"), _mapping(each, "source")
        markers: list[str | None] = [str(marker) for marker in _list(each, "resolution-markers")]
        markers = markers or [None]
        meant = {machine for marker in markers for machine in machines(marker, python)}
        if "registry" not in source or not isinstance(version, str) or not meant:
            # A place of its own is named in the declaration.
            continue
        if "+" in version:
            # A version of a local build is on no common index; the others are the machine's affair.
            indexes.append(f"--extra-index-url {source['registry']}")
        ordered = tuple(machine for machine in MACHINES if machine in meant)
        pins.append(Pin(requirement=f"{name}=={version}", files=_files(each), machines=ordered))
    return [*dict.fromkeys(indexes), *pin_lines(pins, python)]


def _mapping(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key, {})
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    return found if isinstance(found, list) else []


def _tables(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [each for each in _list(value, key) if isinstance(each, dict)]


def _parsed(text: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None  # reported when the line is checked


def _source(value: Any, name: str, python: str) -> dict[str, Any] | None:
    """Return the one entry of `[tool.uv.sources]` that an image can mean."""
    entries = value if isinstance(value, list) else [value]
    entries = [each for each in entries if isinstance(each, dict) and "extra" not in each and "group" not in each]
    meant = [each for each in entries if machines(str(each["marker"]) if "marker" in each else None, python)]
    if len(meant) > 1:
        raise Unusable(
            f"`[tool.uv.sources]` has several sources for `{shown(name)}` on Linux",
            _EXPORT,
        )
    return meant[0] if meant else None


def _index(indexes: Mapping[Any, Any], name: Any) -> str:
    url = indexes.get(str(name))
    if not isinstance(url, str):
        raise Unusable(
            f"`[tool.uv.sources]` names the index `{shown(str(name))}`, which `[[tool.uv.index]]` does not define"
        )
    return url


def _address(source: Mapping[str, Any], name: str, folder: str) -> str:
    below = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    if "git" in source:
        revision = next((str(source[key]) for key in ("rev", "tag", "branch") if source.get(key)), "")
        return f"git+{source['git']}{f'@{revision}' if revision else ''}{below}"
    if "url" in source:
        return f"{source['url']}{below}"
    if "path" in source:
        return beside(folder, str(source["path"]))
    raise Unusable(
        f"`[tool.uv.sources]` takes `{shown(name)}` from a workspace, which is not supported",
        "build a wheel and give its path",
    )


def _commits(lock: str) -> dict[str, str]:
    """Return the commits of a uv.lock: it keeps them behind the address, `https://…?rev=main#COMMIT`."""
    packages = _tables(table(lock), "package")
    places = {str(each.get("name")): str(_mapping(each, "source").get("git", "")) for each in packages}
    return {name: place.rpartition("#")[2] for name, place in places.items() if "#" in place}


def _require_current(packages: Iterable[Mapping[str, Any]], pyproject: Mapping[str, Any]) -> None:
    """Refuse a lock that was made for other dependencies than those that are declared now, as `uv lock` would."""
    project = _mapping(pyproject, "project")
    name = normalized(str(project.get("name", "")))
    own = next(
        (
            each
            for each in packages
            if each.get("name") == name and {"virtual", "editable"} & _mapping(each, "source").keys()
        ),
        None,
    )
    if own is None:
        raise Unusable(f"it belongs to another project than `{shown(name)}`", _LOCK_AGAIN)
    moved = {normalized(each) for each in _mapping(_mapping(_mapping(pyproject, "tool"), "uv"), "sources")}
    locked = [
        _signature(
            str(each.get("name")),
            map(str, _list(each, "extras")),
            str(each.get("specifier", "")),
            str(each["marker"]) if "marker" in each else None,
            moved,
        )
        for each in _tables(_mapping(own, "metadata"), "requires-dist")
        if "extra ==" not in str(each.get("marker", ""))
    ]
    declared = []
    for text in _list(project, "dependencies"):
        if found := _parsed(text):
            marker = str(found.marker) if found.marker else None
            declared.append(_signature(found.name, found.extras, str(found.specifier), marker, moved))
    changed = sorted({each[0] for each in {*locked} ^ {*declared}})
    if changed:
        listed = ", ".join(f"`{shown(each)}`" for each in changed)
        raise Unusable(f"it is out of date with `pyproject.toml`: {listed} changed there", _LOCK_AGAIN)


def _signature(
    name: str, extras: Iterable[str], specifier: str, marker: str | None, moved: set[str]
) -> tuple[Any, ...]:
    """Return what a requirement means, whoever wrote it: uv keeps it in its own words.

    Args:
        moved: packages that come from a place of their own, whose lines uv keeps in another form.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    name = normalized(name)
    if name in moved:
        return (name,)
    try:
        versions: Any = SpecifierSet(specifier)
    except InvalidSpecifier:
        versions = specifier
    return name, frozenset(map(normalized, extras)), versions, situations(marker)


def _files(package: Mapping[str, Any]) -> tuple[tuple[str, str | None], ...]:
    found = [*_tables(package, "wheels"), *([sdist] if (sdist := _mapping(package, "sdist")) else [])]
    return tuple((_file_name(each), str(each["hash"]) if "hash" in each else None) for each in found)


def _file_name(file: Mapping[str, Any]) -> str:
    return posixpath.basename(str(file.get("filename") or file.get("url") or file.get("path", "")))
