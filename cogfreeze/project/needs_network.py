"""Which commands of `build.run` use the network. Pure.

Commands are split as a shell would split them, but not run: a guess, good enough to warn before the build fails.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
# Words after which the next word is a command's name.
_SEPARATORS = frozenset(
    {"|", "||", "&", "&&", ";", ";;", "(", ")", "|&", "{", "then", "do", "else", "if", "while", "!"}
)
_PREFIXES = frozenset({"sudo", "exec", "time", "env", "command", "nice", "xargs", "nohup"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})

# Programs that always use the network, and those that do with some subcommands.
_FETCHERS = frozenset(
    {"curl", "wget", "aria2c", "axel", "pget", "gdown", "scp", "rsync", "ftp", "gsutil", "add-apt-repository"}
)
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
# Functions that download, in Python code.
_CODE = re.compile(
    r"\b(?:urlopen|urlretrieve|requests\.get|httpx\.get|snapshot_download|hf_hub_download|from_pretrained"
    r"|torch\.hub|nltk\.download|spacy\.cli\.download)\b"
)


def network_program(command: str) -> str | None:
    """Return the program of a command that uses the network, such as `curl` or `pip`; None if there is none."""
    return next(_programs(command), None)


def _programs(text: str) -> Iterator[str]:
    """Yield the program that uses the network, for each command of a line of shell that does."""
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
        if rest[:2] == ["-m", "nltk.downloader"] or rest[:3] == ["-m", "spacy", "download"]:
            return rest[1].partition(".")[0]
        return name if any(map(_CODE.search, rest)) else None
    return name if subcommand in _SUBCOMMANDS.get(name, ()) else None


def _local(words: list[str]) -> bool:
    """Return whether everything to install is a file in the container."""
    return bool(words) and all(word.startswith(("/", "./", "../")) for word in words)


def _simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line, without what precedes its name."""
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
