"""Which packages the declaration in a lock names, as far as its lines say so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cogfreeze.review.packages import APT, FILE, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import InputValue
    from cogfreeze.review.packages import Package

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_DEB_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def declared_names(inputs: tuple[tuple[str, InputValue], ...]) -> dict[str, frozenset[str]]:
    """Return the declared names by kind of package; a kind is missing where a line names none.

    A line such as `./wheels/tiny.whl` or `git+https://…` names its package only in what it points to.
    """
    from packaging.utils import canonicalize_name

    python: set[str] = set()
    readable = True
    apt: frozenset[str] = frozenset()
    for key, value in inputs:
        lines = value if isinstance(value, tuple) else ()
        if key == "build.system_packages":
            apt = frozenset(found[0] for line in lines if (found := _DEB_NAME.match(line)))
        elif key == "build.python_packages" or key.startswith("files."):
            for line in lines:
                if line.startswith("-") and not line.startswith(("-e", "--editable", "-r", "--requirement")):
                    continue
                name = _requirement_name(line)
                readable = readable and name is not None
                if name:
                    python.add(canonicalize_name(name))
    return {"apt": apt} | ({"python": frozenset(python)} if readable else {})


def declaring_lines(inputs: tuple[tuple[str, InputValue], ...], package: Package) -> Iterator[tuple[str, str]]:
    """Yield the key and the line of each declaration that names a package."""
    from packaging.utils import canonicalize_name

    for key, value in inputs:
        for line in value if isinstance(value, tuple) else ():
            if package.kind == APT and key == "build.system_packages":
                found = _DEB_NAME.match(line)
                name = found[0] if found else None
            elif package.kind == PYTHON and (key == "build.python_packages" or key.startswith("files.")):
                name = _requirement_name(line)
                name = canonicalize_name(name) if name else None
            else:
                name = line if package.kind == FILE and key == "build.run.inputs" else None
            if name == package.name:
                yield key, line


def _requirement_name(line: str) -> str | None:
    """Return the name of `numpy==2.0.0`, `uvicorn[standard] @ https://…`; None for a path or address."""
    found = _NAME.match(line)
    if found is None:
        return None
    rest = line[found.end() :].lstrip()
    return found[0] if not rest or rest[0] in "[=<>!~;@(" else None
