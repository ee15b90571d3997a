"""OSV's records (schema 1.7): which versions of which package they are about, how severe, and since when fixed.

Only what is needed is read, and anything in a record may be missing or of the wrong type: it comes from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.lock import debian_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PYPI = "PyPI"
LEVELS = ("unknown", "low", "medium", "high", "critical")
# Words of databases for a severity → ours.
_WORDS = {"moderate": "medium", "important": "high", "negligible": "low", "unimportant": "low"}
_DEBIAN_RELEASES = {"bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A package as OSV knows it.

    Attributes:
        ecosystem: `PyPI`, `Debian:12`, `Ubuntu:22.04:LTS`.
        name: of a Debian package, its source package's.
        version: of a Debian package, its source package's.
    """

    ecosystem: str
    name: str
    version: str

    @property
    def is_python(self) -> bool:
        return self.ecosystem == PYPI


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A record that is about a package's version.

    Attributes:
        id: the record's.
        aliases: its other names, sorted.
        severity: one of `LEVELS`.
        score: the CVSS base score, where the record has a vector.
        fixed: the first fixed version after the package's own; None where none is known.
        unimportant: Debian's own word: no security issue in practice.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str
    score: float | None
    fixed: str | None
    unimportant: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.id, *self.aliases))


def ecosystem_of(distribution: str) -> str | None:
    """Return OSV's name of `debian:bookworm` or `ubuntu:22.04`; None for a release that it doesn't know."""
    name, _, release = distribution.partition(":")
    if name == "debian":
        number = _DEBIAN_RELEASES.get(release)
        return f"Debian:{number}" if number else None
    year, _, month = release.partition(".")
    long_term = year.isdigit() and int(year) % 2 == 0 and month == "04"
    return f"Ubuntu:{release}:LTS" if long_term else f"Ubuntu:{release}"


def match(record: Mapping[str, Any], query: Query) -> Match | None:
    """Return what a record says of a package's version; None where it says nothing of it, or was withdrawn."""
    if not isinstance(record.get("id"), str) or record.get("withdrawn"):
        return None
    about = [each for each in _list(record.get("affected")) if _is_about(each, query)]
    hits = [each for each in about if _affects(each, query)]
    if not hits:
        return None
    urgency = {str(_table(each.get("ecosystem_specific")).get("urgency", "")) for each in hits}
    debian = query.ecosystem.startswith("Debian")
    level, score = _severity(record, hits)
    aliases = {each for each in _list(record.get("aliases")) if isinstance(each, str)}
    # A distribution's record of one CVE names it as what it comes from.
    if record["id"].startswith(("DEBIAN-CVE-", "UBUNTU-CVE-")):
        aliases |= {each for each in _list(record.get("upstream")) if isinstance(each, str)}
    return Match(
        id=record["id"],
        aliases=tuple(sorted(aliases - {record["id"]})),
        summary=_summary(record),
        severity=level,
        score=score,
        fixed=min(_fixed(hits, query), key=_key(query), default=None),
        unimportant=debian and urgency == {"unimportant"},
    )


def upstream(record: Mapping[str, Any]) -> frozenset[str]:
    """Return the CVEs that a distribution's advisory is about."""
    found = (*_list(record.get("upstream")), *_list(record.get("related")), *_list(record.get("aliases")))
    return frozenset(each for each in found if isinstance(each, str) and each.startswith("CVE-"))


def names_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ecosystem and name of each package that a record is about."""
    for each in _list(record.get("affected")):
        package = _table(_table(each).get("package"))
        ecosystem, name = package.get("ecosystem"), package.get("name")
        if isinstance(ecosystem, str) and isinstance(name, str):
            yield ecosystem, normalised(name) if ecosystem == PYPI else name


def normalised(name: str) -> str:
    """Return a Python package's name in its one form."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _is_about(affected: Any, query: Query) -> bool:
    package = _table(_table(affected).get("package"))
    name = package.get("name")
    if package.get("ecosystem") != query.ecosystem or not isinstance(name, str):
        return False
    return (normalised(name) if query.is_python else name) == query.name


def _affects(affected: Mapping[str, Any], query: Query) -> bool:
    ranges = [
        each for each in _list(affected.get("ranges")) if _table(each).get("type") in ("ECOSYSTEM", "SEMVER")
    ]
    key = _key(query)
    # A distribution's list of versions is of binaries that it once had; its ranges are what counts.
    if not ranges or query.is_python:
        versions = [each for each in _list(affected.get("versions")) if isinstance(each, str)]
        if query.version in versions or key(query.version) in map(key, versions):
            return True
    return any(_in_range(_list(each.get("events")), query.version, key) for each in ranges)


def _in_range(events: list[Any], version: str, key: Callable[[str], Any]) -> bool:
    """OSV's algorithm: events in order of version, the last one at or before this version decides."""
    own, inside = key(version), False
    for kind, at in _sorted(events, key):
        if kind == "introduced" and (at == "0" or own >= key(at)):
            inside = True
        elif (kind == "fixed" and own >= key(at)) or (kind == "last_affected" and own > key(at)):
            inside = False
    return inside


def _sorted(events: Iterable[Any], key: Callable[[str], Any]) -> list[tuple[str, str]]:
    found = [(kind, at) for each in events for kind, at in _table(each).items() if isinstance(at, str)]
    zero = [each for each in found if each == ("introduced", "0")]
    rest = [each for each in found if each != ("introduced", "0") and each[0] != "limit"]
    order = {"introduced": 0, "last_affected": 1, "fixed": 2}
    return zero + sorted(rest, key=lambda each: (key(each[1]), order.get(each[0], 3)))


def _fixed(hits: Iterable[Mapping[str, Any]], query: Query) -> Iterator[str]:
    key = _key(query)
    for each in hits:
        for span in _list(each.get("ranges")):
            for kind, at in _sorted(_list(_table(span).get("events")), key):
                if kind == "fixed" and key(at) > key(query.version) and _table(span).get("type") != "GIT":
                    yield at


def _key(query: Query) -> Callable[[str], Any]:
    return _python_key if query.is_python else debian_version.key


def _python_key(version: str) -> tuple[int, Any]:
    from packaging.version import InvalidVersion, Version

    try:
        return 1, Version(version)
    except InvalidVersion:
        return 0, version


def _severity(record: Mapping[str, Any], hits: Iterable[Mapping[str, Any]]) -> tuple[str, float | None]:
    """The database's own word where it has one; else the worst vector's."""
    if str(record.get("id", "")).startswith("MAL-"):
        return "critical", None
    hits = list(hits)
    vectors = [*_list(record.get("severity")), *(each for hit in hits for each in _list(hit.get("severity")))]
    score = max((found for each in vectors if (found := _score(_table(each))) is not None), default=None)
    words = [_table(record.get("database_specific")).get("severity")]
    words += [
        _table(_table(hit).get("ecosystem_specific")).get(key) for hit in hits for key in ("severity", "urgency")
    ]
    words += [_table(each).get("score") for each in vectors if _table(each).get("type") == "Ubuntu"]
    for word in words:
        level = str(word).lower()
        level = _WORDS.get(level, level)
        if level in LEVELS[1:]:
            return level, score
    return (_level(score) if score is not None else "unknown"), score


def _score(severity: Mapping[str, Any]) -> float | None:
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    readers = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
    reader = readers.get(str(severity.get("type")))
    try:
        return float(reader(str(severity.get("score"))).base_score) if reader else None
    except (CVSSError, ValueError, TypeError):
        return None


def _level(score: float) -> str:
    """FIRST's names of the ranges."""
    return "critical" if score >= 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"


def _summary(record: Mapping[str, Any]) -> str:
    text = record.get("summary") or str(record.get("details") or "").strip().partition("\n")[0]
    text = " ".join(str(text).split())
    return text if len(text) <= 160 else text[:159] + "…"


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
