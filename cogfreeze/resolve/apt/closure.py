"""The apt closure: what `apt-get install` would put onto a base image, at a date, each .deb by hash.

apt decides, using lists whose signatures were checked (`archive`); every .deb that it names is then looked up in
those lists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cogfreeze.catalog.distributions import COMPONENTS
from cogfreeze.errors import IntegrityError
from cogfreeze.lock import debian_version
from cogfreeze.lock.model import Apt, Deb
from cogfreeze.report import Silent
from cogfreeze.resolve.apt import archive, refusals, solver
from cogfreeze.resolve.apt.archive import addresses_of
from cogfreeze.resolve.apt.package_lists import PackageIndex, Stanza, dependencies, fields, relations
from cogfreeze.resolve.apt.refusals import Declared
from cogfreeze.resolve.fetch import Artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cogfreeze.lock.model import BaseImage
    from cogfreeze.report import Report
    from cogfreeze.resolve.apt.archive import Release
    from cogfreeze.settings import Settings

_ARCHITECTURES = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
_SHOWN = 5
# The fields by which packages exclude and replace each other.
_RELATIONS = ("Multi-Arch", "Essential", "Priority", "Breaks", "Conflicts", "Replaces", "Provides")
# Fields of a package list about the .deb file, which dpkg's status does not have.
_OF_THE_FILE = frozenset({"Filename", "Size", "MD5sum", "SHA1", "SHA256", "Description-md5", "Tag"})


def deb_artifacts(apt: Apt, settings: Settings) -> list[Artifact]:
    """Return the closure's files for `download.fetch_all`, from the mirror if one is named."""
    return [
        Artifact(
            urls=addresses_of(deb.archive, apt.snapshot, deb.path, settings),
            sha256=deb.sha256,
            size=deb.size,
            name=deb.path.rpartition("/")[2],
        )
        for deb in apt.packages
    ]


def resolve_apt(
    packages: Sequence[str],
    *,
    components: Sequence[str] = (),
    base: BaseImage,
    status: str,
    platform: str,
    snapshot: str,
    settings: Settings,
    report: Report,
    previous: Apt | None = None,
) -> Apt:
    """Return the closure of the declared packages on a base.

    Args:
        packages: as declared: `name`, `name=version`, `name:arch`, `name:arch=version`; a version may have `*`.
        components: the archive's components to use besides the default ones.
        status: the base's dpkg status, as `image.resolve` gave it.
        platform: `linux/amd64`.
        snapshot: the archive's date, `YYYYMMDDTHHMMSSZ`.
        previous: the closure so far, where it is of the same distribution.

    Raises:
        ResolveError: no such package, or apt refuses.
        IntegrityError: something in the archive does not match its signature, or is older than before.
        NetworkError: the archive can't be reached.
        ToolMissing: neither apt-get nor docker is installed.
    """
    declared = [Declared.parse(each) for each in packages]
    native = _ARCHITECTURES[platform]
    architectures = [native, *sorted({each.architecture for each in declared} - {native, "", "all"})]
    releases = archive.releases(base.distribution, snapshot, settings, report, components)
    lists = archive.package_lists(releases, architectures, snapshot, settings, report)
    with report.step("resolving system packages"):
        index = PackageIndex(lists)
        if unknown := refusals.unknown(declared, index):
            others = _other_components(releases, architectures, snapshot, settings)
            raise refusals.unknown_packages(unknown, index, others, base.distribution, snapshot)
        packages = refusals.exact_versions(declared, index, native)
        if "packages" in base.unconfirmed:
            status = _with_relations(status, index)
        installed = _installed(status)
        try:
            downloads = solver.solve(
                packages,
                releases=releases,
                lists=lists,
                status=status,
                architectures=architectures,
                base_apt=next((each["Version"] for each in installed if each["Package"] == "apt"), None),
                image=f"{base.reference}@{base.digest}",
            )
        except solver.AptFailed as error:
            raise refusals.explained(error, declared, index) from None
        closure = [_verified_stanza(download, index) for download in downloads]
        # A pinned version may be older than the locked one, and so may its dependencies.
        if previous is not None and previous.snapshot <= snapshot and not any(each.version for each in declared):
            _require_no_older(closure, previous)
    for each in declared:
        if not any(map(each.matches, closure)):
            report.note(f"`{each.text}` is already in the base image")
    return Apt(
        snapshot=snapshot,
        suites=tuple(release.suite() for release in releases),
        packages=_debs(closure, declared, installed),
    )


def _other_components(
    releases: Sequence[Release], architectures: Sequence[str], snapshot: str, settings: Settings
) -> dict[str, PackageIndex]:
    """Return the packages of the archive's components that are not in use, by component."""
    found = {}
    used = releases[0].pocket.components
    for component in COMPONENTS.get(releases[0].pocket.archive, ()):
        if component not in used and releases[0].has(component):
            pocket = replace(releases[0].pocket, components=(component,))
            release = replace(releases[0], pocket=pocket)
            lists = archive.package_lists([release], architectures[:1], snapshot, settings, Silent())
            found[component] = PackageIndex(lists)
    return found


def _verified_stanza(download: solver.Download, index: PackageIndex) -> Stanza:
    """Return the stanza of a .deb in the signed lists, which must agree with what apt said."""
    name = download.path.rpartition("/")[2].partition("_")[0]
    for stanza in index.stanzas(name):
        if (stanza.archive, stanza["Filename"]) == (download.archive, download.path):
            if (stanza["SHA256"], stanza["Size"]) == (download.sha256, str(download.size)):
                return stanza
            break
    raise IntegrityError(
        f"apt-get wants `{download.path}` with the sha256 {download.sha256}, which is in no signed package list",
        hint="this is a bug in cogfreeze or apt; please report it",
    )


def _require_no_older(closure: Sequence[Stanza], previous: Apt) -> None:
    """Refuse an archive that has older packages than the lock.

    Its signature may still be good: most suites' files never expire, so a mirror could serve an old index and with
    it every security hole that was fixed since.
    """
    before = {(deb.name, deb.architecture): deb.version for deb in previous.packages}
    older = sorted(
        f"`{stanza['Package']}` {stanza['Version']} (locked: {locked})"
        for stanza in closure
        if (locked := before.get((stanza["Package"], stanza["Architecture"])))
        and debian_version.key(stanza["Version"]) < debian_version.key(locked)
    )
    if older:
        raise IntegrityError(
            f"the archive has older packages than at {previous.snapshot}: {', '.join(older[:_SHOWN])}",
            hint="the mirror may serve an outdated index; if the distribution withdrew a version, pin the"
            " available one in `build.system_packages`",
        )


def _installed(status: str) -> list[Stanza]:
    """Return the installed packages of a dpkg status file."""
    stanzas = (Stanza(archive="", fields=fields(text)) for text in status.split("\n\n") if text.strip())
    return [stanza for stanza in stanzas if stanza["Status"].endswith(" installed")]


def _with_relations(status: str, index: PackageIndex) -> str:
    """Complete a status that has only names, versions and architectures.

    The other fields come from the signed lists: apt reinstalls a package of equal version if any other field
    differs, even its size. If the lists only have another version, its relations are used, but not its
    dependencies, which may be newer than what is installed.
    """
    whole = []
    for stanza in _installed(status):
        known = index.stanzas(stanza["Package"])
        same = [
            each
            for each in known
            if (each["Version"], each["Architecture"]) == (stanza["Version"], stanza["Architecture"])
        ]
        taken: dict[str, str] = {}
        if same:
            taken = {field: value for field, value in same[0].fields.items() if field not in _OF_THE_FILE}
        elif known:
            taken = {field: known[0][field] for field in _RELATIONS if known[0][field]}
            # Without its version, which belongs to the other release.
            taken["Source"] = _source(known[0])
        whole.append("".join(f"{key}: {value}\n" for key, value in {**stanza.fields, **taken}.items()))
    return "\n".join(whole)


def _debs(closure: Sequence[Stanza], declared: Sequence[Declared], installed: Sequence[Stanza]) -> tuple[Deb, ...]:
    """Return the closure as the lock keeps it: sorted, declared ones first."""
    depends = _depends(closure, installed)
    requirers: dict[str, set[str]] = {stanza["Package"]: set() for stanza in closure}
    for (name, _), found in depends.items():
        for each in found:
            requirers[each.partner].add(name)
    debs = []
    for stanza in closure:
        name = stanza["Package"]
        is_declared = any(each.matches(stanza) for each in declared)
        source, _, source_version = stanza["Source"].partition(" ")
        debs.append(
            Deb(
                name=name,
                version=stanza["Version"],
                architecture=stanza["Architecture"],
                sha256=stanza["SHA256"],
                size=int(stanza["Size"]),
                archive=stanza.archive,
                path=stanza["Filename"],
                required_by=() if is_declared else _required_by(stanza, closure, requirers, declared),
                source=source if source not in ("", name) else None,
                source_version=source_version.strip("()") or None,
                depends=tuple(sorted({each.text for each in depends[name, stanza["Architecture"]]})),
            )
        )
    return tuple(sorted(debs, key=lambda deb: (bool(deb.required_by), deb.name, deb.architecture)))


def _required_by(
    stanza: Stanza, closure: Sequence[Stanza], requirers: Mapping[str, set[str]], declared: Sequence[Declared]
) -> tuple[str, ...]:
    """Return the names of the packages that require a package.

    A package that nothing requires by name replaces the base's version, because a new package breaks that one or
    because it is built from the same source.
    """
    name = stanza["Package"]
    breaking = {each["Package"] for each in closure if name in _names(each, "Breaks", "Conflicts")}
    siblings = {each["Package"] for each in closure if _source(each) == _source(stanza)} - {name}
    return tuple(sorted(requirers[name] or breaking or siblings or {each.name for each in declared}))


def _source(stanza: Stanza) -> str:
    return stanza["Source"].partition(" ")[0] or stanza["Package"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dependency:
    """A dependency that the closure satisfies: the package that does, and the text for the lock."""

    partner: str
    text: str


def _depends(closure: Sequence[Stanza], installed: Sequence[Stanza]) -> dict[tuple[str, str], list[_Dependency]]:
    """Return, for each package of the closure, its dependencies as far as the base does not satisfy them.

    The key is a package's name and architecture.
    """
    new: dict[str, dict[str, None]] = {}
    for stanza in closure:
        for name in (stanza["Package"], *stanza.provides()):
            new.setdefault(name, {})[stanza["Package"]] = None
    names = {stanza["Package"] for stanza in closure}
    kept = [stanza for stanza in installed if stanza["Package"] not in names]
    there = {name for stanza in kept for name in (stanza["Package"], *stanza.provides())}
    found: dict[tuple[str, str], list[_Dependency]] = {}
    for stanza in closure:
        own = found.setdefault((stanza["Package"], stanza["Architecture"]), [])
        for alternatives in dependencies(stanza):
            if there.intersection(each.name for each in alternatives):
                continue
            if (met := next((each for each in alternatives if each.name in new), None)) is None:
                continue
            for partner in [met.name] if met.name in names else new[met.name]:
                text = partner
                if partner == met.name:
                    text += f":{met.architecture}" if met.architecture else ""
                    text += f" ({met.constraint})" if met.constraint else ""
                if partner != stanza["Package"]:
                    own.append(_Dependency(partner=partner, text=text))
    return found


def _names(stanza: Stanza, *relation_fields: str) -> set[str]:
    return {name for field in relation_fields for group in relations(stanza[field]) for name in group}
