"""The Python packages of an image: from the declared requirements to one wheel per package, by hash.

uv (or pip-tools) decides the versions, for the image's Python and platform; what is decided here is which wheel
of a version is taken, which index the torch family comes from, and who asked for what. Nothing is installed, and
no wheel is fetched unless an index leaves no other way to know its hash.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from packaging.utils import canonicalize_name

from cogfreeze.catalog import cuda
from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import IntegrityError, ResolveError, UsageError
from cogfreeze.lock.model import Python, Source, Wheel
from cogfreeze.lock.requirements import recorded, recorded_python
from cogfreeze.project.python import PROVIDED
from cogfreeze.report import Report
from cogfreeze.resolve.fetch import cached_path
from cogfreeze.resolve.index import (
    Candidate,
    best_wheel,
    take_torch_index,
    target_for,
    torch_index,
    wheel_metadata,
    wheel_rank,
)
from cogfreeze.resolve.python import (
    dependencies,
    failures,
    faults,
    package_index,
    pip_tools,
    source_builds,
    source_metadata,
    uv,
)
from cogfreeze.resolve.python.checks import packages_with_same_files
from cogfreeze.resolve.python.sources import Sources
from cogfreeze.resolve.requirements import Declared, Line, dependency_graph, lines_of, read_declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogfreeze.project.model import Build
    from cogfreeze.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What may move although the declaration didn't change.

    Attributes:
        all: every package.
        packages: names, each with the version to move to or None for the newest that fits.
        exclude_newer: leave out what was published after this date (`2026-11-01`) or time (RFC 3339).
    """

    all: bool = False
    packages: tuple[tuple[str, str | None], ...] = ()
    exclude_newer: str | None = None

    @property
    def arguments(self) -> list[str]:
        """The same as uv is told."""
        told = ["--upgrade"] if self.all else []
        told += [f"--upgrade-package={each}" for each in self.pins]
        return [*told, *([f"--exclude-newer={self.exclude_newer}"] if self.exclude_newer else [])]

    @property
    def pins(self) -> list[str]:
        """`name` or `name==version` for each package."""
        return [f"{name}=={version}" if version else name for name, version in self.packages]


NO_UPGRADE = Upgrade()

# What finds a closure: from sources, members of the torch family to route, locked wheels and what may move.
Engine = Callable[
    [Sources, frozenset[str], Sequence[Wheel | Source], Upgrade, Report], tuple[uv.ResolvedPackage, ...]
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """A resolved closure.

    Attributes:
        wheels: one per package, declared ones first.
        sources: the packages that have none, and may be built.
        build: the closure of what builds them.
    """

    wheels: tuple[Wheel, ...] = ()
    sources: tuple[Source, ...] = ()
    build: tuple[Wheel, ...] = ()


NO_PACKAGES = Packages()


def packages_of(python: Python) -> Packages:
    """Return what a lock has of the declared requirements."""
    return Packages(wheels=python.wheels, sources=python.sources, build=python.build)


def resolve_python(
    build: Build,
    folder: Path,
    platform: str,
    *,
    glibc: tuple[int, int] | None,
    settings: Settings,
    report: Report,
    previous: Packages = NO_PACKAGES,
    upgrade: Upgrade = NO_UPGRADE,
    resolver: str = "uv",
) -> Packages:
    """Return the closure of the declared requirements.

    Args:
        build: what is declared.
        folder: the project's; relative paths in requirements start there.
        platform: `linux/amd64` or `linux/arm64`.
        glibc: the base image's; None where it isn't known, and then the one that today's wheels ask for.
        previous: what is locked; what the declaration still allows keeps its version and file.
        upgrade: what of `previous` may move all the same.
        resolver: what decides the versions, `uv` or `pip-tools`.

    Raises:
        ProjectError, ProjectErrors: requirements that can't be locked.
        ResolveError: nothing satisfies them.
        NetworkError: an index failed.
        IntegrityError: a wheel has none of its declared hashes.
        UsageError: the resolver can't do it.
        ToolMissing: a line names a repository, and git is not installed.
    """
    target = target_for(build.python_version, platform, glibc)
    asked = read_declared(build, folder)
    for line in asked.requirements:
        if line.name in PROVIDED:
            report.note(f"{line.where}: `{line.text}` is left out, because the image provides it")
    if not asked.roots(target.markers):
        return Packages()
    options, tag = take_torch_index(asked.options, settings)
    asked = replace(asked, options=options)
    choice = _choice(build, asked, target.markers, tag)
    if choice.warning:
        report.warn(choice.warning, hint=choice.hint)
    if choice.limit:
        report.note(f"`build.cuda` is {build.cuda}: `{choice.limit}` is required")
        asked = replace(asked, constraints=(*asked.constraints, Line(text=choice.limit, where="build.cuda")))
    with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
        sources = Sources(
            declared=asked,
            torch=torch_index(choice.index, settings),
            folder=folder,
            scratch=Path(scratch),
            target=target,
            settings=settings,
            built=asked.from_source(target.markers),
            wheels_only=build.sources != "allow",
        )
        sources = source_metadata.with_names(sources)
        made = _with_wheels_first(sources, build, previous, upgrade, _ENGINES[resolver], report)
    _note_sources(made, sources, previous, report)
    _require_known(upgrade, [*made.wheels, *made.sources])
    return made


def _with_wheels_first(
    sources: Sources, build: Build, previous: Packages, upgrade: Upgrade, engine: Engine, report: Report
) -> Packages:
    """Resolve; under `sources: declared` with wheels alone, and with source only where that fails."""
    may_be_built = sources.built | frozenset(build.allow_sdist if build.sources == "declared" else ())
    before = sources.built | {each.name for each in previous.sources if each.name in may_be_built}
    try:
        return _resolve(replace(sources, built=before), previous, upgrade, engine, report)
    except ResolveError:
        if before == may_be_built:
            raise
    return _resolve(replace(sources, built=may_be_built), previous, upgrade, engine, report)


def _note_sources(made: Packages, sources: Sources, previous: Packages, report: Report) -> None:
    """Say which packages are built from source although their requirement doesn't ask for it."""
    known = {(each.name, each.version) for each in previous.sources}
    new = [f"`{each.name}` {each.version}" for each in made.sources if (each.name, each.version) not in known]
    if new:
        target = sources.target
        verb = "is" if len(new) == 1 else "are"
        report.note(
            f"{', '.join(new)} {verb} locked from source, and built with the image: no wheel for Python"
            f" {target.minor} on `{target.platform}`, or the source is asked for"
        )


def _require_known(upgrade: Upgrade, made: Sequence[Wheel | Source]) -> None:
    """Refuse to say nothing about an upgrade of something that isn't there."""
    names = [each.name for each in made]
    for name, _version in upgrade.packages:
        if canonicalize_name(name) not in names:
            near = get_close_matches(canonicalize_name(name), names, n=1)
            raise UsageError(
                f"`{name}` is none of the locked packages, so it can't be upgraded",
                hint=f"did you mean `{near[0]}`?" if near else "declare it, or leave it out",
            )


def cuda_choice(build: Build, folder: Path, platform: str, settings: Settings) -> cuda.Choice:
    """Return the CUDA, cuDNN and torch index of a declaration, and why; asks nothing of the network.

    Raises:
        ProjectError, ProjectErrors: no such combination, or requirements that can't be locked.
    """
    asked = read_declared(build, folder)
    options, tag = take_torch_index(asked.options, settings)
    markers = target_for(build.python_version, platform, None).markers
    return _choice(build, replace(asked, options=options), markers, tag)


def _choice(build: Build, asked: Declared, markers: Mapping[str, str], tag: str | None) -> cuda.Choice:
    chosen = cuda.choose(
        gpu=build.gpu,
        cuda=build.cuda,
        cudnn=build.cudnn,
        requirements=[str(line.requirement) for line in asked.roots(markers) if line.requirement],
        index=tag,
        python=build.python_version,
    )
    hashed = asked.hashed_without_index(TORCH_FAMILY, markers)
    if chosen.index is None or tag is not None or hashed is None:
        return chosen
    return replace(
        chosen, index=None, reason=f"the hashes declared for `{hashed}` are of the usual index's wheels"
    )


def _resolve(sources: Sources, previous: Packages, upgrade: Upgrade, engine: Engine, report: Report) -> Packages:
    before: list[Wheel | Source] = [*previous.wheels, *previous.sources]
    roots = sources.declared.roots(sources.target.markers)
    kept = {each.name: each for each in previous.wheels}
    routed = TORCH_FAMILY & ({line.name for line in roots if line.name} | kept.keys())
    # The family's members are known for sure only from the answer, and a member that is tied to the index is part
    # of the answer: ask until both are the same. Nearly always it's the first time.
    for attempt in range(4):
        again = " again, now that PyTorch's index is known to have some of them" if attempt else ""
        with report.step(f"resolving the Python packages{again}"):
            found = engine(sources, routed, before, upgrade, report)
        wheels = {each.name: _chosen(each, sources, kept.get(each.name)) for each in found}
        chosen = {name: wheel for name, wheel in wheels.items() if wheel is not None}
        metadata = wheel_metadata(list(chosen.values()), sources.settings, report)
        requires = {name: metadata[wheel.sha256].requires for name, wheel in chosen.items()}
        if len(chosen) < len(found):
            requires = dependencies.with_sources(requires, found, sources, routed)
        reached = dependency_graph(roots, requires, sources.target.markers)
        family = TORCH_FAMILY & reached.extras.keys()
        if sources.torch is None or family == routed & chosen.keys():
            break
        routed = family
    came_from = package_index.package_indexes(sources, found, routed, known=previous.wheels)
    computed = package_index.without_hash(sources, chosen, came_from, known=previous.wheels)

    same_files = packages_with_same_files({name: metadata[wheel.sha256] for name, wheel in chosen.items()})
    versions = {each.name: each.version for each in found if each.version}

    def own(name: str) -> _Own:
        extras = reached.extras.get(name, ())
        return {
            "required_by": reached.required_by.get(name, ()),
            "extras": extras,
            "requires": recorded(requires[name], sources.target.markers, extras, versions),
        }

    made = [
        Wheel(
            name=name,
            version=next(each.version for each in found if each.name == name),
            file=wheel.file,
            sha256=wheel.sha256,
            size=metadata[wheel.sha256].size,
            index=came_from[name].name,
            hash_origin="computed" if name in computed else "index",
            requires_python=recorded_python(metadata[wheel.sha256].python),
            same_files=same_files.get(name, ()),
            **own(name),
        )
        for name, wheel in chosen.items()
    ]
    packed = [
        replace(_source(each, sources, came_from[each.name].name, report), **own(each.name))
        for each in found
        if each.name not in chosen
    ]
    return Packages(
        wheels=tuple(sorted(made, key=_order)),
        sources=tuple(sorted(packed, key=_order)),
        build=_tools(packed, sources, previous, engine, report) if packed else (),
    )


class _Own(TypedDict):
    """What a wheel and a source record alike."""

    required_by: tuple[str, ...]
    extras: tuple[str, ...]
    requires: tuple[str, ...]


def _order(package: Wheel | Source) -> tuple[bool, str]:
    return bool(package.required_by), package.name


def _source(found: uv.ResolvedPackage, sources: Sources, index: str, report: Report) -> Source:
    """Lock the source of a package; the declared hashes bind it as they bind a wheel."""
    where = sources.declared.where(found.name)
    if found.origin and found.origin.path and not found.version:
        found = replace(found, version=source_metadata.version_of(found.origin.path, found.name, sources))
    made = source_builds.lock_source(
        found,
        index=index,
        folder=sources.folder,
        settings=sources.settings,
        report=report,
    )
    allowed = sources.declared.hashes(found.name)
    if made.kind == "sdist" and (allowed or sources.declared.options.all_hashed) and made.sha256 not in allowed:
        raise IntegrityError(
            f"none of the hashes declared for `{found.name}` {made.version} is that of its source, `{made.file}`",
            where=where,
            hint="add it to the line, or remove the hashes: cog.lock has one for every file",
        )
    required = recorded(_build_requirements(made, sources), sources.target.markers, ())
    return replace(made, build_requires=required)


def _build_requirements(source: Source, sources: Sources) -> tuple[str, ...]:
    return source_builds.build_requirements(cached_path(sources.settings, source.sha256, source.file))


def _tools(
    packed: Sequence[Source], sources: Sources, previous: Packages, engine: Engine, report: Report
) -> tuple[Wheel, ...]:
    """Resolve what builds the sources: one environment for all, of wheels alone."""
    lines = []
    for each in packed:
        lines += lines_of(_build_requirements(each, sources), f"what builds `{each.name}`")
    folder = sources.scratch / "build"
    folder.mkdir(exist_ok=True)
    options = replace(sources.declared.options, all_hashed=False, from_source=frozenset())
    asked = Declared(requirements=tuple(lines), options=options)
    tools = replace(sources, declared=asked, torch=None, scratch=folder, built=frozenset(), wheels_only=True)
    return _resolve(tools, Packages(wheels=previous.build), NO_UPGRADE, engine, report).wheels


def _with_uv(
    sources: Sources, routed: frozenset[str], previous: Sequence[Wheel | Source], upgrade: Upgrade, report: Report
) -> tuple[uv.ResolvedPackage, ...]:
    answer = sources.compile(routed=routed, preferred=previous, more=upgrade.arguments)
    if answer.status != 0 and "No module named 'pkg_resources'" in answer.talk:
        # Old builds import it, and newer releases of setuptools no longer have it.
        more = [*upgrade.arguments, *sources.build_constraints(source_builds.OLD_SETUPTOOLS)]
        answer = sources.compile(routed=routed, preferred=previous, more=more)
    if answer.status != 0:
        raise faults.every_fault(failures.explain_failure(answer.talk, sources, pins=upgrade.pins), sources)
    for warning in failures.warnings(answer.talk):
        report.warn(warning)
    return sources.found(answer)


def _with_pip_tools(
    sources: Sources,
    routed: frozenset[str],  # noqa: ARG001  # pip takes no index for some packages alone
    previous: Sequence[Wheel | Source],
    upgrade: Upgrade,
    report: Report,  # noqa: ARG001
) -> tuple[uv.ResolvedPackage, ...]:
    if sources.built:
        raise UsageError("pip-tools can't lock source", hint="leave `--resolver pip-tools` out")
    if upgrade.exclude_newer:
        raise UsageError("pip-tools has no `--exclude-newer`", hint="leave `--resolver pip-tools` out")
    lines = pip_tools.pins(
        sources,
        preferred=previous,
        upgrade=upgrade.pins,
        upgrade_all=upgrade.all,
    )
    answer = sources.pinned(lines)
    if answer.status != 0:
        raise failures.explain_failure(answer.talk, sources, pins=upgrade.pins)
    return sources.found(answer)


_ENGINES: dict[str, Engine] = {"uv": _with_uv, "pip-tools": _with_pip_tools}


def _chosen(found: uv.ResolvedPackage, sources: Sources, previous: Wheel | None) -> Candidate | None:
    """Choose the wheel of a package: one that the declared hashes allow, the locked one before the best one.

    Returns:
        None where it is built from source: no wheel suits, and there is a source that may be built.
    """
    where = sources.declared.where(found.name)
    what = f"`{found.name}` {found.version}"
    may_be_built = found.origin is not None and (not sources.wheels_only or found.name in sources.built)
    if may_be_built and (not found.wheels or found.name in sources.built):
        return None
    suited = [each for each in found.wheels if wheel_rank(each.file, sources.target) is not None]
    if not suited and not may_be_built:
        raise ResolveError(
            f"no wheel of {what} runs on Python {sources.target.minor} with glibc"
            f" {'.'.join(map(str, sources.target.glibc))} on `{sources.target.platform}`",
            where=where,
            hint="choose another version, another `build.python_version` or a newer `build.base_image`",
        )
    allowed = sources.declared.hashes(found.name)
    if allowed or sources.declared.options.all_hashed:
        suited = [each for each in suited if each.sha256 in allowed]
    source = found.origin.file if found.origin and may_be_built else None
    if not suited and may_be_built and (not allowed or source is None or source.sha256 in allowed):
        return None
    if not suited:
        raise IntegrityError(
            f"none of the hashes declared for {what} is that of a wheel for `{sources.target.platform}`"
            if allowed
            else f"{what} has no declared hash, and the requirements ask for one of every package",
            where=where,
            hint="add the wheel's hash to its line, or remove the hashes: cog.lock has one for every wheel",
        )
    locked = [each for each in suited if previous and each.sha256 == previous.sha256]
    best = locked[0] if locked else best_wheel(suited, sources.target)
    assert best is not None  # noqa: S101  # unsuited ones were left out
    return best
