"""Reads cog.yaml into a Project.

Every key of Cog's is read, refused or ignored by name; `docs/cog-yaml.md` explains each. Plain functions
rather than pydantic models: its import alone takes most of the 0.3 s that `cog lock --check` may, and each
message here says its own words and line anyway.
"""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.errors import ProjectError
from cogfreeze.project import build_section, foreign, keys, values, yaml
from cogfreeze.project.environment import reserved
from cogfreeze.project.model import IgnoredAdvisory, Project, Review, Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cogfreeze.project.yaml import Section

FILE = "cog.yaml"
# Read in a second at the most; far beyond any declaration.
LARGEST = 128 * 1024


def find(folder: Path, file: str | None = None) -> Path:
    """Return the path of the project's file: in `folder`, or in the nearest folder above it.

    Args:
        file: the file that `-f` names; `cog.yaml` by default.

    Raises:
        ProjectError: there is none.
    """
    name = file or FILE
    for parent in (folder, *folder.resolve().parents):
        path = parent / name
        if path.is_file():
            return path
        if path.is_dir():
            raise ProjectError(f"`{grammar.shown(path.name)}` is a folder, not a file", where=str(parent))
        if not file and (parent / "cog.yml").is_file():
            hint = "rename `cog.yml` to `cog.yaml`, or pass `-f cog.yml`"
            raise ProjectError("there is no `cog.yaml`, only a `cog.yml`", where=str(parent), hint=hint)
    if file:
        hint = "`-f` takes the path of the project's file"
        raise ProjectError(f"there is no `{grammar.shown(file)}` in this folder or above it", hint=hint)
    hint = "run `cog init` to start a project here"
    raise ProjectError("there is no `cog.yaml` in this folder or above it", hint=hint)


def read(path: Path) -> Project:
    """Read and check a declaration and the requirements files that it names; nothing else is opened.

    Raises:
        ProjectErrors: all that is wrong, each with its line.
    """
    document = yaml.parse(_text(path), path.name)
    project = _project(yaml.Section(document, document.value), path)
    document.refuse()
    return replace(project, warnings=tuple(text for _, text in sorted(document.warnings, key=itemgetter(0))))


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise yaml.fatal(path.name, None, "is not a file")
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise yaml.fatal(path.name, None, f"cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise yaml.fatal(path.name, None, f"is larger than {LARGEST // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise yaml.fatal(path.name, line, "is not UTF-8 text", "save the file as UTF-8") from None


def _project(top: Section, path: Path) -> Project:
    build, server, concurrency = top.section("build"), top.section("server"), top.section("concurrency")
    review = top.section("review")
    project = Project(
        file=path.name,
        image=_image(top, path),
        predict=_predictor(top),
        train=_reference(top, "train", "train.py:Trainer"),
        environment=_environment(top),
        concurrency=concurrency.whole_number("max", None, least=1, most=10_000),
        build=build_section.read(build, path.parent),
        server=Server(**keys.read(Server, server)),
        review=_review(review),
    )
    sections = {"": top, "build": build, "server": server, "review": review, "concurrency": concurrency}
    _read_foreign(sections)
    for name, section in sections.items():
        section.finish({each: other.known for each, other in sections.items() if each != name})
    return project


def _review(section: Section) -> Review:
    ignored = []
    for index in range(len(section.items("ignore", "advisories"))):
        entry = section.section("ignore", index)
        found = keys.read(IgnoredAdvisory, entry)
        for needed in ("id", "reason"):
            entry.require(needed)
        if (until := found["until"]) and not values.is_date(until):
            entry.mistake(f"there is no {until}", "until", hint="write the date as `2027-01-31`")
        entry.finish()
        if found["id"] and found["reason"]:
            ignored.append(IgnoredAdvisory(**found))
    return Review(**keys.read(Review, section, apart=("ignore",)), ignore=tuple(ignored))


def _read_foreign(sections: Mapping[str, Section]) -> None:
    """Accept or refuse the keys of Cog's that have no meaning here."""
    for key, why in foreign.IGNORED.items():
        section, _, name = key.rpartition(".")
        sections[section].ignored(name, why)
    for key, hint in foreign.UNSUPPORTED.items():
        section, _, name = key.rpartition(".")
        sections[section].unsupported(name, hint)


def _image(top: Section, path: Path) -> str:
    return top.text("image", grammar.IMAGE_NAME) or values.image_name(path.resolve().parent.name)


def _predictor(top: Section) -> str | None:
    predict = _reference(top, "predict", "predict.py:Predictor")
    if isinstance(top.get("run"), list):
        top.mistake("must be a predictor, is a list", "run", hint="a list of commands belongs in `build.run`")
        return predict
    run = _reference(top, "run", "run.py:Runner")
    if top.get("run") is not None and top.get("predict") is not None:
        top.mistake("and `predict` cannot both be set: they mean the same", "run", hint="keep one of them")
    return predict or run


def _reference(top: Section, key: str, example: str) -> str | None:
    value = top.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        top.wrong_type(f"text of the form `{example}`", value, key)
        return None
    plain = value.removeprefix("./")
    if not grammar.PREDICTOR.accepts(plain):
        hint = "a path below the project's folder, `:`, and the name of a class or function in it"
        top.mistake(f"must be of the form `{example}`, is `{grammar.shown(value)}`", key, hint=hint)
        return None
    return plain


def _environment(top: Section) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    value = top.get("environment")
    if isinstance(value, dict):
        hint = "write each as `- NAME=value`"
        top.wrong_type("a list of strings", value, "environment", hint=hint)
        return ()
    for index, item in enumerate(top.items("environment", "strings")):
        if not isinstance(item, str):
            top.wrong_type("text", item, "environment", index, hint="write it as `NAME=value`, in quotes")
            continue
        name, equals, text = item.partition("=")
        if not equals:
            hint = "write it as `NAME=value`; `NAME=` sets it empty"
            top.mistake("has no `=`", "environment", index, hint=hint)
        elif top.checked(grammar.ENVIRONMENT_NAME, name, "environment", index) is None:
            continue
        elif name in found:
            top.mistake(f"sets `{name}` a second time", "environment", index, hint="keep one of them")
        elif instead := reserved(name):
            top.mistake(f"sets `{name}`, which the image reserves", "environment", index, hint=instead)
        elif top.checked(grammar.ENVIRONMENT_VALUE, text, "environment", index) is not None:
            found[name] = text
    return tuple(found.items())
