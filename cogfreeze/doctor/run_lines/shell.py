"""A command of `build.run` as a chain of simple commands, as far as its shell is plain.

Only quotes, `$(…)` and the operators between commands are understood. A command with control flow, subshells or
here-documents is not split, so nothing in it is rewritten.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPERATORS = ("&&", "||", "|", ";", "\n")
_KEYWORDS = frozenset({"if", "then", "else", "for", "while", "until", "case", "do", "function", "{", "}", "!"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_PREFIXES = frozenset({"sudo", "exec", "time", "command", "nohup"})
_MACHINES = {"linux/amd64": ("x86_64", "amd64"), "linux/arm64": ("aarch64", "arm64")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One simple command, and the operator before it (`""` for the first)."""

    operator: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the command, without assignments and prefixes such as `sudo`; redirections are words."""
        try:
            words = shlex.split(self.text)
        except ValueError:
            return []
        while words and (words[0] in _PREFIXES or _ASSIGNMENT.fullmatch(words[0])):
            words.pop(0)
        return words


def split(text: str) -> list[Segment] | None:
    """Return the simple commands of a line, or None if its shell is not plain."""
    segments: list[Segment] = []
    operator, start, place, quote = "", 0, 0, ""
    text = text.replace("\\\n", " ")
    while place < len(text):
        character = text[place]
        if character == "\\" and quote != "'":
            place += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif text.startswith("$(", place):
            if (end := text.find(")", place)) < 0 or "(" in text[place + 2 : end]:
                return None
            place = end
        elif character in "()`" or text.startswith("<<", place):
            return None
        elif found := next((each for each in _OPERATORS if text.startswith(each, place)), None):
            segments.append(Segment(operator=operator, text=text[start:place].strip()))
            operator, start = found, place + len(found)
            place = start
            continue
        elif character == "&" and text[place - 1 : place] != ">":
            return None
        place += 1
    segments.append(Segment(operator=operator, text=text[start:].strip()))
    segments = [each for each in segments if each.text]
    if quote or any(_KEYWORDS.intersection(each.text.split()[:1]) for each in segments):
        return None
    return segments


def join(segments: Sequence[Segment]) -> str:
    """Return segments as one line."""
    parts: list[str] = []
    for each in segments:
        if parts:
            operator = ";" if each.operator == "\n" else each.operator
            parts.append("; " if operator == ";" else f" {operator} ")
        parts.append(each.text)
    return "".join(parts)


def fill_in_machine(text: str, platforms: Sequence[str]) -> str:
    """Replace `$(uname -m)` and similar by what they print in the image, if that is one thing."""
    for spelling in ("uname -s", "uname"):
        text = text.replace(f"$({spelling} | tr '[:upper:]' '[:lower:]')", "linux")
        text = text.replace(f"$({spelling})", "Linux").replace(f"`{spelling}`", "Linux")
    if len(platforms) == 1 and platforms[0] in _MACHINES:
        machine, architecture = _MACHINES[platforms[0]]
        for spelling in ("uname -m", "uname -p", "arch"):
            text = text.replace(f"$({spelling})", machine).replace(f"`{spelling}`", machine)
        text = text.replace("$(dpkg --print-architecture)", architecture)
    return text


def quoted(word: str) -> str:
    """Return a word for a shell line; `~` and plain variables keep their meaning."""
    if re.fullmatch(r"(?:~/|\$HOME/|\$\{HOME\}/)?[A-Za-z0-9_./+@%:,=-]+", word):
        return word
    return shlex.quote(word)
