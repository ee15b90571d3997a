"""The Python requirements of a declaration, each with the place that it stands at.

What a line says is kept exactly; it is read here only to know what must be routed, refused or checked.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from cogfreeze.errors import ProjectError, ProjectErrors
from cogfreeze.grammar import shown
from cogfreeze.project.python import PROVIDED, logical_lines
from cogfreeze.resolve.requirements import line_mistakes
from cogfreeze.resolve.requirements.line import Line
from cogfreeze.resolve.requirements.line_mistakes import HASH
from cogfreeze.resolve.requirements.source_lines import (
    is_below,
    is_project_itself,
    is_source,
    project_dependencies,
    refusal,
    with_name,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cogfreeze.project.model import Build
    from cogfreeze.project.python import RequirementsFile

_HASH_IN_ADDRESS = re.compile(r"[#&]sha256=([0-9a-fA-F]{64})")
_QUOTED = re.compile(r"(?<=\")[^\"]+(?=\")|(?<=')[^']+(?=')")
_PER_LINE_OPTION = re.compile(r"\s--?[A-Za-z]")
# Options of a requirements file that change nothing of what is locked.
_WITHOUT_EFFECT = frozenset(
    {"--prefer-binary", "--only-binary", "--use-feature", "--require-hashes", "--no-cache-dir"}
)
_WITH_VALUE = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-i": "--index-url",
    "-f": "--find-links",
    "-e": "--editable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a requirements file says of where and how to look.

    Attributes:
        default_index: in place of the machine's default index.
        indexes: asked before the default one, in this order.
        find_links: absolute paths and addresses.
        all_hashed: every package of the closure must carry a declared hash.
        from_source: packages whose wheels are not wanted.
    """

    default_index: str | None = None
    indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    prereleases: bool = False
    all_hashed: bool = False
    from_source: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that a declaration says of Python packages."""

    requirements: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    options: Options = field(default_factory=Options)

    def roots(self, markers: Mapping[str, str]) -> tuple[Line, ...]:
        """Return the requirements that hold in that environment."""
        return tuple(line for line in self.requirements if line.applies(markers) and line.name not in PROVIDED)

    def from_source(self, markers: Mapping[str, str]) -> frozenset[str]:
        """Return the packages of which only source is declared: a repository, a folder, an archive."""
        named = (line for line in self.roots(markers) if line.requirement and line.name)
        places = (line.name for line in named if is_source(line.requirement.url or "", named=True))  # type: ignore[union-attr]
        return self.options.from_source | frozenset(name for name in places if name)

    def hashes(self, name: str) -> frozenset[str]:
        """Return the sha256 that the lines about a package allow; empty where none names one."""
        return frozenset(
            digest
            for line in (*self.requirements, *self.constraints)
            if line.name == name
            for digest in line.hashes
        )

    def hashed_without_index(self, names: Collection[str], markers: Mapping[str, str]) -> str | None:
        """Return one of the packages whose declared hashes are of the usual index's files: its version is none of
        a local build (`+cpu`), which only an index of its own has."""
        lines = (line for line in (*self.requirements, *self.constraints) if line.name in names and line.hashes)
        return next((line.name for line in lines if "+" not in line.text and line.applies(markers)), None)

    def where(self, name: str) -> str | None:
        """Return where a package is declared."""
        return next((line.where for line in (*self.requirements, *self.constraints) if line.name == name), None)


def read_declared(build: Build, folder: Path) -> Declared:
    """Read the requirements of a declaration.

    Args:
        folder: the project's, which requirements files lie below.

    Raises:
        ProjectErrors: lines that can't be locked (source that isn't allowed, editable installs), all of them.
    """
    reader = _Reader(folder, build)
    for text in build.python_packages:
        option, value = _option(text)
        if option:
            reader.option(option, value, folder, "build.python_packages")
        else:
            reader.requirement(text, "build.python_packages")
    constraints = _constraint_files(build.python_requirements)
    for file in build.python_requirements:
        reader.file(file, constrains=file.path in constraints)
    if reader.errors:
        raise ProjectErrors(reader.errors)
    return Declared(
        requirements=tuple(reader.requirements),
        constraints=tuple(reader.constraints),
        options=Options(**reader.options),
    )


def lines_of(requirements: Iterable[str], where: str) -> list[Line]:
    """Return requirements that stand in no file of the project's."""
    named = [(text, *_named(text)) for text in requirements]
    return [Line(text=text, where=where, name=name, requirement=requirement) for text, name, requirement in named]


def _constraint_files(files: Sequence[RequirementsFile]) -> set[str]:
    """Return the paths of the files that are reached as constraints alone."""
    required: set[str] = {files[0].path} if files else set()
    constraining: set[str] = set()
    # A file is listed after the one that names it, so one pass sees every namer before what it names.
    for file in files:
        for line in file.lines:
            option, value = _option(line)
            if option in ("--requirement", "--constraint"):
                path = _normal((Path(file.path).parent / value).as_posix())
                constrains = option == "--constraint" or file.path not in required
                (constraining if constrains else required).add(path)
    return constraining - required


def _normal(path: str) -> str:
    import posixpath

    return posixpath.normpath(path)


def _option(line: str) -> tuple[str, str]:
    """Split an option line into the option's long name and its value; ("", "") for a requirement."""
    if not line.startswith("-"):
        return "", ""
    short = next((each for each in _WITH_VALUE if line.startswith(each) and not line.startswith("--")), None)
    if short:
        return _WITH_VALUE[short], _unquoted(line[2:].lstrip("="))
    name, _, value = re.sub(r"^(--[a-z-]+)[=\s]+", r"\1 ", line).partition(" ")
    return name, _unquoted(value)


def _unquoted(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        return value.strip()
    return words[0] if len(words) == 1 else value.strip()


def _named(text: str) -> tuple[str | None, Requirement | None]:
    """Return what a line is about: its normalised name, and the requirement where it is one."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        file = text.partition(" ;")[0].partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]
        try:
            return parse_wheel_filename(file.replace("%2B", "+").replace("%2b", "+"))[0], None
        except InvalidWheelFilename:
            return None, None
    return canonicalize_name(requirement.name), requirement


class _Reader:
    """Gathers lines, options and mistakes."""

    def __init__(self, folder: Path, build: Build) -> None:
        self.folder = folder
        self.sources = build.sources
        self.allowed = frozenset(build.allow_sdist)
        self.requirements: list[Line] = []
        self.constraints: list[Line] = []
        self.errors: list[ProjectError] = []
        self.options: dict[str, Any] = {}

    def permits(self, name: str | None) -> bool:
        """Return whether a package may be built from source."""
        return self.sources == "allow" or (self.sources == "declared" and name in self.allowed)

    def file(self, file: RequirementsFile, *, constrains: bool) -> None:
        places = _Places(self.folder / file.path)
        for text in file.lines:
            where = f"{file.path}{places.suffix(text)}"
            option, value = _option(text)
            if option:
                self.option(option, value, (self.folder / file.path).parent, where)
            else:
                self.requirement(text, where, constrains=constrains)

    def requirement(self, text: str, where: str, *, constrains: bool = False) -> None:
        hashes = tuple(digest.lower() for digest in (*HASH.findall(text), *_HASH_IN_ADDRESS.findall(text)))
        before = len(self.errors)
        self.errors += line_mistakes.lost(text, where)
        # uv would take the hash in an address at its word; it is ours to compare with the file's.
        bare = _HASH_IN_ADDRESS.sub("", HASH.sub("", text))
        bare = bare[: option.start()].rstrip() if (option := _PER_LINE_OPTION.search(bare)) else bare
        name, requirement = _named(bare)
        address = (requirement.url or "") if requirement else bare
        if is_below(address):
            self.errors.append(
                ProjectError(
                    f"`{shown(bare)}` is a part of an archive or folder, which cannot be locked",
                    where=where,
                    hint="name the folder itself, or the repository: `NAME @ git+https://…@REVISION#subdirectory=…`",
                )
            )
        elif not constrains and is_source(address, named=requirement is not None):
            if requirement is not None and is_project_itself(address, self.folder):
                extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
                self.project_itself(f"{address}{extras}", bare, where)
                return
            if requirement is None:
                self.unnamed(bare, bare, where, hashes)
                return
            if not self.permits(name):
                self.errors.append(refusal(bare, where, self.sources, name))
        marker = requirement.marker if requirement else None
        if not constrains and marker is None and len(self.errors) == before:
            self.errors += line_mistakes.missing(address, where, self.folder)
        line = Line(text=bare, where=where, name=name, requirement=requirement, hashes=hashes)
        (self.constraints if constrains else self.requirements).append(line)

    def option(self, option: str, value: str, folder: Path, where: str) -> None:
        many = {"--extra-index-url": "indexes", "--trusted-host": "trusted_hosts"}
        flags = {"--no-index": "no_index", "--pre": "prereleases", "--require-hashes": "all_hashed"}
        if option == "--index-url":
            self.options["default_index"] = value
        elif option in many:
            self._add(many[option], value)
        elif option == "--find-links":
            # As pip has it: beside the file where that exists, else from the project's folder.
            path = next(
                (base / value for base in (folder, self.folder) if line_mistakes.is_there(base / value)), None
            )
            if path is None and "://" not in value and not value.startswith("file:"):
                self.errors += line_mistakes.missing(f"./{value}".replace("././", "./"), where, self.folder)
            self._add("find_links", str(path.resolve()) if path and "://" not in value else value)
        elif option in flags:
            self.options[flags[option]] = True
        elif option == "--editable":
            self.unnamed(value, f"-e {value}", where)
        elif option == "--no-binary":
            self.no_binary(value, where)
        elif option not in _WITHOUT_EFFECT and option not in ("--requirement", "--constraint"):
            self.errors.append(
                ProjectError(
                    f"`{shown(option)}` is not an option that a lock supports",
                    where=where,
                    hint="remove the line",
                )
            )

    def unnamed(self, address: str, written: str, where: str, hashes: tuple[str, ...] = ()) -> None:
        """Take a folder or repository without its name. An image has no use for an editable one.

        Where nothing here tells the name, its metadata will: the line is kept as it is.
        """
        if is_project_itself(address, self.folder):
            self.project_itself(address, written, where)
            return
        text = with_name(address, self.folder)
        name, requirement = _named(text) if text else (None, None)
        if not self.permits(name):
            self.errors.append(refusal(written, where, self.sources, name))
            return
        self.errors += line_mistakes.missing(address, where, self.folder)
        line = Line(text=text or address, where=where, name=name, requirement=requirement, hashes=hashes)
        self.requirements.append(line)

    def project_itself(self, address: str, written: str, where: str) -> None:
        """Take what the project itself depends on. Its code is the image's code, so no package is made of it."""
        found = project_dependencies(address, self.folder)
        if isinstance(found, str):
            hint = (
                "list them under `dependencies` in `[project]`, or in the requirements file in place of this line"
            )
            self.errors.append(
                ProjectError(f"`{shown(written)}` is the project itself: {found}", where=where, hint=hint)
            )
            return
        for text in found:
            self.requirement(text, "pyproject.toml")

    def no_binary(self, value: str, where: str) -> None:
        names = {canonicalize_name(each) for each in value.split(",")}
        if ":all:" not in value and all(map(self.permits, names)):
            self.options["from_source"] = self.options.get("from_source", frozenset()) | names
            return
        self.errors.append(
            ProjectError(
                f"`--no-binary {shown(value)}` asks for a build from source, which is not allowed",
                where=where,
                hint="remove the line, or name each package that is to be built"
                if self.sources == "allow"
                else "remove the line, or allow it: `build.sources: allow`",
            )
        )

    def _add(self, name: str, value: str) -> None:
        before = self.options.get(name, ())
        self.options[name] = before if value in before else (*before, value)


class _Places:
    """Finds the line numbers of a file's logical lines."""

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            text = ""
        self._numbers: dict[str, list[int]] = {}
        # In TOML a requirement is a string of an array.
        quoted = (
            (number, found) for number, line in enumerate(text.splitlines(), 1) for found in _QUOTED.findall(line)
        )
        for number, line in quoted if path.suffix == ".toml" else logical_lines(text):
            self._numbers.setdefault(line, []).append(number)

    def suffix(self, logical: str) -> str:
        """Return `:LINE`, or nothing where the line isn't found. Equal lines are found one after another."""
        numbers = self._numbers.get(logical)
        return f":{numbers.pop(0)}" if numbers else ""
