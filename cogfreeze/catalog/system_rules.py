"""What scripts of Debian packages make differently in every build, and the cure, from `system_rules.toml`.

The recipe runs the rules' scripts, `cog lock` warns of packages without a cure, `cog verify` explains differences.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class AtStart:
    """What is left out of the image.

    Attributes:
        what: in words: `SSH host keys`.
        command: a command that creates it when a container starts.
    """

    what: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `system_rules.toml` explains the fields.

    Attributes:
        packages: shell patterns of package names; empty: the rule always applies.
        paths: shell patterns of the files that it is about.
        before, after, rewrite: shell scripts; empty if there is none.
        test: the path of the test that covers it.
    """

    name: str
    cause: str
    cure: str
    test: str
    paths: tuple[str, ...]
    packages: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    rewrite: str = ""
    at_start: AtStart | None = None

    def matches(self, package: str) -> bool:
        """Return whether the rule is about a package."""
        return any(fnmatchcase(package, pattern) for pattern in self.packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncured:
    """Packages whose files differ in every build, without a cure.

    Attributes:
        cause: what differs and why.
        advice: what a user can do.
    """

    packages: tuple[str, ...]
    paths: tuple[str, ...]
    cause: str
    advice: str


def rules_for(packages: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules that apply to an image with these packages, in the table's order."""
    names = tuple(packages)
    return tuple(rule for rule in rules() if not rule.packages or any(map(rule.matches, names)))


def rule_of_path(path: str) -> Rule | None:
    """Return the rule that is about a file, by its absolute path."""
    return next((rule for rule in rules() if _is_about(rule.paths, path)), None)


def uncured_of_path(path: str) -> Uncured | None:
    """Return the known fault without a cure that is about a file, by its absolute path."""
    return next((each for each in uncured() if _is_about(each.paths, path)), None)


def at_start(packages: Iterable[str]) -> tuple[str, ...]:
    """Return what an image with these packages leaves out, one line each: `WHAT (PACKAGES): COMMAND`."""
    names = sorted(set(packages))
    return tuple(
        f"{rule.at_start.what} ({', '.join(filter(rule.matches, names))}): {rule.at_start.command}"
        for rule in rules_for(names)
        if rule.at_start
    )


def uncured_for(packages: Iterable[str]) -> tuple[tuple[str, Uncured], ...]:
    """Return the packages whose files are known to differ in every build, with the reason."""
    return tuple(
        (name, each)
        for name in sorted(set(packages))
        for each in uncured()
        if any(fnmatchcase(name, pattern) for pattern in each.packages)
    )


@cache
def rules() -> tuple[Rule, ...]:
    """Return the whole table."""
    return tuple(
        Rule(
            **{
                **each,
                "paths": tuple(each["paths"]),
                "packages": tuple(each.get("packages", ())),
                "at_start": AtStart(**each["at_start"]) if "at_start" in each else None,
            }
        )
        for each in _table()["rules"]
    )


@cache
def uncured() -> tuple[Uncured, ...]:
    """Return the known faults without a cure."""
    return tuple(
        Uncured(**{**each, "paths": tuple(each["paths"]), "packages": tuple(each["packages"])})
        for each in _table().get("uncured", ())
    )


def _is_about(patterns: tuple[str, ...], path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("system_rules.toml").read_text(encoding="utf-8"))
