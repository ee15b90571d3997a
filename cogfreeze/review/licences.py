"""Licences by their SPDX names, and whether they are accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.review.packages import BUILD, FILE, INTERPRETER, packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.lock.model import Lock
    from cogfreeze.review.packages import Package

# What packages have written before SPDX expressions were asked for → SPDX. Vague names ("BSD") stay as they are.
_NAMES = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit license (mit)": "MIT",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd license": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "isc license": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "hpnd": "HPND",
    # Debian's short names, where they differ.
    "expat": "MIT",
    "gpl-1": "GPL-1.0-only",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "zlib": "Zlib",
}
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a licence is accepted; `reason` says why not."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A package's licence.

    Attributes:
        licence: as SPDX has it, else as the package does, else `UNKNOWN`.
        spdx: None for one that has no SPDX name.
    """

    platform: str
    package: Package
    licence: str
    spdx: str | None
    verdict: Verdict


def judged(
    lock: Lock, licences: Mapping[str, str], *, allow: Iterable[str], deny: Iterable[str]
) -> tuple[Judged, ...]:
    """Return the licence of every package in the image, and whether it is accepted.

    Args:
        licences: by sha256.
    """
    allow, deny = tuple(allow), tuple(deny)
    found = []
    for platform in lock.platforms:
        for each in packages(platform):
            if each.kind in (FILE, BUILD):
                continue
            text = "PSF-2.0" if each.kind == INTERPRETER else licences.get(each.sha256, UNKNOWN)
            name = spdx(text)
            verdict = judge(text, allow=allow, deny=deny)
            found.append(
                Judged(platform=platform.platform, package=each, licence=name or text, spdx=name, verdict=verdict)
            )
    return tuple(found)


def spdx(text: str) -> str | None:
    """Return a licence as an SPDX expression; None for one that has no SPDX name.

    >>> spdx("apache 2.0"), spdx("mit OR Apache-2.0"), spdx("BSD License")
    ('Apache-2.0', 'MIT OR Apache-2.0', None)
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    known = _NAMES.get(text.strip().lower())
    try:
        return known or str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        pass
    # Several names of a free text, as classifiers and copyright files have them.
    parts = re.split(r" (AND|OR) ", text)
    if len(parts) == 1:
        return None
    found = [part if part in ("AND", "OR") else spdx(part) for part in parts]
    return None if None in found else " ".join(str(each) for each in found)


def judge(licence: str, *, allow: Iterable[str], deny: Iterable[str]) -> Verdict:
    """Say whether a licence is accepted: of `A OR B` one is enough, of `A AND B` both have to be.

    Args:
        licence: as the package has it, or `UNKNOWN`.
        allow: the only SPDX ids that are accepted; empty for all that aren't denied.
        deny: SPDX ids that are refused.
    """
    allowed, denied = {each.lower() for each in allow}, {each.lower() for each in deny}
    expression = spdx(licence)
    if expression is None:
        # A list of which only some have SPDX names, as Debian's copyright files have it.
        parts = [part.strip() for part in re.split(r"\s(?:AND|OR|and|or)\s|[(),]", licence) if part.strip()]
        refused = [name for part in parts if (name := spdx(part) or part).lower() in denied]
        if refused:
            return Verdict(accepted=False, reason=f"{', '.join(refused)} is denied")
        accepted = not allowed or licence.lower() in allowed
        return Verdict(accepted=accepted, reason="" if accepted else "it has no SPDX name, so nothing allows it")
    from license_expression import get_spdx_licensing

    return _judge(get_spdx_licensing().parse(expression), allowed, denied)


def _judge(expression: Any, allowed: set[str], denied: set[str]) -> Verdict:
    operator = str(getattr(expression, "operator", "")).strip()
    if operator in ("AND", "OR"):
        verdicts = [_judge(each, allowed, denied) for each in expression.args]
        refused = [each for each in verdicts if not each.accepted]
        accepted = not refused if operator == "AND" else len(refused) < len(verdicts)
        return Verdict(
            accepted=accepted, reason="" if accepted else "; ".join(dict.fromkeys(e.reason for e in refused))
        )
    # `GPL-2.0-only WITH Classpath-exception-2.0` can be named with its exception or without.
    names = {str(expression).lower(), str(expression).partition(" WITH ")[0].lower()}
    if names & denied:
        return Verdict(accepted=False, reason=f"{expression} is denied")
    if allowed and not names & allowed:
        return Verdict(accepted=False, reason=f"{expression} is not allowed")
    return Verdict(accepted=True)
