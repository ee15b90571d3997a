"""Explains why a declared system package cannot be installed, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cogfreeze.catalog.system_packages import old_name
from cogfreeze.errors import ResolveError
from cogfreeze.grammar import APT_PACKAGE
from cogfreeze.lock import debian_version
from cogfreeze.resolve.apt.renames import successor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class UnknownPackages(ResolveError):
    """Declared packages that the archive does not have.

    Attributes:
        replacements: declared text → what to declare instead, None for nothing; only where that is clear.
        components: the components of the archive to add to `build.apt_components`.
    """

    replacements: dict[str, str | None]
    components: tuple[str, ...]


def unknown(declared: Sequence[Declared], index: PackageIndex) -> list[Declared]:
    """Return the declared packages that no package has the name of or provides.

    apt would treat an unknown name as a pattern and install whatever matches it.
    """
    return [each for each in declared if each.name not in index and not _is_virtual(each.name, index)]


def _is_virtual(name: str, index: PackageIndex) -> bool:
    """Return whether a name is one that packages provide; not if several do, but one of them is its successor."""
    providers = index.providers(name)
    return bool(providers) and (len(providers) == 1 or successor(name, index) is None)


def unknown_packages(
    unknown: Sequence[Declared],
    index: PackageIndex,
    others: Mapping[str, PackageIndex],
    distribution: str,
    snapshot: str,
) -> UnknownPackages:
    """Return the error about all unknown packages, with what to write instead of each.

    Args:
        others: the archive's components that are not in use.
    """
    hints = []
    replacements: dict[str, str | None] = {}
    components: dict[str, None] = {}
    for each in unknown:
        component = next((name for name, other in others.items() if each.name in other), None)
        found = successor(each.name, index)
        why = f" ({found.why})" if found and found.why else ""
        if component and old_name(each.name) is None:
            components[component] = None
            hints.append(f"`{each.name}` is in `{component}`: add `apt_components: [{component}]`")
        elif found is None:
            if near := get_close_matches(each.name, index.names(), n=3, cutoff=0.75):
                hints.append(f"for `{each.name}` did you mean {_listed(near, ' or ')}?")
        elif found.name is None:
            replacements[each.text] = None
            hints.append(f"remove `{each.name}`{why}")
        else:
            replacements[each.text] = found.name
            hints.append(f"instead of `{each.name}` write `{found.name}`{why}")
    if replacements or components:
        hints.append("`cog doctor --fix` does this")
    plural = "s" if len(unknown) > 1 else ""
    error = UnknownPackages(
        f"no such package{plural} in {distribution} at {snapshot}: {_listed([each.text for each in unknown])}",
        where=WHERE,
        hint="; ".join(hints).replace("?; ", "? ")
        or "search the distribution's package pages; only its own archives are used",
    )
    error.replacements, error.components = replacements, tuple(components)
    return error


def exact_versions(declared: Sequence[Declared], index: PackageIndex, native: str) -> list[str]:
    """Return the declared packages for apt, each version replaced by the newest one that it matches.

    Args:
        native: the image's architecture.

    Raises:
        ResolveError: nothing matches; all such packages are named.
    """
    packages, missing = [], []
    for each in declared:
        stanzas = index.stanzas(each.name)
        if not each.version or not stanzas:
            packages.append(each.text)
            continue
        architectures = (each.architecture or native, "all")
        versions = [stanza["Version"] for stanza in stanzas if stanza["Architecture"] in architectures]
        fitting = [version for version in versions if debian_version.matches(version, each.version)]
        if fitting:
            packages.append(f"{each.text.partition('=')[0]}={max(fitting, key=debian_version.key)}")
        else:
            missing.append((each, list(dict.fromkeys(versions))))
    if missing:
        raise _no_versions(missing)
    return packages


def explained(error: AptFailed, declared: Sequence[Declared], index: PackageIndex) -> ResolveError:
    """Return apt-get's failure as an error that says what to write instead."""
    by_text = {each.text: each for each in declared} | {each.name: each for each in declared}
    for line in error.errors:
        if found := re.fullmatch(r"Package '(\S+)' has no installation candidate", line):
            return _no_candidate(found[1], index)
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


def _no_versions(missing: Sequence[tuple[Declared, list[str]]]) -> ResolveError:
    message = "; ".join(
        f"`{each.text.partition('=')[0]}` has no version `{each.version}` in the archive at this date"
        for each, _ in missing
    )
    if len(missing) == 1:
        return ResolveError(message, where=WHERE, hint=f"available versions: {_listed(missing[0][1])}")
    available = "; ".join(f"`{each.name}` {_listed(versions)}" for each, versions in missing)
    return ResolveError(message, where=WHERE, hint=f"available versions: {available}")


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
