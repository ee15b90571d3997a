"""The `build` section of cog.yaml: what goes into the image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cogfreeze import grammar
from cogfreeze.project import keys
from cogfreeze.project.model import (
    DEFAULT_PYTHON,
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    Build,
    InputFile,
    RunCommand,
    SecretMount,
)
from cogfreeze.project.python import PROVIDED, RequirementsFile, credentials, name_of, split_options
from cogfreeze.project.python import check as check_requirement
from cogfreeze.project.python import read as read_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.project.yaml import Section

_Record = TypeVar("_Record")

# Debian has them in every base image, with numbers of their own.
_SYSTEM_USERS = frozenset(
    {"_apt", "backup", "bin", "daemon", "games", "irc", "list", "lp", "mail", "man", "news", "nobody", "proxy"}
    | {"sync", "sys", "uucp", "www-data"}
)


def read(section: Section, folder: Path) -> Build:
    """Read `build`; `folder` is the project's, which holds the requirements files.

    What is wrong is kept in the section's document.
    """
    found = keys.read(
        Build, section, apart=("python_version", "python_packages", "python_requirements", "run", "user")
    )
    if not found["gpu"]:
        for name in ("cuda", "cudnn"):
            if found[name] is not None:
                section.warn("has no effect without `gpu: true`", name)
    _require_cuda_11(section, found["cuda"])
    python = _python_version(section)
    listed, files = _python_packages(section, folder, python, silent="cog" in found["allow"])
    return Build(
        **found,
        python_version=python,
        python_packages=listed,
        python_requirements=files,
        run=_commands(section, "run") + _pre_install(section),
        user=_user(section),
    )


def _python_version(section: Section) -> str:
    version = section.version("python_version", grammar.PYTHON_VERSION)
    if version is None:
        if section.get("python_version") is None:
            section.document.warn(
                section.path, f"`build.python_version` is not set: Python {DEFAULT_PYTHON} is used"
            )
        return DEFAULT_PYTHON
    minor = int(version.split(".")[1])
    if not OLDEST_PYTHON <= minor <= NEWEST_PYTHON:
        hint = f"supported versions: 3.{OLDEST_PYTHON} to 3.{NEWEST_PYTHON}"
        if version == "3.1":
            hint = 'for Python 3.10, put it in quotes: `python_version: "3.10"`'
        section.mistake(f"is {version}, which is not supported", "python_version", hint=hint)
    return version


def _require_cuda_11(section: Section, cuda: str | None) -> None:
    if cuda is not None and int(cuda.split(".")[0]) < 11:
        section.mistake(f"is {cuda}, which is not supported", "cuda", hint="the oldest supported version is 11.0")


def _user(section: Section) -> str:
    name = section.text("user", grammar.USER) or "cog"
    if name in _SYSTEM_USERS:
        hint = "use another name, or `root`"
        section.mistake(f"is `{name}`, which the base image already has", "user", hint=hint)
    return name


def _python_packages(
    section: Section, folder: Path, python: str, *, silent: bool
) -> tuple[tuple[str, ...], tuple[RequirementsFile, ...]]:
    """Read both ways to declare packages; `silent`: a requirement on `cog` is dropped without a word."""
    entries = section.texts("python_packages", partial(_python_package, section, silent))
    listed = tuple(dict.fromkeys(line for entry in entries for line in entry.split("\n")))
    name = section.get("python_requirements")
    if name is None:
        return listed, ()
    if not isinstance(name, str):
        section.wrong_type(
            "text", name, "python_requirements", hint="it is the name of one file: `requirements.txt`"
        )
        return listed, ()
    if section.get("python_packages"):
        section.mistake(
            "and `build.python_packages` cannot both be set",
            "python_requirements",
            hint=f"move the packages into `{grammar.shown(name)}`",
        )
    path = (*section.path, "python_requirements")
    document = section.document
    files, mistakes, warnings = read_requirements(
        folder, name, named_at=document.where(path), python=python, silent=silent
    )
    document.mistakes += [(document.line(path), each) for each in mistakes]
    document.warnings += [(document.line(path), each) for each in warnings]
    return listed, files


def _python_package(section: Section, silent: bool, item: str, index: int) -> str | None:
    """Return an entry, checked; its options, which Cog lets stand beside the package, on lines of their own."""
    item, options = split_options(item.strip())
    if options:
        leaked = next((problem for each in options if (problem := credentials(each))), None)
        if leaked:
            section.mistake(f": {leaked.message}", "python_packages", index, hint=leaked.hint)
            return None
        listed = ", ".join(f"`{grammar.shown(each)}`" for each in options)
        section.warn(f": {listed} holds for every package, as in a requirements file", "python_packages", index)
        if not item:
            return "\n".join(options)
        checked = _python_package(section, silent, item, index)
        return "\n".join([checked, *options]) if checked else None
    if name_of(item) in PROVIDED:
        if not silent:
            section.warn(
                f"is dropped, because the image provides `{grammar.shown(item)}`; remove it, or set"
                " `build.allow: [cog]`",
                "python_packages",
                index,
            )
        return None
    problem = check_requirement(item)
    if problem is None:
        return item
    if problem.fatal:
        section.mistake(f": {problem.message}", "python_packages", index, hint=problem.hint)
        return None
    section.warn(f": {problem.message}: {problem.hint}", "python_packages", index)
    return item


def _commands(section: Section, key: str) -> tuple[RunCommand, ...]:
    found = []
    for index, item in enumerate(section.items(key, "commands")):
        if isinstance(item, str):
            command = _command(section, item, key, index)
            entry = RunCommand(command=command) if command else None
        elif isinstance(item, dict):
            entry = _command_entry(section.section(key, index))
        else:
            section.wrong_type("a command, or a mapping with `command:`", item, key, index)
            continue
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _command(section: Section, text: str, *path: str | int) -> str | None:
    # A block text (`|`) ends with a line break that nobody means.
    text = text.strip()
    if mounts := grammar.CACHE_MOUNTS.match(text):
        section.warn(f": `{grammar.shown(mounts[0].strip())}` is left out: a build here has no cache", *path)
        text = text[mounts.end() :]
    return section.checked(grammar.RUN_COMMAND, text, *path)


def _command_entry(entry: Section) -> RunCommand | None:
    text = entry.get("command")
    if text is None and not entry.broken:
        entry.mistake("has no `command`", hint="add `command: …`")
    elif text is not None and not isinstance(text, str):
        entry.wrong_type("text", text, "command")
    command = _command(entry, text, "command") if isinstance(text, str) else None
    found = keys.read(RunCommand, entry, apart=("command", "secrets", "inputs"))
    secrets = [_secret(entry.section("mounts", index)) for index, _ in enumerate(entry.items("mounts", "mounts"))]
    inputs = [_input(entry.section("inputs", index)) for index, _ in enumerate(entry.items("inputs", "files"))]
    entry.finish()
    targets = [each.target for each in [*secrets, *inputs] if each]
    for target in sorted({each for each in targets if targets.count(each) > 1}):
        entry.mistake(f"mounts two files at `{target}`", hint="give each its own target")
    if command is None:
        return None
    return RunCommand(
        **found,
        command=command,
        secrets=tuple(each for each in secrets if each),
        inputs=tuple(each for each in inputs if each),
    )


def _secret(mount: Section) -> SecretMount | None:
    if mount.get("type") != "secret" and not mount.broken:
        mount.mistake(
            "must be of `type: secret`", hint="only secrets can be mounted; for files by URL use `inputs:`"
        )
    return _whole(SecretMount, mount)


def _input(file: Section) -> InputFile | None:
    found = keys.read(InputFile, file)
    file.require("target")
    # A value that is wrong has its own mistake; here it counts as given.
    if not file.broken and (file.get("url") is None) == (file.get("path") is None):
        file.mistake("must have either `url` or `path`", hint="add `url: https://…`, or `path:` of a project file")
    file.finish()
    return InputFile(**found) if found["target"] and (found["url"] or found["path"]) else None


def _whole(record: type[_Record], section: Section) -> _Record | None:
    """Read a mapping in which every key is required; None, and the mistakes kept, where one is missing."""
    found = keys.read(record, section)
    for name in found:
        section.require(name)
    section.finish()
    return record(**found) if all(found.values()) else None


def _pre_install(section: Section) -> tuple[RunCommand, ...]:
    commands = _commands(section, "pre_install")
    if section.get("pre_install") is not None:
        section.warn("is deprecated: its commands run after those of `run`; move them there", "pre_install")
    return commands
