"""Finds the commands of `build.run` that download something, and suggests how to do without the network. Pure.

Commands are split as a shell would, not run: a guess that is good enough to suggest the fix before a build fails.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.grammar import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.project.model import Build, RunCommand

_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
# What stands before a command's name, or makes another word one.
_SEPARATORS = frozenset(
    {"|", "||", "&", "&&", ";", ";;", "(", ")", "|&", "{", "then", "do", "else", "if", "while", "!"}
)
_PREFIXES = frozenset({"sudo", "exec", "time", "env", "command", "nice", "xargs", "nohup"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})

# Programs that fetch, whatever they are told; and those of which some subcommands do.
_FETCHERS = frozenset({"curl", "wget", "aria2c", "axel", "pget", "gdown", "scp", "rsync", "ftp", "gsutil"})
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?")
_PIP = re.compile(r"pip(?:3(?:\.\d+)?)?")
_SUBCOMMANDS = {
    "git": {"clone", "fetch", "pull", "submodule", "lfs"},
    "npm": {"install", "i", "ci", "add"},
    "pnpm": {"install", "i", "add"},
    "yarn": {"install", "add"},
    "cargo": {"install", "fetch"},
    "go": {"install", "get"},
    "gem": {"install"},
    "huggingface-cli": {"download"},
    "hf": {"download"},
    "aws": {"s3"},
    "gcloud": {"storage"},
    "conda": {"install", "create", "update"},
    "mamba": {"install", "create", "update"},
    "micromamba": {"install", "create", "update"},
}
_APT = {"install", "update", "upgrade", "dist-upgrade", "build-dep", "source", "download"}
_PIP_FETCHES = {"install", "download", "wheel"}
# What Python code that fetches is made of.
_CODE = re.compile(
    r"\b(?:urlopen|urlretrieve|requests\.get|httpx\.get|snapshot_download|hf_hub_download|from_pretrained"
    r"|torch\.hub|nltk\.download|spacy\.cli\.download)\b"
)
_ALLOW = "or allow the network with `network: true`; then the image is not reproducible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A command that would fail, and the fix.

    Attributes:
        place: its key path: `build.run[2]`.
        command: the command's text.
        program: what in it fetches.
        fix: what to write in its place.
    """

    place: str
    command: str
    program: str
    fix: str


def fetches(build: Build) -> tuple[Fetch, ...]:
    """Return the commands that fetch and may not, in their order."""
    found = []
    for index, command in enumerate(build.run):
        if build.network or command.network:
            continue
        if (program := next(_programs(command.command), None)) is not None:
            place = f"build.run[{index}]"
            found.append(Fetch(place=place, command=command.command, program=program, fix=_fix(command, program)))
    return tuple(found)


def _fix(command: RunCommand, program: str) -> str:
    if program == "apt":
        return f"list the packages in `system_packages`; {_ALLOW}"
    if program == "pip":
        return f"list the packages in `python_packages` or `python_requirements`; {_ALLOW}"
    known = {file.url for file in command.inputs}
    words = (word for each in _simple_commands(command.command) for word in each)
    urls = [word for word in dict.fromkeys(words) if URL.accepts(word) and word not in known]
    if not urls or program == "git":
        return f"list the files in `inputs:`, which locks them by hash, and read them there; {_ALLOW}"
    inputs = ", ".join(f"{{url: {url}, target: /inputs/{_name(url)}}}" for url in urls)
    return f"lock it by hash with `inputs: [{inputs}]`, and read it there; {_ALLOW}"


def _name(url: str) -> str:
    path = re.sub(r"[?#].*", "", url.split("://", 1)[1])
    return re.sub(r"[^A-Za-z0-9._+-]", "", path.rstrip("/").rpartition("/")[2]) or "file"


def _programs(text: str) -> Iterator[str]:
    """Yield the name of what fetches, for each command of a line of shell."""
    for words in _simple_commands(text):
        name = words[0].rpartition("/")[2]
        rest = words[1:]
        if name in _SHELLS and "-c" in rest[:-1]:
            yield from _programs(rest[rest.index("-c") + 1])
        elif found := _fetcher(name, rest):
            yield found


def _fetcher(name: str, rest: list[str]) -> str | None:
    plain = [word for word in rest if not word.startswith("-")]
    subcommand = plain[0] if plain else ""
    if name in _FETCHERS:
        addresses = [word for word in plain if ":/" in word]
        return None if addresses and all(word.startswith("file:") for word in addresses) else name
    if name in ("apt", "apt-get", "aptitude"):
        return "apt" if subcommand in _APT and not _local(plain[1:]) else None
    if name == "uv" and subcommand == "pip":
        return _fetcher("pip", [word for word in rest if word != "pip"])
    if _PIP.fullmatch(name):
        return "pip" if subcommand in _PIP_FETCHES and "--no-index" not in rest and not _local(plain[1:]) else None
    if _PYTHON.fullmatch(name):
        if rest[:2] == ["-m", "pip"]:
            return _fetcher("pip", rest[2:])
        return name if any(map(_CODE.search, rest)) else None
    return name if subcommand in _SUBCOMMANDS.get(name, ()) else None


def _local(words: list[str]) -> bool:
    """Whether all that is to be installed lies in the container already."""
    return bool(words) and all(word.startswith(("/", "./", "../")) for word in words)


def _simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line, less what stands before its name."""
    # A line ends a command, unless it ends with a backslash.
    text = text.replace("\\\n", " ").replace("\n", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that never closes: the shell will say so
        words = text.split()
    command: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS:
            if command:
                yield command
            command = []
        elif command or not (word in _PREFIXES or _VARIABLE.match(word)):
            command.append(word)
