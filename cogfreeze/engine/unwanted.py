"""Files that people rarely mean to have in an image: secrets, and virtual environments of another machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path, PurePosixPath

    from cogfreeze.report import Report

_SHOWN = 5
_EXAMPLES = frozenset({".example", ".sample", ".template", ".dist"})
_CREDENTIALS = frozenset({".netrc", ".pypirc", ".git-credentials", ".npmrc", ".dockercfg"})
_KEY_NAME = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)$|.*\.(pem|key|p12|pfx|ppk)$|.*credentials.*\.json$")
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"private_key\"\s*:")
# Formats that hold keys, but are not text.
_BINARY = frozenset({".p12", ".pfx"})
_READ = 64 * 1024


def warn_of_unwanted(chosen: Iterable[PurePosixPath], project: Path, report: Report) -> None:
    """Warn of environment files, private keys and virtual environments, by name.

    Args:
        chosen: what of the project goes into the image.
    """
    found: dict[str, list[str]] = {}
    for kind, name in _unwanted(chosen, project):
        found.setdefault(kind, []).append(f"`{name}`")
    for kind, names in found.items():
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        report.warn(
            f"the image will contain {kind}: {', '.join(names[:_SHOWN])}{more}",
            hint="to leave them out, add them to `.dockerignore`",
        )


def _unwanted(chosen: Iterable[PurePosixPath], project: Path) -> Iterator[tuple[str, PurePosixPath]]:
    for relative in chosen:
        if relative.name == "pyvenv.cfg" and relative.parts[:-1]:
            yield "a virtual environment", relative.parent
        elif relative.name == ".env" or (relative.name.startswith(".env.") and relative.suffix not in _EXAMPLES):
            yield "environment files, which often hold secrets", relative
        elif relative.name in _CREDENTIALS or _is_key(project / relative):
            yield "private keys or credentials", relative


def _is_key(path: Path) -> bool:
    if not _KEY_NAME.match(path.name) or path.is_symlink() or not path.is_file():
        return False
    if path.suffix in _BINARY:
        return True
    try:
        with path.open("rb") as file:
            return _KEY.search(file.read(_READ)) is not None
    except OSError:
        return False
