"""Which packages the declaration in a lock names, as far as its lines say so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.lock.model import InputValue

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


def _requirement_name(line: str) -> str | None:
    """Return the name of `numpy==2.0.0`, `uvicorn[standard] @ https://…`; None for a path or address."""
    found = _NAME.match(line)
    if found is None:
        return None
    rest = line[found.end() :].lstrip()
    return found[0] if not rest or rest[0] in "[=<>!~;@(" else None
