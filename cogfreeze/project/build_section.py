"""The `build` section of cog.yaml: what goes into the image."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.project.model import (
    DEFAULT_PLATFORM,
    Build,
    InputFile,
    RequirementsFile,
    RunCommand,
    SecretMount,
)
from cogfreeze.project.python import PROVIDED, name_of, normalized
from cogfreeze.project.python import check as check_requirement
from cogfreeze.project.python import read as read_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.project.yaml import Section

DEFAULT_PYTHON = "3.13"
OLDEST_PYTHON, NEWEST_PYTHON = 8, 14
PLATFORMS = ("linux/amd64", "linux/arm64")
# What may be silenced: that `cog` is dropped, and the checks of `cog lock`, which `resolve.checks` makes.
CHECKS = ("cog", "cuda", "cuda-twice", "glibc", "requires-python", "same-file")
# Debian has them in every base image, with numbers of their own.
_SYSTEM_USERS = frozenset(
    {"_apt", "backup", "bin", "daemon", "games", "irc", "list", "lp", "mail", "man", "news", "nobody", "proxy"}
    | {"sync", "sys", "uucp", "www-data"}
)


def read(section: Section, folder: Path) -> Build:
    """Read `build`; `folder` is the project's, which holds the requirements files.

    What is wrong is kept in the section's document.
    """
    gpu = section.flag("gpu")
    cuda, cudnn = _cuda(section)
    if not gpu:
        for key, value in (("cuda", cuda), ("cudnn", cudnn)):
            if value is not None:
                section.warn("has no effect without `gpu: true`", key)
    python = _python_version(section)
    allow = section.texts("allow", partial(_check, section))
    listed, files = _python_packages(section, folder, python, silent="cog" in allow)
    network = section.flag("network")
    build = Build(
        python_version=python,
        gpu=gpu,
        cuda=cuda,
        cudnn=cudnn,
        base_image=section.text("base_image", grammar.IMAGE_REFERENCE),
        platforms=section.texts("platforms", partial(_platform, section)) or (DEFAULT_PLATFORM,),
        python_packages=listed,
        python_requirements=files,
        system_packages=section.texts("system_packages", grammar.APT_PACKAGE),
        run=_commands(section, "run") + _pre_install(section),
        network=network,
        allow_sdist=section.texts("allow_sdist", partial(_package_name, section)),
        allow=allow,
        user=_user(section),
    )
    section.ignored("sdk_version", "the image holds the SDK of this cogfreeze, which the lock names")
    for key in ("cog_runtime", "fast", "python_overrides"):
        section.ignored(key, "Cog has removed it")
    return build


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
        hint = f"Python 3.{OLDEST_PYTHON} to 3.{NEWEST_PYTHON} can be had"
        if version == "3.1":
            hint = 'if Python 3.10 is meant, put it in quotes: `python_version: "3.10"`'
        section.mistake(f"is {version}, which is not supported", "python_version", hint=hint)
    return version


def _cuda(section: Section) -> tuple[str | None, str | None]:
    cuda = section.version("cuda", grammar.CUDA_VERSION)
    if cuda is not None and int(cuda.split(".")[0]) < 11:
        section.mistake(
            f"is {cuda}, which is not supported", "cuda", hint="CUDA 11.0 is the oldest that can be had"
        )
    return cuda, section.version("cudnn", grammar.CUDNN_VERSION)


def _platform(section: Section, item: str, index: int) -> str | None:
    if item in PLATFORMS:
        return item
    machine = item.rpartition("/")[2].lower()
    known = {"amd64": "amd64", "x86_64": "amd64", "x64": "amd64", "arm64": "arm64", "aarch64": "arm64"}.get(
        machine
    )
    hint = (
        f"did you mean `linux/{known}`?"
        if known
        else "the platforms are " + ", ".join(f"`{each}`" for each in PLATFORMS)
    )
    section.mistake(
        f"is `{grammar.shown(item)}`, which is not a platform that can be built", "platforms", index, hint=hint
    )
    return None


def _check(section: Section, item: str, index: int) -> str | None:
    if item in CHECKS:
        return item
    near = get_close_matches(item, CHECKS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "the checks are " + ", ".join(f"`{each}`" for each in CHECKS)
    section.mistake(f"is `{grammar.shown(item)}`, which is not a check", "allow", index, hint=hint)
    return None


def _user(section: Section) -> str:
    name = section.text("user", grammar.USER) or "cog"
    if name in _SYSTEM_USERS:
        hint = "take another name, or `root`"
        section.mistake(f"is `{name}`, which the base image has for itself", "user", hint=hint)
    return name


def _package_name(section: Section, item: str, index: int) -> str | None:
    name = section.checked(grammar.PACKAGE_NAME, item, "allow_sdist", index)
    return None if name is None else normalized(name)


def _python_packages(
    section: Section, folder: Path, python: str, *, silent: bool
) -> tuple[tuple[str, ...], tuple[RequirementsFile, ...]]:
    """Read both ways to declare packages; `silent`: a requirement on `cog` is dropped without a word."""
    listed = section.texts("python_packages", partial(_python_package, section, silent))
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
    item = item.strip()
    if name_of(item) in PROVIDED:
        if not silent:
            section.warn(
                f"is dropped: the image provides `{grammar.shown(item)}`; take it out, or `build.allow: [cog]`",
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
    return section.checked(grammar.RUN_COMMAND, text.strip(), *path)


def _command_entry(entry: Section) -> RunCommand | None:
    text = entry.get("command")
    if text is None and not entry.broken:
        entry.mistake("has no `command`", hint="`command: …` says what to run")
    elif text is not None and not isinstance(text, str):
        entry.wrong_type("text", text, "command")
    command = _command(entry, text, "command") if isinstance(text, str) else None
    secrets = [_secret(entry.section("mounts", index)) for index, _ in enumerate(entry.items("mounts", "mounts"))]
    inputs = [_input(entry.section("inputs", index)) for index, _ in enumerate(entry.items("inputs", "files"))]
    network = entry.flag("network")
    entry.finish()
    targets = [each.target for each in [*secrets, *inputs] if each]
    for target in sorted({each for each in targets if targets.count(each) > 1}):
        entry.mistake(f"mounts two things at `{target}`", hint="give each a target of its own")
    if command is None:
        return None
    return RunCommand(
        command=command,
        secrets=tuple(each for each in secrets if each),
        inputs=tuple(each for each in inputs if each),
        network=network,
    )


def _secret(mount: Section) -> SecretMount | None:
    if mount.get("type") != "secret" and not mount.broken:
        mount.mistake(
            "must be of `type: secret`", hint="secrets are the only mounts; files by URL go into `inputs:`"
        )
    name, target = mount.required("id", grammar.SECRET_ID), mount.required("target", grammar.CONTAINER_PATH)
    mount.finish()
    return SecretMount(id=name, target=target) if name and target else None


def _input(file: Section) -> InputFile | None:
    url, target = file.required("url", grammar.URL), file.required("target", grammar.CONTAINER_PATH)
    file.finish()
    return InputFile(url=url, target=target) if url and target else None


def _pre_install(section: Section) -> tuple[RunCommand, ...]:
    commands = _commands(section, "pre_install")
    if section.get("pre_install") is not None:
        section.warn(
            "runs after `run`, as in Cog, which no longer wants it: move its commands there", "pre_install"
        )
    return commands
