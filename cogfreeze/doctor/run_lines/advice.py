"""What to write in place of each command of `build.run` that would fail without a network. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.doctor.run_lines.rewrite import Facts, rewrite
from cogfreeze.project.needs_network import network_program

if TYPE_CHECKING:
    from cogfreeze.project.model import Build, Project, RunCommand

_ALLOW = "or allow the network with `network: true`; then the image is not reproducible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A command that would fail, and what to write.

    Attributes:
        place: its key path: `build.run[2]`.
        command: the command's text.
        program: the program in it that uses the network.
        fix: what to write in its place.
    """

    place: str
    command: str
    program: str
    fix: str


def facts_of(project: Project) -> Facts:
    """Return what a rewriting depends on, from a declaration."""
    lines = (line for file in project.build.python_requirements for line in file.lines)
    return Facts(platforms=project.build.platforms, requirements=(*project.build.python_packages, *lines))


def advice(build: Build, facts: Facts) -> tuple[Advice, ...]:
    """Return what to write for each command that uses the network and may not, in their order."""
    found = []
    for index, command in enumerate(build.run):
        program = network_program(command.command)
        if program is not None and not (build.network or command.network):
            place = f"build.run[{index}]"
            fix = _fix(command, facts)
            found.append(Advice(place=place, command=command.command, program=program, fix=fix))
    return tuple(found)


def _fix(command: RunCommand, facts: Facts) -> str:
    found = rewrite(command, facts)
    parts = []
    for key, values in (
        ("python_packages", found.python_packages),
        ("system_packages", found.system_packages),
        ("python_requirements", found.requirements_files),
    ):
        if values:
            parts.append(f"declare {', '.join(f'`{each}`' for each in values)} in `{key}`")
    if found.network or (found.command is not None and found.command == command):
        return "; ".join((*parts, *found.notes, _ALLOW)).removeprefix("or ")
    if found.command is None:
        return "; ".join((*parts, *found.notes, "remove the command")) + "; `cog doctor --fix` writes this"
    inputs = ", ".join(f"{{url: {each.url}, target: {each.target}}}" for each in found.command.inputs)
    written = f"command: {found.command.command}" + (f", inputs: [{inputs}]" if inputs else "")
    return "; ".join((*parts, f"write `{{{written}}}`", *found.notes)) + "; `cog doctor --fix` writes this"
