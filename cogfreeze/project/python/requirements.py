"""Reads pip requirements files as pip does, and keeps what they say; pyproject.toml and pylock.toml too.

Cog rewrites every pinned line to `name==version` and so loses hashes, markers, and the first half of
`zope.interface`. Here a line is only ever taken out of its continuations and comments. What a line may not
do is leave the project's folder, or carry a password into the lock.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import shlex
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cogfreeze.errors import ProjectError
from cogfreeze.grammar import REQUIREMENT_LINE, Refused, shown
from cogfreeze.project.python import locked_files, packages, pyproject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST = 16 * 1024 * 1024
MOST_FILES = 100

# The other files that say what is required; PEP 751 has the second one's names.
_TOML = re.compile(r"pyproject\.toml|pylock(\.[^.]+)?\.toml")
# What other tools call what they read; a requirements file may have any other name.
_OTHERS = (".toml", ".lock", ".yml", ".yaml", ".json", ".cfg", ".py", "Pipfile")
_CONFLICT = re.compile(r"<{7} |={7}$|>{7} ")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_OPTION = re.compile(r"(?:^|\s)-")
_NESTED = re.compile(r"(?:-r|-c|--requirement(?:s)?|--constraint(?:s)?)(?=[\s=]|[^-\s])")

# Options of a file, and whether a value follows.
_FILE_OPTIONS = {
    "-i": True,
    "--index-url": True,
    "--pypi-url": True,
    "--extra-index-url": True,
    "--no-index": False,
    "-f": True,
    "--find-links": True,
    "--no-binary": True,
    "--only-binary": True,
    "--prefer-binary": False,
    "--require-hashes": False,
    "--no-require-hashes": False,
    "--pre": False,
    "--all-releases": True,
    "--only-final": True,
    "--trusted-host": True,
    "--use-feature": True,
    "-e": True,
    "--editable": True,
    "-r": True,
    "--requirement": True,
    "-c": True,
    "--constraint": True,
}
# Options of one requirement.
_LINE_OPTIONS = {
    "--hash": True,
    "-C": True,
    "--config-setting": True,
    "--config-settings": True,
    "--global-option": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsFile:
    """A pip requirements file as read: its path beside cog.yaml, and its logical lines.

    Logical lines have comments, blank lines and continuations taken out, and are otherwise untouched:
    hashes, markers, options and fragments stay as they were written. Files reached by `-r` and `-c` are
    listed on their own, after the file that names them.
    """

    path: str
    lines: tuple[str, ...]


class _Reader:
    """Follows one tree of files; keeps what it finds in the order in which it is met."""

    def __init__(self, folder: Path, *, silent: bool) -> None:
        self.folder = folder
        self.silent = silent
        self.files: dict[str, RequirementsFile] = {}
        self.open: list[str] = []
        self.mistakes: list[ProjectError] = []
        self.warnings: list[str] = []

    def mistake(self, where: str, message: str, hint: str | None = None) -> None:
        self.mistakes.append(ProjectError(message, where=where, hint=hint))

    def file(self, name: str, named_at: str) -> None:
        """Read the file `name`, normalised and relative to the folder, and those that it names."""
        if name in self.open:
            chain = " → ".join(f"`{shown(each)}`" for each in [*self.open[self.open.index(name) :], name])
            self.mistake(
                named_at, f"requirements files include each other in a circle: {chain}", "remove this line"
            )
            return
        if name in self.files:
            return
        if len(self.files) >= MOST_FILES:
            self.mistake(named_at, f"more than {MOST_FILES} requirements files include each other")
            return
        text = self._text(name, named_at)
        if text is None:
            return
        if conflict := next((n for n, line in enumerate(text.splitlines(), 1) if _CONFLICT.match(line)), None):
            self.mistake(f"{name}:{conflict}", "has merge conflicts", "resolve them: keep one side of each")
            return
        self.files[name] = RequirementsFile(path=name, lines=())  # keeps its place before those that it names
        self.open.append(name)
        kept = [line for number, line in logical_lines(text) if self._line(line, name, f"{name}:{number}")]
        self.open.pop()
        self.files[name] = RequirementsFile(path=name, lines=tuple(kept))

    def toml(self, name: str, named_at: str, python: str) -> None:
        """Read a pyproject.toml, with the uv.lock beside it, or a pylock.toml, as lines that say the same."""
        text = self._text(name, named_at)
        if text is None:
            return
        folder = posixpath.dirname(name)
        if not posixpath.basename(name).startswith("pyproject"):
            self._translated(name, lambda: locked_files.pylock_lines(text, folder, python))
            return
        beside = posixpath.join(folder, "uv.lock")
        lock = self._text(beside, named_at) if (self.folder / beside).is_file() else None
        self._translated(name, lambda: pyproject.requirement_lines(text, folder, python, lock))
        if lock is not None and not self.mistakes:
            self.files[name] = replace(self.files[name], lines=("-c uv.lock", *self.files[name].lines))
            self._translated(beside, lambda: pyproject.constraint_lines(lock, text, python))

    def _translated(self, name: str, lines: Callable[[], list[str]]) -> None:
        try:
            kept = [line for line in lines() if self._line(line, name, name)]
        except locked_files.Unusable as unusable:
            self.mistake(name, unusable.message, unusable.hint)
        else:
            self.files[name] = RequirementsFile(path=name, lines=tuple(kept))

    def _text(self, name: str, named_at: str) -> str | None:
        path = self.folder / name
        try:
            if not path.is_file():
                what = "is a folder" if path.is_dir() else "does not exist"
                self.mistake(
                    named_at,
                    f"the requirements file `{shown(name)}` {what}",
                    "its path is relative to the file that names it",
                )
                return None
            with path.open("rb") as stream:
                data = stream.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            self.mistake(
                named_at,
                f"the requirements file `{shown(name)}` cannot be read: {getattr(error, 'strerror', error)}",
            )
            return None
        if len(data) > LARGEST:
            self.mistake(
                named_at, f"the requirements file `{shown(name)}` is larger than {LARGEST // 1024**2} MiB"
            )
            return None
        # PowerShell's `pip freeze > requirements.txt` writes UTF-16; pip reads that too.
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        try:
            return data.decode("utf-16" if wide else "utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.mistake(f"{name}:{line}", "is not UTF-8 text", "save the file as UTF-8")
            return None

    def _line(self, line: str, name: str, where: str) -> bool:
        """Look at one logical line and follow it; say whether it is to be kept."""
        try:
            REQUIREMENT_LINE.check(line)
        except Refused as refused:
            self.mistake(where, refused.message, refused.allowed)
            return False
        if leaked := packages.credentials(line):
            self.mistake(where, leaked.message, leaked.hint)
            return False
        if line.startswith("-"):
            self._option(line, name, where)
            return True
        return self._requirement(line, where)

    def _requirement(self, line: str, where: str) -> bool:
        start = _OPTION.search(line)
        requirement = line[: start.start()].rstrip() if start else line
        if packages.name_of(requirement) in packages.PROVIDED:
            if not self.silent:
                self.warnings.append(
                    f"{where}: `{shown(requirement)}` is dropped, because the image provides it; remove it, or"
                    " set `build.allow: [cog]`"
                )
            return False
        problem = packages.check(requirement)
        if problem and problem.fatal:
            self.mistake(where, problem.message, problem.hint)
        elif problem:
            self.warnings.append(f"{where}: {problem.message}: {problem.hint}")
        if start:
            self._options_of(line[start.start() :], _LINE_OPTIONS, where)
        return True

    def _option(self, line: str, name: str, where: str) -> None:
        if nested := _NESTED.match(line):
            self._nested(line[nested.end() :].lstrip(" \t="), name, where)
        else:
            self._options_of(line, _FILE_OPTIONS, where)

    def _nested(self, target: str, name: str, where: str) -> None:
        try:
            words = shlex.split(target)
        except ValueError:
            words = []
        if len(words) != 1:
            self.mistake(where, "`-r` and `-c` take one file")
            return
        inner = resolve(posixpath.dirname(name), words[0])
        if inner is None:
            self.mistake(
                where,
                f"`{shown(words[0])}` is not a file of this project",
                "copy it into the project's folder and give its path there",
            )
        else:
            self.file(inner, where)

    def _options_of(self, text: str, known: dict[str, bool], where: str) -> None:
        """Find options that pip does not have; what those that it has say is the resolver's to judge."""
        try:
            words: Iterator[str] = iter(shlex.split(text))
        except ValueError:
            self.mistake(where, "has an unclosed quote")
            return
        for word in words:
            option, given, _ = word.partition("=")
            if option not in known and option[:2] in known and not option.startswith("--"):
                option, given = option[:2], "joined"  # `-fURL`
            if option not in known:
                near = get_close_matches(option, known, n=1)
                hint = (
                    f"did you mean `{near[0]}`?"
                    if near
                    else "the options are " + ", ".join(f"`{each}`" for each in known)
                )
                self.mistake(where, f"`{shown(option)}` is not an option here", hint)
                return
            if known[option] and not given and next(words, None) is None:
                self.mistake(where, f"`{option}` needs a value")
                return


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Split a requirements file into logical lines, each with the number of the line it begins on.

    As pip does: a `\\` at the end joins the next line unless the line is a comment; a `#` begins a comment at the
    start of a line or after a space; blank lines go.
    """
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        # The space keeps a comment a comment after what was joined to it.
        yield from _without_comment(begun, "".join([*parts, f" {line}" if comment else line]))
        begun, parts = 0, []
    if parts:
        yield from _without_comment(begun, "".join(parts))


def _without_comment(number: int, line: str) -> Iterator[tuple[int, str]]:
    if line := _COMMENT.sub("", line).strip():
        yield number, line


def resolve(folder: str, name: str) -> str | None:
    """Return the path of a file that is named in `folder`, both relative to the project's folder.

    Returns:
        None where the name leads out of the project: upwards, to the root, or to a URL.
    """
    if "://" in name or name.startswith(("file:", "~")) or "\\" in name or "\0" in name:
        return None
    path = posixpath.normpath(posixpath.join(folder, name))
    return None if path in ("..", ".") or path.startswith(("/", "../")) else path


def read(
    folder: Path, name: str, *, named_at: str, python: str, silent: bool = False
) -> tuple[tuple[RequirementsFile, ...], list[ProjectError], list[str]]:
    """Read a requirements file and every file that it names.

    Args:
        folder: the project's.
        name: the file's path, relative to `folder`.
        named_at: where it is named, `cog.yaml:4`, for what is wrong with the file as a whole.
        python: the image's, `3.11`; what a lock file of another tool has for others is left out.

        silent: a requirement on what the image provides is dropped without a word.

    Returns:
        The files, each followed by those that it names; what is wrong; what wants to be said.
    """
    reader = _Reader(folder, silent=silent)
    path = resolve("", name)
    if path is None:
        hint = "give a file in the project's folder, such as `requirements.txt`"
        reader.mistake(named_at, f"`{shown(name)}` is not a file of this project", hint)
    elif _TOML.fullmatch(posixpath.basename(path)):
        reader.toml(path, named_at, python)
    elif path.endswith(_OTHERS):
        hint = "use a requirements file, a `pyproject.toml` (with or without `uv.lock`) or a `pylock.toml`"
        reader.mistake(named_at, f"`{shown(name)}` is not a requirements file", hint)
    else:
        reader.file(path, named_at)
    return tuple(reader.files.values()), reader.mistakes, reader.warnings
