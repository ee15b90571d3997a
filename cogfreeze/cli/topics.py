"""`cog help`: the overview, and what is not a verb's own: cog.yaml, settings, error codes."""

from __future__ import annotations

import re
import textwrap
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WIDTH = 80
TOPICS = {
    "cog.yaml": "every key of cog.yaml",
    "settings": "environment variables and settings files",
    "errors": "error codes and exit statuses",
}


def overview(program: str, verbs: Mapping[str, str], groups: Mapping[str, Iterable[str]]) -> str:
    """Return what `cog --help` prints."""
    width = max(map(len, [*verbs, *TOPICS]))
    lines = [
        f"usage: {program} [global options] COMMAND ...",
        "",
        "Package a machine-learning model into a container image that is the same, byte",
        "for byte, wherever it is built.",
    ]
    grouped = {name for names in groups.values() for name in names}
    others = [name for name in verbs if name not in grouped]
    for title, names in {**groups, "More": others}.items():
        if known := [name for name in names if name in verbs]:
            lines += ["", f"{title}:", *(f"  {name:<{width}}  {verbs[name]}" for name in known)]
    lines += ["", f"Topics (`{program} help TOPIC`):"]
    lines += [f"  {name:<{width}}  {what}" for name, what in TOPICS.items()]
    lines += [
        "",
        "Global options, before or after the command:",
        "  -C DIR         run as if started in DIR",
        "  -q, --quiet    print only results, warnings and errors",
        "  -v, --verbose  print more: requests, commands' output",
        "  --offline      use only cached files; never the network",
        "  -V, --version  print the version",
        "",
        "Start a project:",
        f"  {program} init && {program} lock && {program} predict --local -i name=you",
        "",
        f"`{program} help COMMAND` explains a command, with examples.",
    ]
    return "\n".join(lines) + "\n"


def topic(name: str, verbs: Iterable[str]) -> str:
    """Return the text of a topic, or of an error code.

    Raises:
        UsageError: there is none of this name.
    """
    made = {"cog.yaml": _cog_yaml, "settings": _settings, "errors": _errors}
    if name.lower() in made:
        return "\n".join(made[name.lower()]()) + "\n"
    if re.fullmatch(r"CF\d{3}", name.upper()):
        return "\n".join(_errors(name.upper())) + "\n"
    near = get_close_matches(name, [*verbs, *TOPICS], n=1)
    hint = f"did you mean `{near[0]}`?" if near else "the topics are " + ", ".join(f"`{each}`" for each in TOPICS)
    raise UsageError(f"there is no command or topic `{name}`", hint=hint)


def _entry(head: str, *paragraphs: str) -> Iterator[str]:
    yield head
    for text in paragraphs:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
        yield from textwrap.wrap(plain, WIDTH, initial_indent="    ", subsequent_indent="    ")
    yield ""


def _cog_yaml() -> Iterator[str]:
    from cogfreeze.project import reference

    yield "The keys of cog.yaml. `cog config` prints the file with every default."
    yield ""
    for section in reference.RECORDS:
        for row in reference.rows(section):
            path = row.path if "." not in section else f"{section}[].{row.path}"
            yield from _entry(
                path,
                row.meaning,
                f"{row.kind[:1].upper()}{row.kind[1:]}; default: {row.default}."
                if row.default != "required"
                else f"{row.kind[:1].upper()}{row.kind[1:]}; required.",
                f"Example: {row.example}",
            )


def _settings() -> Iterator[str]:
    from cogfreeze.settings_file import SETTINGS

    yield "Settings of this machine. They never reach a lock, a Dockerfile or an image."
    yield ""
    for each in SETTINGS:
        file = f" In a settings file: `{each.key}`." if each.key else ""
        yield from _entry(", ".join(each.variables), each.meaning, f"Default: {each.default}.{file}")


def _errors(code: str | None = None) -> Iterator[str]:
    from cogfreeze.errors import ENTRIES

    found = [each for each in ENTRIES if code in (None, each.code)]
    if not found:
        known = ", ".join(each.code for each in ENTRIES)
        raise UsageError(f"there is no error code `{code}`", hint=f"the codes are {known}")
    if code is None:
        yield "Exit status: 0 for success; 1 if something is stale, failed or differs;"
        yield "2 if the input or the arguments are not usable; 130 after Ctrl-C."
        yield ""
    for each in found:
        yield from _entry(f"{each.code} (exit status {each.exit_status})", f"{each.meaning}.", f"{each.fix}.")
