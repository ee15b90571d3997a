"""How git is told of cog.lock: a merge driver, a readable `git diff`, and the lines of .gitattributes."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli.terminal import say
from cogfreeze.errors import CogError, LockUnusable, ToolMissing, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock
    from cogfreeze.lock.soundness import Clash

ATTRIBUTES = (
    "cog.lock text eol=lf merge=cog-lock diff=cog-lock",
    "cog.*.lock text eol=lf merge=cog-lock diff=cog-lock",
)
# git asks a shell to run these, and fills in the files' names.
SETTINGS = {
    "merge.cog-lock.name": "merges cog.lock package by package",
    "merge.cog-lock.driver": "cog lock --merge-driver %O %A %B %P",
    "diff.cog-lock.textconv": "cog lock --textconv",
    "diff.cog-lock.cachetextconv": "false",
}


def is_repository(folder: Path) -> bool:
    """Say whether a folder is in a git repository, and there is a git to ask."""
    return shutil.which("git") is not None and _git(folder, "rev-parse", "--git-dir").returncode == 0


def register(folder: Path) -> None:
    """Tell the repository of a folder about cog.lock: its own configuration, and .gitattributes of the folder.

    Raises:
        UsageError: the folder is in no git repository.
        ToolMissing: there is no git.
    """
    if shutil.which("git") is None:
        raise ToolMissing("there is no `git` on this machine", hint="install git")
    if not is_repository(folder):
        raise UsageError(f"`{folder}` is in no git repository", hint="run `git init` first")
    for name, value in SETTINGS.items():
        result = _git(folder, "config", name, value)
        if result.returncode:
            raise CogError(f"git can't set `{name}`: {result.stderr.strip()}")
    say("registered with git: the merge driver and the diff of cog.lock")
    if add_attributes(folder / ".gitattributes"):
        say("wrote .gitattributes: commit it")


def add_attributes(path: Path) -> bool:
    """Add our lines to a .gitattributes, where they are missing; say whether it was written."""
    from cogfreeze import atomic

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in ATTRIBUTES if line not in text.splitlines()]
    if not missing:
        return False
    start = text if not text or text.endswith("\n") else text + "\n"
    atomic.write(path, (start + "".join(f"{line}\n" for line in missing)).encode())
    return True


def merge_driver(base: str, ours: str, theirs: str, name: str) -> int:
    """Merge three versions of a lock into the file `ours`, as git asks a merge driver to.

    Where they contradict each other, the file gets git's conflict markers, as without a driver. Where each package
    merges and the packages don't fit together, the file is the merged one, and still a conflict to git.

    Args:
        base: the file of the common ancestor; empty where there was none.
        name: the lock's path in the working tree, for messages.

    Returns:
        0 for a clean merge, 1 for a conflict.
    """
    from cogfreeze.lock import file, soundness
    from cogfreeze.review import merge

    try:
        sides = [_loaded(Path(path), name) for path in (base, ours, theirs)]
        if sides[1] is None or sides[2] is None:
            raise merge.Conflict(["one side's lock is empty"])
        merged = merge.merge(sides[0], sides[1], sides[2])
        # Read again, since only what can be read may be written.
        text = file.dumps(merged)
        file.write(Path(ours), file.loads(text, name=name))
    except (merge.Conflict, LockUnusable) as error:
        if isinstance(error, merge.Conflict):
            say(f"{name}: both branches changed {', '.join(error.things[:5])}")
        else:
            say(str(error))
        say("merge cog.yaml, then run `cog lock --ours` or `cog lock --theirs`")
        _git(Path.cwd(), "merge-file", "-L", "ours", "-L", "base", "-L", "theirs", ours, base, theirs)
        return 1
    if clash := next(_clashes(merged), None):
        say(f"{name}: {soundness.words(clash, partial(file.line_of, text), name)}")
        say("merge cog.yaml, then run `cog lock`, which resolves both sides together")
        return 1
    say(f"merged {name}; `cog lock --check` tells whether it is current")
    return 0


def _clashes(lock: Lock) -> Iterator[Clash]:
    """Yield what doesn't fit together in a lock, taking the packages that nothing requires as declared.

    The declaration may not be merged yet, so it is not read.
    """
    from cogfreeze.lock import soundness
    from cogfreeze.resolve.requirements import Line

    wheels = [each for platform in lock.platforms for each in platform.python.wheels]
    sources = [each for platform in lock.platforms for each in platform.python.sources]
    declared = {each.name for each in wheels if not each.required_by}
    declared |= {each.name for each in sources if not each.required_by}
    debs = [deb for each in lock.platforms if each.apt for deb in each.apt.packages]
    return soundness.clashes(
        lock,
        [Line(text=name, where="cog.yaml", name=name) for name in sorted(declared)],
        (),
        sorted({deb.name for deb in debs if not deb.required_by}),
    )


def _loaded(path: Path, name: str) -> Lock | None:
    from cogfreeze.lock import file

    text = path.read_text(encoding="utf-8")
    return file.loads(text, name=name) if text.strip() else None


def textconv(path: str) -> int:
    """Print a lock in short for `git diff`; one that can't be read is printed as it is."""
    from cogfreeze.lock import file
    from cogfreeze.review.short import short

    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        lines = list(short(file.loads(text)))
    except LockUnusable:
        print(text, end="")
        return 0
    print("\n".join(lines))
    return 0


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
