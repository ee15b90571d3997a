"""The command line's own parser: argparse, with messages and help in the form of everything else here."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 80

# argparse's messages → ours. `{name}` is the option or argument that it names.
_MISSING_VALUE = re.compile(r"argument (?P<name>\S+): expected (?:one|at least one) argument")
_BAD_CHOICE = re.compile(r"argument (?P<name>\S+): invalid choice: (?P<value>.+?) \(choose from (?P<choices>.*)\)")
_BAD_NUMBER = re.compile(r"argument (?P<name>\S+): invalid (?P<kind>int|float) value: '(?P<value>.*)'")
_TOGETHER = re.compile(r"argument (?P<name>\S+): not allowed with argument (?P<other>\S+)")
_REQUIRED = re.compile(r"the following arguments are required: (?P<names>.*)")
_NUMBERS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """The parser of one verb.

    Attributes:
        examples: command lines with a comment each, shown at the end of the help.
        notes: what the help says after the options.
    """

    def __init__(self, prog: str, summary: str) -> None:
        super().__init__(
            prog=prog,
            description=f"{summary[:1].upper()}{summary[1:]}.",
            formatter_class=HelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(*_message(message), hint=_hint(message) or f"see `{self.prog} --help`")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a verb's words.

        Raises:
            UsageError: with the nearest option, where one is unknown.
        """
        found, extra = self.parse_known_args(list(words))
        if extra:
            raise self._unknown(extra[0])
        return found

    def _unknown(self, word: str) -> UsageError:
        if not word.startswith("-") or word == "-":
            return UsageError(f"`{self.prog}` takes no argument `{word}`", hint=f"see `{self.prog} --help`")
        name = word.partition("=")[0]
        near = get_close_matches(name, self._option_string_actions, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"see `{self.prog} --help`"
        return UsageError(f"`{self.prog}` has no option `{name}`", hint=hint)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help for 80 columns; an option's value is shown once, after its last name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=WIDTH)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """The options that every verb takes, also before its name."""
    group = parser.add_argument_group("global options")
    group.add_argument("-C", "--directory", metavar="DIR", help="run as if started in DIR")
    group.add_argument("-q", "--quiet", action="store_true", help="print only results, warnings and errors")
    group.add_argument("-v", "--verbose", action="store_true", help="print more: requests, commands' output")
    group.add_argument("--offline", action="store_true", help="use only cached files; never the network")
    group.add_argument("-h", "--help", action="help", help="show this help")


def split_global_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the global options in front of the verb, and the rest."""
    found: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest[0]
        takes_value = word in ("-C", "--directory")
        if word in ("-q", "--quiet", "-v", "--verbose", "--offline") or word.startswith("--directory="):
            found.append(rest.pop(0))
        elif takes_value and len(rest) > 1:
            found += [rest.pop(0), rest.pop(0)]
        elif takes_value:
            raise UsageError(f"`{word}` needs a value", hint="write `-C DIR`")
        else:
            break
    return found, rest


def port(word: str) -> int:
    """Return a TCP port; the `type` of an option."""
    if not re.fullmatch(r"[0-9]{1,5}", word) or not 1 <= int(word) <= 65535:
        raise argparse.ArgumentTypeError(f"`{word}` is not a port\nuse a number from 1 to 65535")
    return int(word)


def platform(word: str) -> str:
    """Return a platform that can be built; the `type` of an option."""
    from cogfreeze.project.model import MACHINES, PLATFORMS

    if word in PLATFORMS:
        return word
    machine = MACHINES.get(word.rpartition("/")[2].lower())
    near = f"linux/{machine}" if machine else None
    hint = (
        f"did you mean `{near}`?" if near else "the platforms are " + ", ".join(f"`{each}`" for each in PLATFORMS)
    )
    raise argparse.ArgumentTypeError(f"`{word}` is not a platform that can be built\n{hint}")


def _message(message: str) -> tuple[str]:
    """Return one of argparse's messages in our words."""
    if found := _MISSING_VALUE.fullmatch(message):
        return (f"`{_long(found['name'])}` needs a value",)
    if found := _BAD_CHOICE.fullmatch(message):
        return (f"`{_long(found['name'])}` cannot be `{found['value'].strip(chr(39))}`",)
    if found := _BAD_NUMBER.fullmatch(message):
        return (f"`{_long(found['name'])}` must be {_NUMBERS[found['kind']]}, is `{found['value']}`",)
    if found := _TOGETHER.fullmatch(message):
        return (f"`{_long(found['other'])}` and `{_long(found['name'])}` cannot be used together",)
    if found := _REQUIRED.fullmatch(message):
        return (", ".join(f"`{_long(each)}`" for each in found["names"].split(", ")) + " is missing",)
    # A `type` gives the message on the first line and the hint on the second.
    return (re.sub(r"^argument \S+: ", "", message).partition("\n")[0],)


def _hint(message: str) -> str | None:
    if found := _BAD_CHOICE.fullmatch(message):
        choices = [each.strip(" '") for each in found["choices"].split(",")]
        value = found["value"].strip("'")
        near = [each for each in choices if each.startswith(value)] or get_close_matches(value, choices, n=1)
        known = ", ".join(f"`{each}`" for each in choices)
        return f"did you mean `{near[0]}`?" if near else f"choose from {known}"
    if found := _TOGETHER.fullmatch(message):
        return "use one of them"
    return message.partition("\n")[2] or None


def _long(name: str) -> str:
    """Return the last name of `-t/--tag`, which is the long one."""
    return name.rpartition("/")[2] if name.startswith("-") else name


def asked_as_json(words: Sequence[str], found: Any = None) -> bool:
    """Whether errors are to be printed as JSON too: `--json` as a flag, also where the words cannot be parsed."""
    if found is not None:
        return getattr(found, "json", False) is True
    return "--json" in words
