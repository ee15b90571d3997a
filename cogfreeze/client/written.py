"""Which files of a project are outputs of our own verbs, so that the next image doesn't contain them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable

# Below the project's folder: one `sha256  path` per line, as sha256sum writes it.
_LIST = Path(".cog/outputs")


def remember(paths: Iterable[Path], project: Path | None = None) -> None:
    """Note files that a verb wrote into a project's folder. A folder that can't be written to is left as it is.

    Args:
        project: the project's folder; files elsewhere are not noted. None for the project that each file is in.
    """
    given = project.resolve() if project else None
    for path in paths:
        file = path.resolve()
        project = given or next((each for each in file.parents if (each / "cog.yaml").exists()), None)
        if project is None or not file.is_relative_to(project):
            continue
        known = _read(project) | {file.relative_to(project).as_posix(): _sha256(file)}
        lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(known.items()) if "\n" not in name)
        try:
            (project / _LIST).parent.mkdir(exist_ok=True)
            (project / _LIST).parent.joinpath(".gitignore").write_text("*\n")
            atomic.write(project / _LIST, lines.encode())
        except OSError:
            return


def written(project: Path) -> frozenset[str]:
    """Return the paths of outputs below a project's folder that nobody has changed since."""
    return frozenset(
        name
        for name, sha256 in _read(project).items()
        if (project / name).is_file() and _sha256(project / name) == sha256
    )


def _read(project: Path) -> dict[str, str]:
    try:
        lines = (project / _LIST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines) if name}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
