"""Explains why a declared system package cannot be installed, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cogfreeze.errors import ResolveError
from cogfreeze.grammar import APT_PACKAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cogfreeze.resolve.apt.package_lists import PackageIndex, Stanza
    from cogfreeze.resolve.apt.solver import AptFailed

WHERE = "build.system_packages"
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One entry of `build.system_packages`, parsed; `architecture` and `version` may be empty."""

    text: str
    name: str
    architecture: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Declared:
        """Take `name`, `name=version`, `name:arch` or `name:arch=version` apart.

        Raises:
            Refused: it is none of these; the project's reader has said so before.
        """
        package, _, version = APT_PACKAGE.check(text).partition("=")
        name, _, architecture = package.partition(":")
        return cls(text=text, name=name, architecture=architecture, version=version)

    def matches(self, stanza: Stanza) -> bool:
        """Return whether a package is the declared one or provides it."""
        if self.architecture not in ("", "all", stanza["Architecture"]):
            return False
        return stanza["Package"] == self.name or self.name in stanza.provides()


def refuse_unknown(declared: Sequence[Declared], index: PackageIndex, distribution: str, snapshot: str) -> None:
    """Refuse, all at once, the names that no package has or provides.

    apt would treat such a name as a pattern and install whatever matches it.

    Raises:
        ResolveError: naming each of them with similar names.
    """
    unknown = [each for each in declared if each.name not in index and not index.providers(each.name)]
    if not unknown:
        return
    hints = []
    names = index.names()
    for each in unknown:
        near = get_close_matches(each.name, names, n=3, cutoff=0.75)
        if near:
            hints.append(f"for `{each.name}` did you mean {_listed(near, ' or ')}?")
    plural = "s" if len(unknown) > 1 else ""
    raise ResolveError(
        f"no such package{plural} in {distribution} at {snapshot}: {_listed([each.text for each in unknown])}",
        where=WHERE,
        hint=" ".join(hints) or "search the distribution's package pages; only its own archives are used",
    )


def explained(error: AptFailed, declared: Sequence[Declared], index: PackageIndex) -> ResolveError:
    """Return apt-get's failure as an error that says what to write instead."""
    by_text = {each.text: each for each in declared} | {each.name: each for each in declared}
    for line in error.errors:
        if found := re.fullmatch(r"Package '(\S+)' has no installation candidate", line):
            return _no_candidate(found[1], index)
        if found := re.fullmatch(r"Version '(\S+)' for '(\S+)' was not found", line):
            return _no_version(found[1], found[2], index)
        if found := re.fullmatch(r"Unable to locate package (\S+)", line):
            each = by_text.get(found[1])
            if each and each.architecture:
                available = sorted({stanza["Architecture"] for stanza in index.stanzas(each.name)})
                return ResolveError(
                    f"`{each.name}` has no build for the architecture `{each.architecture}`",
                    where=WHERE,
                    hint=f"available architectures: {_listed(available)}",
                )
        if "remove is disabled" in line:
            return ResolveError(
                f"installing {_listed([each.text for each in declared])} would remove packages of the base image"
                f"{_paragraph(error.said, 'REMOVED')}",
                where=WHERE,
                hint="choose another package, or a base image that has it",
            )
        if "downgraded" in line:
            return ResolveError(
                f"installing {_listed([each.text for each in declared])} would downgrade packages of the base"
                f" image{_paragraph(error.said, 'DOWNGRADED')}",
                where=WHERE,
                hint="ask for the base image's version or a newer one, or choose an older base image",
            )
    if unmet := _paragraph(error.said, "unmet dependencies"):
        return ResolveError(
            f"the system packages conflict on this base image{unmet}",
            where=WHERE,
            hint="relax or remove a pinned version; the explanation is apt-get's own",
        )
    return ResolveError(
        f"apt-get cannot install {_listed([each.text for each in declared])}: {error.message}", where=WHERE
    )


def _no_candidate(name: str, index: PackageIndex) -> ResolveError:
    bare = name.partition(":")[0]
    if providers := index.providers(bare):
        return ResolveError(
            f"`{name}` is a virtual package that more than one package provides",
            where=WHERE,
            hint=f"name one of them: {_listed(providers)}",
        )
    return ResolveError(f"`{name}` is mentioned in the archive, but no package provides it", where=WHERE)


def _no_version(version: str, name: str, index: PackageIndex) -> ResolveError:
    versions = dict.fromkeys(stanza["Version"] for stanza in index.stanzas(name.partition(":")[0]))
    return ResolveError(
        f"`{name}` has no version `{version}` in the archive at this date",
        where=WHERE,
        hint=f"available versions: {_listed(list(versions))}",
    )


def _paragraph(said: str, title: str) -> str:
    """Return the indented lines after a title of apt-get's output, as `: …`; empty if there is no such title."""
    lines = iter(said.splitlines())
    for line in lines:
        if title in line:
            found = []
            for following in lines:
                if not following.startswith(" "):
                    break
                found.append(" ".join(following.split()))
            return ": " + "; ".join(found[:_SHOWN]) if found else ""
    return ""


def _listed(names: Sequence[str], between: str = ", ") -> str:
    shown = between.join(f"`{name}`" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
