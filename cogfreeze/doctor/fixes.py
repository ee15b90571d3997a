"""The safe fixes of a project's files, as functions from texts to texts; comments and layout stay.

Values are taken from the YAML as it is written, not from a Project: a file that can't be read yet can be fixed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cogfreeze.doctor import edit
from cogfreeze.doctor.edit import CannotEdit
from cogfreeze.doctor.run_lines import missing_packages, rewrite
from cogfreeze.project.foreign import IGNORED
from cogfreeze.project.model import Build, InputFile, RunCommand
from cogfreeze.project.python import name_of
from cogfreeze.project.system_packages import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cogfreeze.doctor.run_lines import Facts, Rewrite

_RUN = ("build", "run")
_SYSTEM = ("build", "system_packages")
_PYTHON = ("build", "python_packages")
_REQUIREMENTS = ("build", "python_requirements")
# Where people write environment variables, and Cog has no such key.
_ENVIRONMENTS = (("build", "env"), ("build", "environment"), ("build", "environment_variables"), ("env",))
_OLD_KEYS = tuple(tuple(key.split(".")) for key, why in IGNORED.items() if why == "Cog has removed it")


@dataclass(slots=True)
class Texts:
    """The files of a project that fixes may change.

    Attributes:
        file: the name of the project file.
        texts: text by name; the project file and the requirements file that it names.
        changes: what was changed, a sentence each.
        notes: what the user should know about the changes.
    """

    file: str
    texts: dict[str, str]
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def yaml(self) -> str:
        return self.texts[self.file]

    @yaml.setter
    def yaml(self, text: str) -> None:
        self.texts[self.file] = text

    def value(self, *path: str | int) -> Any:
        return edit.value_at(self.yaml, path)

    def items(self, *path: str | int) -> list[Any]:
        value = self.value(*path)
        return value if isinstance(value, list) else []


def fix_old_keys(project: Texts) -> None:
    """Remove keys that Cog has removed, and move variables and commands to the keys that they belong to."""
    for path in _OLD_KEYS:
        if project.value(*path) is not None:
            project.yaml = edit.remove_key(project.yaml, path)
            project.changes.append(f"`{'.'.join(path)}` removed: Cog has no such key any more")
    for path in (*_ENVIRONMENTS, ("environment_variables",)):
        found = project.value(*path)
        variables = [f"{name}={value}" for name, value in found.items()] if isinstance(found, dict) else found
        if isinstance(variables, list) and variables:
            project.yaml = edit.append_items(project.yaml, ("environment",), variables)
            project.yaml = edit.remove_key(project.yaml, path)
            project.changes.append(f"`{'.'.join(path)}` moved to `environment`")
    if commands := project.items("build", "pre_install"):
        project.yaml = edit.append_items(project.yaml, _RUN, commands)
        project.yaml = edit.remove_key(project.yaml, ("build", "pre_install"))
        project.changes.append("`build.pre_install` moved to the end of `build.run`")
    version = project.value("build", "python_version")
    if isinstance(version, float) and str(version) == "3.1":
        project.yaml = edit.replace_value(project.yaml, ("build", "python_version"), "3.10")
        project.changes.append("`build.python_version` is in quotes: YAML reads 3.10 as 3.1")


def fix_system_packages(
    project: Texts, replacements: Mapping[str, str | None], components: Sequence[str] = ()
) -> None:
    """Write one system package per item, by the name that the release has.

    Args:
        replacements: declared text → what to declare instead, None for nothing.
        components: of the archive, to add to `build.apt_components`.
    """
    items = project.items(*_SYSTEM)
    wanted: dict[str, None] = {}
    for index in reversed(range(len(items))):
        words = [word for word in words_of(str(items[index])) if not word.startswith("-")]
        new = [each for each in (replacements.get(word, word) for word in words) if each]
        if new == [items[index]]:
            continue
        others = {*items[:index], *items[index + 1 :]}
        wanted = dict.fromkeys(new[1:]) | wanted
        if new and new[0] not in others:
            project.yaml = edit.replace_value(project.yaml, (*_SYSTEM, index), new[0])
        else:
            project.yaml = edit.remove_item(project.yaml, _SYSTEM, index)
        project.changes.append(f"`{items[index]}` → {', '.join(f'`{each}`' for each in new) or 'removed'}")
    _add_missing(project, _SYSTEM, wanted)
    if components:
        _add_missing(project, ("build", "apt_components"), components)
        project.changes.append(f"`build.apt_components` gets {', '.join(f'`{each}`' for each in components)}")


def fix_run(project: Texts, facts: Facts) -> None:
    """Rewrite the commands of `build.run` so that what they download and install is locked."""
    commands = project.items(*_RUN)
    python: list[str] = []
    system: list[str] = []
    changes: list[str] = []
    for index in reversed(range(len(commands))):
        command = command_of(commands[index])
        if command is None or command.network or project.value("build", "network") is True:
            continue
        found = rewrite(command, facts)
        if not _can_take(project, found):
            project.notes.append(
                f"`{command.command}` stays: `{project.value(*_REQUIREMENTS)}` can't take packages"
            )
            continue
        left = replace(found.command, network=True) if found.command and found.network else found.command
        if left == command:
            continue
        if left is None:
            project.yaml = edit.remove_item(project.yaml, _RUN, index)
        else:
            project.yaml = edit.replace_value(project.yaml, (*_RUN, index), _entry(left, commands[index]))
        python = [*found.python_packages, *python]
        system = [*found.system_packages, *system]
        for file in found.requirements_files:
            if project.value(*_REQUIREMENTS) is None:
                project.yaml = edit.insert_value(project.yaml, _REQUIREMENTS, file)
        changes.append(f"`build.run[{index}]`: `{_shortened(command.command)}` {_summary(found, left)}")
        project.notes += found.notes
    project.changes += reversed(changes)
    _add_missing(project, _SYSTEM, [word for each in system for word in words_of(each)])
    _add_python(project, python)


def fix_missing_programs(project: Texts, present: Collection[str] | None) -> None:
    """Declare the programs that commands call and the image lacks."""
    commands = tuple(filter(None, map(command_of, project.items(*_RUN))))
    declared = tuple(map(str, project.items(*_SYSTEM)))
    build = Build(python_version="3.12", run=commands, system_packages=declared)
    if missing := missing_packages(build, present):
        project.yaml = edit.append_items(project.yaml, _SYSTEM, missing)
        project.changes.append(f"{', '.join(f'`{each}`' for each in missing)} added: commands of `run` call them")


def command_of(item: Any) -> RunCommand | None:
    """Return an item of `build.run` as a command, unchecked; None if it is not one."""
    if isinstance(item, str):
        return RunCommand(command=item.strip())
    if not isinstance(item, dict) or not isinstance(item.get("command"), str):
        return None
    inputs = [each for each in item.get("inputs") or () if isinstance(each, dict)]
    return RunCommand(
        command=item["command"].strip(),
        network=item.get("network") is True,
        inputs=tuple(InputFile(url=str(each.get("url")), target=str(each.get("target"))) for each in inputs),
    )


def entry_of(command: RunCommand) -> Any:
    """Return a command as an item of `build.run`: text, or a mapping if it has more than the command."""
    return _entry(command, {})


def _entry(command: RunCommand, written: Any) -> Any:
    entry: dict[str, Any] = dict(written) if isinstance(written, dict) else {}
    entry["command"] = command.command
    if command.inputs:
        entry["inputs"] = [{"url": each.url, "target": each.target} for each in command.inputs]
    if command.network:
        entry["network"] = True
    return command.command if len(entry) == 1 else entry


def _summary(found: Rewrite, left: RunCommand | None) -> str:
    parts = []
    if found.python_packages or found.requirements_files:
        parts.append("moves to the Python packages")
    if found.system_packages:
        parts.append("moves to the system packages")
    if left is None and not parts:
        parts.append("is not needed")
    if left is not None and left.inputs:
        parts.append("gets its files as locked inputs")
    if left is not None and left.network:
        parts.append("gets the network, so the image is not reproducible")
    return ", ".join(parts) or "is adapted to this image"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


def _can_take(project: Texts, found: Rewrite) -> bool:
    """Return whether the project's Python packages can take what a command installs."""
    named = project.value(*_REQUIREMENTS)
    if found.requirements_files and named is None:
        return not project.items(*_PYTHON) and len(set(found.requirements_files)) == 1
    if any(file != named for file in found.requirements_files):
        return False
    return (
        not found.python_packages or named is None or (str(named) in project.texts and str(named).endswith(".txt"))
    )


def _add_missing(project: Texts, path: tuple[str, ...], values: Collection[str]) -> None:
    there = set(map(str, project.items(*path)))
    project.yaml = edit.append_items(
        project.yaml, path, [each for each in dict.fromkeys(values) if each not in there]
    )


def _add_python(project: Texts, packages: Sequence[str]) -> None:
    """Declare Python packages; one that is declared already is replaced, as the later install would."""
    named = project.value(*_REQUIREMENTS)
    for package in packages:
        name = name_of(package)
        if named is None:
            items = project.items(*_PYTHON)
            index = next((at for at, each in enumerate(items) if name and name_of(str(each)) == name), None)
            if index is None:
                project.yaml = edit.append_items(project.yaml, _PYTHON, [package])
            elif package != package_name(package):
                project.yaml = edit.replace_value(project.yaml, (*_PYTHON, index), package)
        else:
            text = project.texts[named]
            lines = text.splitlines()
            index = next((at for at, each in enumerate(lines) if name and name_of(each.strip()) == name), None)
            if index is None:
                lines.append(package)
            elif package != package_name(package):
                lines[index] = package
            project.texts[named] = "\n".join(lines) + "\n"


def package_name(requirement: str) -> str:
    """Return a requirement's name as it is written."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return found[0] if found else requirement


def fix_all(
    project: Texts,
    facts: Facts,
    replacements: Mapping[str, str | None],
    components: Sequence[str],
    present: Collection[str] | None,
) -> None:
    """Apply every fix that the text allows; one that does not know how to edit it leaves it as it is."""
    every: tuple[Callable[[], None], ...] = (
        lambda: fix_old_keys(project),
        lambda: fix_run(project, facts),
        lambda: fix_system_packages(project, replacements, components),
        lambda: fix_missing_programs(project, present),
    )
    for apply in every:
        before = dict(project.texts)
        try:
            apply()
        except CannotEdit:
            project.texts.update(before)
            project.notes.append(f"`{project.file}` is written in a way that only you can change")
