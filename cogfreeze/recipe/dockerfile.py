"""A Recipe as Dockerfile text: pure, the same text every time, and made to be read by whoever reviews it.

Every value passes its grammar once more here, whatever the readers did: what a grammar refuses is refused, and
nothing reaches the text by any other way than these functions.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.errors import ProjectError
from cogfreeze.recipe.model import Add, Bind, Copy, Run, Secret, Setting, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.recipe.model import Mount, Recipe, Stage, Step

WIDTH = 110
# The frontend refuses a line of 64 KiB; it joins lines that end in a backslash before it reads them.
_LONGEST_LINE = 60_000
# Where a line may be cut: between letters or digits, so that no escape is split and no line begins as a comment.
_CUT = re.compile(r"(?<=\w)(?=\w)")
_END = "EOF"

_STAGE = grammar.Grammar("a stage's name", "lowercase letters, digits, `.`, `_`, `-`", r"[a-z][a-z0-9._-]*")
_PATH = grammar.Grammar(
    "a path",
    "letters, digits, `.`, `_`, `+`, `-`",
    r"/|/?[A-Za-z0-9._+][A-Za-z0-9._+-]*(?:/[A-Za-z0-9._+-]+)*/?",
    longest=1024,
)
_LABEL = grammar.Grammar("a label's name", "lowercase letters, digits, `.`, `_`, `-`", r"[a-z][a-z0-9._-]*")
_LABEL_VALUE = grammar.Text("a label's value", "one printable line", r".*", longest=4_000_000)
_WORD = grammar.Grammar("a word", "letters, digits, `.`, `_`, `:`, `/`, `-`", r"[A-Za-z0-9._:/-]+", longest=1024)
_COMMENT = grammar.Text("a comment", "one printable line", r".*", longest=1_000_000)
# Ours, but for words that passed a grammar; no line may end the heredoc or hide another.
_SCRIPT_LINE = grammar.Text("a line of a script", "printable", rf"(?!{_END}$).*", longest=1_000_000)


def render(recipe: Recipe) -> str:
    """Return the Dockerfile's text.

    Raises:
        ProjectError: a value is none that a Dockerfile can safely hold.
    """
    try:
        return "\n".join(_lines(recipe)) + "\n"
    except grammar.Refused as refused:
        raise ProjectError(refused.message, where="Dockerfile", hint=refused.allowed) from None


def _lines(recipe: Recipe) -> Iterator[str]:
    if recipe.frontend:
        yield f"# syntax={grammar.IMAGE_REFERENCE.check(recipe.frontend)}"
        yield ""
    yield from _comment("Made by cogfreeze from a project and its cog.lock. `cog build` builds it; by hand, here:")
    yield "#"
    yield f"#     docker buildx build --platform {grammar.PLATFORM.check(recipe.platform)} --provenance=false \\"
    yield f"#         --build-arg SOURCE_DATE_EPOCH={recipe.epoch} \\"
    yield "#         --output type=image,name=NAME,oci-mediatypes=true ."
    yield "#"
    network = (
        "No other command has a network."
        if recipe.reproducible
        else "NOT REPRODUCIBLE: a command of the project's may use the network."
    )
    yield from _comment(f"The stages that download check every file's SHA-256. {network}")
    for stage in recipe.stages:
        yield ""
        yield ""
        yield from _stage(stage)


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(_COMMENT.check(text), WIDTH - 2, break_on_hyphens=False):
        yield f"# {line}"


def _stage(stage: Stage) -> Iterator[str]:
    if stage.comment:
        yield from _comment(stage.comment)
    yield f"FROM {grammar.IMAGE_REFERENCE.check(stage.base)} AS {_STAGE.check(stage.name)}"
    for step in stage.steps:
        yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    if isinstance(step, Setting):
        yield from _setting(step)
        return
    if isinstance(step, Add):
        yield _add(step)
        return
    if step.comment:
        yield ""
        yield from _comment(step.comment)
    if isinstance(step, Copy):
        yield _copy(step)
    else:
        yield from _run(step)


def _copy(step: Copy) -> str:
    link = "--link " if step.link else ""
    stage = f"--from={_STAGE.check(step.source_stage)} " if step.source_stage else ""
    return f"COPY {link}{stage}{_PATH.check(step.source)} {_PATH.check(step.target)}"


def _add(step: Add) -> str:
    checksum = f"sha256:{grammar.SHA256.check(step.sha256)}"
    return f"ADD --checksum={checksum} {grammar.URL.check(step.url)} {_PATH.check(step.target)}"


def _run(step: Run) -> Iterator[str]:
    flags = [] if step.network else ["--network=none"]
    flags += [f"--mount={_mount(mount)}" for mount in step.mounts]
    yield " \\\n    ".join([f"RUN {flags[0]}" if flags else "RUN", *flags[1:]]) + f" <<'{_END}'"
    yield "set -eu"
    for line in step.script:
        yield _SCRIPT_LINE.check(line)
    yield _END


def _mount(mount: Mount) -> str:
    if isinstance(mount, Tmpfs):
        return f"type=tmpfs,target={grammar.CONTAINER_PATH.check(mount.target)}"
    if isinstance(mount, Secret):
        required = ",required=true" if mount.required else ""
        name = grammar.SECRET_ID.check(mount.id)
        return f"type=secret,id={name},target={grammar.CONTAINER_PATH.check(mount.target)}{required}"
    return _bind(mount)


def _bind(mount: Bind) -> str:
    stage = f"from={_STAGE.check(mount.source_stage)}," if mount.source_stage else ""
    target = grammar.CONTAINER_PATH.check(mount.target)
    return f"type=bind,{stage}source={_PATH.check(mount.source)},target={target}"


def _setting(step: Setting) -> Iterator[str]:
    value = step.value
    if step.instruction == "ARG":
        for name, default in _pairs(value):
            yield f"ARG {grammar.ENVIRONMENT_NAME.check(name)}={grammar.URL.check(default)}"
    elif step.instruction == "ENV":
        for name, text in _pairs(value):
            yield _assignment("ENV", grammar.ENVIRONMENT_NAME.check(name), grammar.ENVIRONMENT_VALUE.check(text))
    elif step.instruction == "LABEL":
        for name, text in _pairs(value):
            yield _assignment("LABEL", _LABEL.check(name), _LABEL_VALUE.check(text))
    elif step.instruction in ("ENTRYPOINT", "CMD"):
        words = [_WORD.check(word) for word in value if isinstance(word, str)]
        yield f"{step.instruction} {json.dumps(words)}"
    elif step.instruction in ("WORKDIR", "USER", "EXPOSE") and isinstance(value, str):
        yield f"{step.instruction} {_WORD.check(value)}"
    else:
        raise ValueError(f"no such instruction: {step!r}")


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    assert isinstance(value, tuple)  # noqa: S101  # the records' types say so; mypy cannot narrow the union
    return value


def _assignment(instruction: str, name: str, value: str) -> str:
    """`ENV name="value"`, where the three characters that mean something between double quotes are escaped."""
    quoted = re.sub(r'[\\"$]', r"\\\g<0>", value)
    return _wrapped(f'{instruction} {name}="{quoted}"')


def _wrapped(line: str) -> str:
    """Cut a line that is too long for the frontend into several that it joins again."""
    pieces: list[str] = []
    while len(line.encode()) > _LONGEST_LINE:
        # A quarter leaves room for characters of four bytes.
        cuts = [cut.start() for cut in _CUT.finditer(line, 0, _LONGEST_LINE // 4)]
        if not cuts or cuts[-1] < 2:
            raise grammar.Refused("a value is too long for a Dockerfile", "it must have letters side by side")
        pieces.append(line[: cuts[-1]])
        line = line[cuts[-1] :]
    return "\\\n".join([*pieces, line])
