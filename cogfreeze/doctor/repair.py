"""`cog doctor --fix`: the fixes of a project's files, checked by reading the result, and written at once."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import atomic
from cogfreeze.doctor import edit
from cogfreeze.doctor.fixes import Texts, fix_all
from cogfreeze.doctor.project import examine
from cogfreeze.doctor.run_lines import Facts
from cogfreeze.errors import ProjectErrors
from cogfreeze.project import cog_yaml
from cogfreeze.project.model import DEFAULT_PLATFORM

if TYPE_CHECKING:
    from cogfreeze.doctor.project import Examined
    from cogfreeze.settings import Settings

# Fixing one thing may show another: a file that is readable now has packages to look up.
_ROUNDS = 3
_SECONDS = 60
_COMMIT = re.compile(r"^([0-9a-f]{40})\t(\S+)$", re.MULTILINE)


def repair(path: Path, examined: Examined, settings: Settings) -> tuple[Examined, str, list[str]]:
    """Write the safe fixes of a project's files.

    Returns:
        The project as it is now, what was changed as a unified diff, and the same in words.
    """
    before: dict[str, str] = {}
    notes: list[str] = []
    for _ in range(_ROUNDS):
        if not edit.is_editable(path.read_bytes()):
            break
        project = fixed(path, examined, offline=settings.offline)
        texts = changed_texts(path, project)
        if not texts or not is_no_worse(path, texts):
            break
        before = {name: (path.parent / name).read_text("utf-8") for name in texts} | before
        notes += [*project.changes, *project.notes]
        write(path, texts)
        examined = examine(path, settings)
    return examined, diff(path, before), notes


def fixed(path: Path, examined: Examined, *, offline: bool) -> Texts:
    """Return the project's files with all safe fixes; nothing is written.

    Args:
        offline: commits of repositories are not looked up.
    """
    texts = {path.name: path.read_text(encoding="utf-8")}
    project = Texts(file=path.name, texts=texts)
    named = project.value("build", "python_requirements")
    if isinstance(named, str) and (path.parent / named).is_file() and named.endswith(".txt"):
        texts[named] = (path.parent / named).read_text(encoding="utf-8")
    platforms = project.items("build", "platforms")
    requirements = [*project.items("build", "python_packages"), *texts.get(str(named), "").splitlines()]
    facts = Facts(
        platforms=tuple(map(str, platforms)) or (DEFAULT_PLATFORM,),
        requirements=tuple(map(str, requirements)),
        find_commit=_no_commit if offline else find_commit,
    )
    unknown = examined.unknown
    fix_all(
        project,
        facts,
        unknown.replacements if unknown else {},
        unknown.components if unknown else (),
        examined.installed or (None if project.value("build", "base_image") else frozenset()),
    )
    return project


def changed_texts(path: Path, project: Texts) -> dict[str, str]:
    """Return the texts that differ from the files, by name."""
    return {name: text for name, text in project.texts.items() if (path.parent / name).read_text("utf-8") != text}


def diff(path: Path, before: dict[str, str]) -> str:
    """Return what has changed since the files had some texts, by name, as a unified diff."""
    parts: list[str] = []
    for name, text in sorted(before.items()):
        now = (path.parent / name).read_text("utf-8").splitlines(keepends=True)
        parts += difflib.unified_diff(text.splitlines(keepends=True), now, f"a/{name}", f"b/{name}")
    return "".join(parts)


def is_no_worse(path: Path, texts: dict[str, str]) -> bool:
    """Return whether the changed files read at least as well as the present ones."""
    with tempfile.TemporaryDirectory() as folder:
        for each in path.parent.glob("*.txt"):
            shutil.copyfile(each, Path(folder, each.name))
        Path(folder, path.name).write_text(path.read_text("utf-8"), encoding="utf-8")
        before = _mistakes(Path(folder, path.name))
        for name, text in texts.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(text, encoding="utf-8")
        return _mistakes(Path(folder, path.name)) <= before


def _mistakes(path: Path) -> int:
    try:
        cog_yaml.read(path)
    except ProjectErrors as error:
        return len(error.errors)
    return 0


def write(path: Path, texts: dict[str, str]) -> None:
    """Write the changed files, each at once; line ends and permissions stay."""
    for name, text in texts.items():
        target = path.parent / name
        line_end = "\r\n" if b"\r\n" in target.read_bytes() else "\n"
        atomic.write(target, text.replace("\n", line_end).encode(), mode=target.stat().st_mode & 0o777)


def find_commit(url: str, reference: str | None) -> str | None:
    """Return the commit of a repository's branch or tag, or of its default branch; None if it can't be found."""
    program = shutil.which("git")
    if program is None or url.startswith("-") or (reference or "").startswith("-"):
        return None
    wanted = reference or "HEAD"
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    words = [program, "ls-remote", "--", url, wanted, f"{wanted}^{{}}"]
    try:
        run = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = {name: commit for commit, name in _COMMIT.findall(run.stdout)}
    names = (f"refs/tags/{wanted}^{{}}", f"refs/tags/{wanted}", f"refs/heads/{wanted}", wanted)
    return next((found[name] for name in names if name in found), None)


def _no_commit(_url: str, _reference: str | None) -> str | None:
    return None
