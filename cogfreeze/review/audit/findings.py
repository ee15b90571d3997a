"""What an audit finds in a lock: vulnerabilities, those that are ignored and why, and ignores that do nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cogfreeze.review.audit import records
from cogfreeze.review.audit.records import LEVELS, PYPI, Match, Query
from cogfreeze.review.packages import APT, FILE, INTERPRETER, packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from cogfreeze.lock.model import Lock
    from cogfreeze.project.model import IgnoredAdvisory
    from cogfreeze.review.audit.vex import Statement
    from cogfreeze.review.packages import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A locked package that a finding is about."""

    platform: str
    package: Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One vulnerability of one package's version.

    Attributes:
        places: the locked packages: several binaries of one source package, several platforms.
        ignored: why it is not reported; None where it is.
        note: what else is to be said, such as an ignore that has expired.
    """

    query: Query
    match: Match
    places: tuple[Place, ...]
    ignored: str | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """The name that most people know it by: a CVE where there is one."""
        cves = sorted(name for name in self.match.names if name.startswith("CVE-"))
        return cves[0] if cves and not self.match.id.startswith("MAL-") else self.match.id

    @property
    def rank(self) -> int:
        return LEVELS.index(self.match.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A package's status at its index: `archived`, `deprecated`, `quarantined` or `yanked`."""

    status: str
    place: Place
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The outcome.

    Attributes:
        findings: the worst first.
        ignored: those that somebody gave a reason for.
        unimportant: how many Debian itself calls unimportant, which are left out.
        stale: ignores that matched nothing.
        unknown: packages that OSV has no ecosystem for, with the reason.
        checked: how many packages were looked up.
    """

    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    unimportant: int = 0
    stale: tuple[IgnoredAdvisory, ...] = ()
    unknown: tuple[tuple[Place, str], ...] = ()
    checked: int = 0

    def at_least(self, level: str) -> bool:
        """Say whether anything is as severe as `level`; `any` counts what is unknown too, `never` nothing."""
        if level == "never":
            return False
        if any(each.status == "quarantined" for each in self.notices):
            return True
        least = 0 if level == "any" else LEVELS.index(level)
        return any(each.rank >= least for each in self.findings)


def queries(lock: Lock) -> tuple[dict[Query, tuple[Place, ...]], tuple[tuple[Place, str], ...]]:
    """Return what to look up, with the packages it stands for; and the packages that can't be looked up."""
    found: dict[Query, list[Place]] = {}
    unknown: list[tuple[Place, str]] = []
    for platform in lock.platforms:
        ecosystem = records.ecosystem_of(platform.base.distribution)
        for package in packages(platform):
            place = Place(platform=platform.platform, package=package)
            if package.kind in (INTERPRETER, FILE):
                continue
            if package.kind == APT and ecosystem is None:
                unknown.append((place, f"OSV has no release `{platform.base.distribution}`"))
            elif package.kind == APT:
                name, version = package.source or package.name, package.source_version or package.version
                found.setdefault(Query(ecosystem=str(ecosystem), name=name, version=version), []).append(place)
            elif package.origin == "local" or package.form == "local":
                unknown.append((place, "it is the project's own"))
            else:
                # `2.9.0+cu128` is a build of 2.9.0.
                version = package.version.partition("+")[0]
                found.setdefault(Query(ecosystem=PYPI, name=package.name, version=version), []).append(place)
    return {query: tuple(places) for query, places in found.items()}, tuple(unknown)


def audit(
    lock: Lock,
    found: Mapping[Query, tuple[Mapping[str, Any], ...]],
    *,
    ignores: Iterable[IgnoredAdvisory] = (),
    statements: Iterable[Statement] = (),
    notices: Iterable[Notice] = (),
    today: date,
) -> Audit:
    """Return what the records say of a lock.

    Args:
        found: the records of each query of `queries(lock)`; more than apply is fine.
        ignores: of cog.yaml.
        statements: of VEX documents.
        today: decides whether an ignore has expired.
    """
    wanted, unknown = queries(lock)
    every = tuple(ignores)
    said = tuple(statements)
    used: set[IgnoredAdvisory] = set()
    reported: list[Finding] = []
    ignored: list[Finding] = []
    unimportant = 0
    for query, places in wanted.items():
        for match in _matches(found.get(query, ()), query):
            if match.unimportant:
                unimportant += 1
                continue
            finding = _decided(Finding(query=query, match=match, places=places), every, said, used, today)
            (reported if finding.ignored is None else ignored).append(finding)
    return Audit(
        findings=tuple(sorted(reported, key=_order)),
        ignored=tuple(sorted(ignored, key=_order)),
        notices=tuple(notices),
        unimportant=unimportant,
        stale=tuple(each for each in every if each not in used),
        unknown=unknown,
        checked=len(wanted),
    )


def _order(finding: Finding) -> tuple[int, float, str, str]:
    return -finding.rank, -(finding.match.score or 0), finding.query.name, finding.title


def _matches(found: Iterable[Mapping[str, Any]], query: Query) -> Iterator[Match]:
    """Return the records that apply, those of one vulnerability joined into one."""
    pairs = [(record, match) for record in found if (match := records.match(record, query))]
    single = {name for _, match in pairs for name in match.names}
    joined: list[Match] = []
    for record, match in sorted(pairs, key=lambda pair: pair[1].id):
        cves = records.upstream(record)
        # An advisory of a distribution about several CVEs, each of which has a record of its own here.
        if match.id.startswith(("DSA-", "DLA-", "USN-")) and cves and cves <= single - {match.id}:
            continue
        same = next((each for each in joined if each.names & match.names), None)
        if same is None:
            joined.append(match)
        else:
            joined[joined.index(same)] = _joined(same, match)
    yield from joined


def _joined(one: Match, other: Match) -> Match:
    worst = max(one, other, key=lambda each: (LEVELS.index(each.severity), each.score or 0))
    return replace(
        one,
        aliases=tuple(sorted((one.names | other.names) - {one.id})),
        summary=one.summary or other.summary,
        severity=worst.severity,
        score=worst.score,
        fixed=one.fixed or other.fixed,
        unimportant=one.unimportant and other.unimportant,
    )


def _decided(
    finding: Finding,
    ignores: Iterable[IgnoredAdvisory],
    statements: Iterable[Statement],
    used: set[IgnoredAdvisory],
    today: date,
) -> Finding:
    names = {finding.query.name, *(place.package.name for place in finding.places)}
    for each in ignores:
        same = each.package is None or each.package in names or records.normalised(each.package) in names
        if each.id not in finding.match.names or not same:
            continue
        used.add(each)
        if each.until and today.isoformat() > each.until:
            finding = replace(finding, note=f"its entry in cog.yaml ended on {each.until}")
        elif each.until_fixed and finding.match.fixed:
            finding = replace(finding, note="its entry in cog.yaml ended, since a fixed version is known")
        else:
            return replace(finding, ignored=each.reason, note="")
    for statement in statements:
        versions = {finding.query.version, *(place.package.version for place in finding.places)}
        about = not statement.packages or any(
            name in names and (version is None or version in versions) for name, version in statement.packages
        )
        if statement.ids & finding.match.names and about:
            return replace(finding, ignored=f"{statement.file}: {statement.reason}")
    return finding
