"""Reading a lock out of a git revision."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from cogfreeze.errors import ToolMissing, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60


def is_revision(word: str, folder: Path) -> bool:
    """Say whether a word names a commit of the repository that a folder is in."""
    return shutil.which("git") is not None and _commit(word, folder) is not None


def read(revision: str, path: Path) -> str | None:
    """Return the text that a file had at a revision; None where it wasn't there.

    Args:
        revision: anything that git takes for a commit: `main`, `HEAD~2`, `v1.0`, `origin/main`.
        path: the file in the working tree.

    Raises:
        UsageError: there is no such revision, or the folder is in no git repository.
        ToolMissing: there is no git.
    """
    if shutil.which("git") is None:
        raise ToolMissing("there is no `git` on this machine to read a revision with", hint="install git")
    folder = path.absolute().parent
    if _git(folder, "rev-parse", "--git-dir").returncode:
        raise UsageError(
            f"`{folder}` is in no git repository, so there is no revision `{revision}`",
            hint="give two lock files: `cog diff OLD NEW`",
        )
    commit = _commit(revision, folder)
    if commit is None:
        raise UsageError(
            f"there is no revision `{revision}` in this repository",
            hint="`git branch --all` and `git tag` list the names; in CI, fetch the branch first",
        )
    name = f"{commit}:./{path.name}"
    if _git(folder, "cat-file", "-e", name).returncode:
        return None
    result = _git(folder, "show", name)
    if result.returncode:
        raise UsageError(f"git can't read `{path.name}` of `{revision}`: {_last_line(result.stderr)}")
    try:
        return result.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"`{path.name}` of `{revision}` is not UTF-8 text") from None


def _commit(word: str, folder: Path) -> str | None:
    if not word or word.startswith("-"):
        return None
    result = _git(folder, "rev-parse", "--quiet", "--verify", f"{word}^{{commit}}")
    return result.stdout.decode("ascii", "replace").strip() if result.returncode == 0 else None


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise UsageError(f"`git {words[0]}` has not answered for {_SECONDS} s") from None


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"
