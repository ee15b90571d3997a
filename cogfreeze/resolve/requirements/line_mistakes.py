"""What a requirement line says that can't be kept, or leads nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cogfreeze.errors import ProjectError
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    from pathlib import Path

HASH = re.compile(r"\s+--hash[=\s]\s*sha256:([0-9a-fA-F]{64})")
_ANY_HASH = re.compile(r"\s--hash[=\s]\s*(\S*)")
_OTHER_HASH = re.compile(r"sha384:[0-9a-fA-F]{96}|sha512:[0-9a-fA-F]{128}")
_BUILD_OPTION = re.compile(r"\s(-C|--config-settings?|--global-option)\b")
_EXTRAS = re.compile(r"\[[^\]]*\]$")


def lost(text: str, where: str) -> list[ProjectError]:
    """Find what a line binds its package by, or has it built with, that a lock can't keep."""
    given = _ANY_HASH.findall(text)
    kept = HASH.findall(text)
    found = []
    unfit = [each for each in given if not each.startswith("sha256:") and not _OTHER_HASH.fullmatch(each)]
    unfit += [each for each in given if each.startswith("sha256:") and each[7:] not in kept]
    if unfit:
        found.append((f"`--hash={shown(unfit[0])}` is not a hash", "it is `--hash=sha256:` and 64 hex digits"))
    elif given and not kept:
        found.append(("the line has no SHA-256 among its hashes", "add it: `pip hash FILE` tells it"))
    if option := _BUILD_OPTION.search(text):
        found.append(
            (f"`{option[1]}` changes how a package is built, which cannot be locked", "remove it, or name a wheel")
        )
    return [ProjectError(message, where=where, hint=hint) for message, hint in found]


def is_there(path: Path) -> bool:
    """Say whether a path leads anywhere; one that can't be a path leads nowhere."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def missing(address: str, where: str, folder: Path) -> list[ProjectError]:
    """Find a path that leads nowhere: uv would say so too, but not where it is named.

    Args:
        folder: the project's, where paths start.
    """
    path = _EXTRAS.sub("", address.partition(" ;")[0].partition("#")[0].strip())
    local = path.startswith((".", "/")) or path.endswith(".whl")
    if not local or "://" in path or path.startswith("file:") or is_there(folder / path):
        return []
    what = "folder" if not path.endswith((".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2")) else "file"
    return [
        ProjectError(
            f"there is no {what} `{shown(path)}`",
            where=where,
            hint=f"the path starts at the project's folder, `{folder}`",
        )
    ]
