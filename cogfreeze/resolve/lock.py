"""A whole lock from a whole project: what changed decides what is asked anew.

Without an upgrade a lock moves only what the changed declaration forces: the base keeps its digest, the archive
its date, and every wheel its version for as long as the declaration allows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from cogfreeze.catalog import base_images, cuda_images, system_rules
from cogfreeze.catalog.distributions import glibc
from cogfreeze.errors import IntegrityError, NetworkError, ResolveError, ToolMissing
from cogfreeze.lock import model, soundness
from cogfreeze.lock.inputs import cuda_base_of, inputs_of, part_of, platforms_of
from cogfreeze.lock.staleness import changed_inputs
from cogfreeze.resolve.apt import default_snapshot, resolve_apt
from cogfreeze.resolve.base import choose_base, resolve_base
from cogfreeze.resolve.fetch import resolve_inputs
from cogfreeze.resolve.python import (
    NO_PACKAGES,
    Upgrade,
    check_closure,
    cuda_choice,
    enforce_checks,
    packages_of,
    resolve_python,
    source_archives,
    toolchain_of,
    uv_version,
)
from cogfreeze.resolve.requirements import changed_files, read_declared
from cogfreeze.resolve.runtime import (
    interpreter_fits,
    locked_sdk,
    python_of_base,
    require_python,
    resolve_interpreter,
    runtime_wheels,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cogfreeze.project.model import Project
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What of a lock to move although the declaration doesn't force it.

    Attributes:
        everything: move base image, archive date and every package.
        packages: Python packages to move, each with the version to move to or None for the newest that fits.
        base, apt, runtime: move the base image, the archive's date, the recipe with the server and its tools.
        exclude_newer: leave out Python packages published after this date, `YYYY-MM-DD`.
        resolver: what decides the versions of Python packages, `uv` or `pip-tools`; the lock's form is the same.
        cuda_base: `--use-cuda-base-image`: `true`, `false` or `auto`; None for what the lock has so far.
        platforms: `--platform`, in place of the declared ones; None for what the lock has so far.
    """

    everything: bool = False
    packages: tuple[tuple[str, str | None], ...] = ()
    base: bool = False
    apt: bool = False
    runtime: bool = False
    exclude_newer: str | None = None
    resolver: str = "uv"
    cuda_base: str | None = None
    platforms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """Which parts of one platform are asked anew.

    Attributes:
        apt_records: resolve the same system packages again, for what an older schema didn't record of them.
    """

    base: bool
    apt: bool
    python: bool
    runtime: bool
    apt_records: bool = False

    @classmethod
    def of(cls, previous: model.PlatformLock | None, changed: set[str], options: LockOptions) -> _Moves:
        new = previous is None
        base = new or options.everything or options.base or "base" in changed
        return cls(
            base=base,
            # The closure is what the base lacks, so another base has another closure.
            apt=base or options.apt or "apt" in changed,
            python=base or bool(options.packages) or options.exclude_newer is not None or "python" in changed,
            runtime=base or options.runtime,
            apt_records="schema" in changed,
        )


# The parts that a lock of an older schema has resolved again.
_NEW_SCHEMA = {"python", "schema"}


def resolve_lock(
    project: Project,
    folder: Path,
    previous: model.Lock | None,
    options: LockOptions,
    settings: Settings,
    report: Report,
    *,
    tools: model.Tools,
) -> model.Lock:
    """Return the lock of a project.

    Args:
        folder: the project's; requirements' paths start there.
        previous: the lock so far, or None. Where it is current and nothing is requested, it is returned as it is,
            and the network is not used.
        tools: what this cogfreeze would build with; a previous lock keeps its own unless the runtime is to move.

    Raises:
        ProjectError, ResolveError, NetworkError, IntegrityError, ToolMissing
    """
    if options.cuda_base is None:
        options = replace(options, cuda_base=cuda_base_of(previous) if previous else "auto")
    if options.platforms is None and previous is not None:
        options = replace(options, platforms=platforms_of(previous))
    inputs = inputs_of(project, cuda_base=options.cuda_base or "auto", platforms=options.platforms)
    keys = changed_inputs(previous, inputs) if previous else ()
    nothing = LockOptions(resolver=options.resolver, cuda_base=options.cuda_base, platforms=options.platforms)
    wheel = locked_sdk(settings)
    kept_sdk = previous.platforms[0].python.sdk if previous else None
    if wheel is None and not (options.runtime or options.everything):
        wheel = kept_sdk
    changed = {part_of(key) for key in keys}
    if previous is not None:
        changed |= _unfit_parts(previous, project, folder, report)
    if previous is not None and not changed and options == nothing and wheel == kept_sdk:
        return previous
    if "runtime" in changed:
        options = replace(options, runtime=True)
    platforms = []
    for platform in sorted(set(options.platforms or project.build.platforms)):
        before = previous.for_platform(platform) if previous else None
        moves = _Moves.of(before, changed, options)
        try:
            part = _Platform(
                project, folder, platform, before, moves, options, changed, settings, report
            ).resolve()
        except NetworkError as error:
            if previous is None or changed != _NEW_SCHEMA or options != nothing:
                raise
            report.warn(f"the lock stays as it is: {error}", hint="`cog lock` writes the new schema another time")
            return previous
        platforms.append(replace(part, python=replace(part.python, sdk=wheel)))
    if previous is not None and not (options.runtime or options.everything):
        tools = replace(previous.tools, uv=tools.uv) if "python" in changed else previous.tools
    locked = () if previous is None or options.everything else previous.files
    return model.Lock(
        tools=tools,
        inputs=inputs,
        platforms=tuple(platforms),
        files=resolve_inputs(project, locked, settings, report),
    )


def _unfit_parts(previous: model.Lock, project: Project, folder: Path, report: Report) -> set[str]:
    """Return which parts of a lock are to be resolved again although no key was changed, and say why."""
    parts = set()
    if previous.schema < model.SCHEMA:
        report.note(
            f"the lock has schema {previous.schema}: it is written in schema {model.SCHEMA},"
            " which records what each package requires"
        )
        parts |= _NEW_SCHEMA
    asked = read_declared(project.build, folder)
    for reason in changed_files(previous, asked, folder):
        report.note(f"{reason}: it is locked again")
        parts.add("python")
    system = project.build.system_packages
    clashes = [*soundness.clashes(previous, asked.requirements, asked.constraints, system)]
    # What the changed declaration asks for doesn't fit the lock so far, and needs no word.
    for clash in (each for each in clashes if each.where is None):
        report.note(f"{clash.requirement}, and the lock has {clash.found}: they are resolved together again")
    kinds = {"apt": "apt", "runtime": "runtime"}
    for clash in clashes:
        place = clash.path or clash.other or ()
        parts.add(next((kinds[each] for each in place if each in kinds), "python"))
    return parts


def tools(*, recipe: int, runtime_digest: str) -> model.Tools:
    """Return what this cogfreeze would lock and build with."""
    return model.Tools(
        cogfreeze=version("cogfreeze"),
        uv=uv_version(),
        recipe=recipe,
        runtime=runtime_digest,
        frontend=base_images.frontend(),
    )


class _Platform:
    """One platform's part of a lock, while it is made."""

    def __init__(
        self,
        project: Project,
        folder: Path,
        platform: str,
        before: model.PlatformLock | None,
        moves: _Moves,
        options: LockOptions,
        changed: set[str],
        settings: Settings,
        report: Report,
    ) -> None:
        self.project = project
        self.folder = folder
        self.platform = platform
        self.before = before
        self.options = options
        self.changed = changed
        self.settings = settings
        self.report = report
        build = project.build
        gpu = cuda_choice(build, folder, platform, settings) if build.gpu else None
        self.choice = choose_base(build, gpu, options.cuda_base or "auto")
        # Other packages may need another CUDA, and that another base.
        other = gpu is not None and before is not None and self._is_other(before.base)
        self.moves = _Moves(base=True, apt=True, python=True, runtime=True) if other else moves

    def _is_other(self, base: model.BaseImage) -> bool:
        return not self.project.build.base_image and base.reference != self.choice.reference

    def resolve(self) -> model.PlatformLock:
        wants_apt = bool(self.project.build.system_packages)
        base, status = self._base(need_packages=wants_apt and self.moves.apt)
        closure = None
        if wants_apt:
            closure = self._apt(base, status) if status is not None else self._kept_apt()
        else:
            # Without a closure there is nothing that the base's package list has to fit.
            base = replace(base, packages=None, unconfirmed=tuple(x for x in base.unconfirmed if x != "packages"))
        packages = replace(self._python(base), interpreter=self._interpreter(base))
        base, toolchain = self._toolchain(base, packages, closure)
        return model.PlatformLock(
            platform=self.platform, base=base, apt=closure, build_apt=toolchain, python=packages
        )

    def _toolchain(
        self, base: model.BaseImage, packages: model.Python, closure: model.Apt | None
    ) -> tuple[model.BaseImage, model.Apt | None]:
        """Return the system packages that the sources are built with, and the base image, whose packages count."""
        build, before = self.project.build, self.before
        if not packages.sources:
            return base, None
        kept = before.build_apt if before and not (self.moves.base or self.options.apt) else None
        if before and before.python.sources == packages.sources and "toolchain" not in self.changed and kept:
            return replace(base, packages=before.base.packages, unconfirmed=before.base.unconfirmed), kept
        source_archives(
            packages.sources,
            python=packages.version,
            platform=self.platform,
            folder=self.folder,
            settings=self.settings,
            report=self.report,
            build=build,
        )
        wanted = (*toolchain_of(packages.sources, self.settings), *build.build_packages)
        if not wanted:
            return base, None
        whole, status = resolve_base(
            base.reference, self.platform, base.reason, self.settings, self.report, need_packages=True, pinned=base
        )
        snapshot = next((each.snapshot for each in (kept, closure) if each), None)
        found = resolve_apt(
            tuple(dict.fromkeys(wanted)),
            base=whole,
            status=status or "",
            platform=self.platform,
            snapshot=snapshot or default_snapshot(base.distribution, self.settings),
            settings=self.settings,
            components=build.apt_components,
            report=self.report,
        )
        return whole, found if found.packages else None

    def _kept_apt(self) -> model.Apt | None:
        """Return the locked closure, with what an older schema didn't record where the archive still has it."""
        before = self.before
        if before is None or before.apt is None or not self.moves.apt_records:
            return before.apt if before else None
        try:
            base, status = resolve_base(
                before.base.reference,
                self.platform,
                before.base.reason,
                self.settings,
                self.report,
                need_packages=True,
                pinned=before.base,
            )
            again = self._apt(base, status or "")
        except (NetworkError, ResolveError, IntegrityError, ToolMissing) as error:
            self.report.note(
                f"{self.platform}: what the system packages require could not be read ({error});"
                " `cog lock --upgrade-apt` records it"
            )
            return before.apt
        locked = {(each.name, each.architecture): each.sha256 for each in before.apt.packages}
        same = locked == {(each.name, each.architecture): each.sha256 for each in again.packages}
        return again if same else before.apt

    def _base(self, *, need_packages: bool) -> tuple[model.BaseImage, str | None]:
        choice = self.choice
        if self.moves.base or self.before is None or self.before.base.reason != choice.reason:
            self.report.note(f"{self.platform}: base image {choice.reference}: {choice.reason}")
        if not self.moves.base and not need_packages and self.before is not None:
            return replace(self.before.base, reason=choice.reason), None
        return resolve_base(
            choice.reference,
            self.platform,
            choice.reason,
            self.settings,
            self.report,
            need_packages=need_packages,
            pinned=None if self.moves.base or self.before is None else self.before.base,
        )

    def _interpreter(self, base: model.BaseImage) -> model.Interpreter | None:
        before = self.before.python.interpreter if self.before else None
        if self.before and not self.moves.base:
            return before
        declared = self.project.build.python_version
        found = python_of_base(base, self.platform, self.settings, self.report)
        if found is not None:
            require_python(found, declared, base)
            return None
        upgrade = self.options.everything or self.options.base
        if before and not upgrade and interpreter_fits(before, declared, self.platform):
            return before
        made = resolve_interpreter(declared, self.platform, self.settings, self.report)
        self.report.note(f"{self.platform}: `{base.reference}` has no Python: {made.release} is added to it")
        return made

    def _apt(self, base: model.BaseImage, status: str) -> model.Apt:
        before = self.before
        kept = before.apt if before and not (self.options.apt or self.options.everything) else None
        snapshot = kept.snapshot if kept else default_snapshot(base.distribution, self.settings)
        found = resolve_apt(
            self.project.build.system_packages,
            components=self.project.build.apt_components,
            base=base,
            status=status,
            platform=self.platform,
            snapshot=snapshot,
            settings=self.settings,
            report=self.report,
            previous=before.apt if before and before.base.distribution == base.distribution else None,
        )
        for name, fault in system_rules.uncured_for(each.name for each in found.packages):
            self.report.warn(f"{self.platform}: `{name}` differs in every build: {fault.cause}", hint=fault.advice)
        return found

    def _python(self, base: model.BaseImage) -> model.Python:
        before = self.before.python if self.before else None
        newest = glibc(base.distribution)
        declared = self.project.build.python_version
        packages = packages_of(before) if before else NO_PACKAGES
        if self.moves.python:
            with self.report.step(f"resolving Python packages for Python {declared} on {self.platform}"):
                packages = resolve_python(
                    self.project.build,
                    self.folder,
                    self.platform,
                    glibc=newest,
                    settings=self.settings,
                    report=self.report,
                    previous=packages,
                    upgrade=Upgrade(
                        all=self.options.everything,
                        packages=self.options.packages,
                        exclude_newer=self.options.exclude_newer,
                    ),
                    resolver=self.options.resolver,
                )
                self._check(packages.wheels, base)
        own = (
            before.runtime
            if before and not self.moves.runtime
            else runtime_wheels(declared, self.platform, glibc=newest)
        )
        return model.Python(
            version=declared, wheels=packages.wheels, sources=packages.sources, build=packages.build, runtime=own
        )

    def _check(self, wheels: tuple[model.Wheel, ...], base: model.BaseImage) -> None:
        """Refuse, or warn of, what would not work or not be the same twice in the image."""
        build = self.project.build
        findings = check_closure(
            wheels,
            build,
            self.folder,
            self.platform,
            glibc=glibc(base.distribution),
            base_cuda=cuda_images.cuda_of(base.reference),
            settings=self.settings,
            report=self.report,
        )
        enforce_checks(findings, self.report)
