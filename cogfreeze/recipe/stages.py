"""The offline stages that make the image's layers. Each starts from the base image and writes below `/layer`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND
from cogfreeze.recipe import from_source, layout, scripts
from cogfreeze.recipe.fetching import SCRATCH
from cogfreeze.recipe.model import Bind, Copy, Run, Setting, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.catalog.system_rules import Rule
    from cogfreeze.lock.model import Apt, Interpreter, Source, Wheel
    from cogfreeze.recipe.groups import Group
    from cogfreeze.recipe.model import Mount

REAPER = "dumb-init"
CHECKED_INPUTS, PROJECT_INPUTS = "checked-inputs", "project-inputs"
SYSTEM = "system"
UNPACKED, PYTHON = "unpacked-interpreter", "python"
_INSTALLER = "/installer"
_WHEELS, _REQUIREMENTS = layout.mounted(layout.WHEELS), layout.mounted("requirements.txt")
_HASHES = layout.mounted("sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The settings that the stages of one platform share.

    Attributes:
        base: the base image.
        python: the base image, or the stage that adds Python to it.
        platform: `linux/amd64`.
        epoch: the time of every file, in seconds since 1970.
        user: the name of the user that the image runs as.
        rules: cures for what the packages' scripts make differently in every build.
    """

    base: str
    python: str
    platform: str
    epoch: int
    user: str
    rules: tuple[Rule, ...]

    @property
    def owner(self) -> str:
        """The user and group ids that own the project's folder and run the image."""
        return "0:0" if self.user == "root" else f"{layout.USER_ID}:{layout.USER_ID}"

    def system(self, apt: Apt | None, base_packages: str | None) -> Stage:
        """Return the stage that changes the base image: it adds packages and the user.

        Args:
            base_packages: the lock's digest of the base image's package list; None if the lock has none.
        """
        mounts: list[Mount] = [SCRATCH]
        script: list[str] = []
        comment = []
        if base_packages is not None:
            script += scripts.check_base_packages(PACKAGE_LIST_COMMAND, base_packages)
        if self.user != "root":
            script += scripts.create_user(self.user)
            comment.append(f"The user that the image runs as: {self.user}.")
        if apt:
            debs = layout.mounted(layout.DEBS)
            script += [
                *scripts.check_hashes(debs, _HASHES),
                *scripts.apply_rules(*(rule.before for rule in self.rules)),
                *scripts.install_debs(debs, _HASHES, self._foreign(apt)),
                *scripts.apply_rules(*(rule.after for rule in self.rules)),
            ]
            mounts += [
                Bind(source=layout.FETCHED, target=debs, source_stage=layout.DEBS),
                Bind(source=layout.hashes(layout.DEBS), target=_HASHES),
            ]
            comment.append(
                "Debian packages: " + ", ".join(f"{each.name} {each.version}" for each in apt.packages) + "."
            )
        whole = (
            *scripts.start(self.epoch),
            *script,
            *(self.rewrite() if script else ()),
            *scripts.make_project_folder(self.owner),
            *scripts.fix_times_since_start(self.epoch, (SCRATCH.target,)),
        )
        comment.append("The project's folder.")
        # Not in the image stage: WORKDIR there reads the merged file system, so the engine would have to assemble
        # all layers first, which takes seconds after each change of the code.
        home = Setting(instruction="WORKDIR", value=layout.PROJECT)
        run = Run(script=whole, mounts=tuple(mounts))
        return Stage(name=SYSTEM, base=self.base, steps=(run, home), comment=" ".join(comment))

    def toolchain(self, apt: Apt, base_packages: str | None) -> Stage:
        """Return the stage with compilers, in which packages are built; nothing of it is in the image."""
        debs = layout.mounted(layout.BUILD_DEBS)
        checked = scripts.check_base_packages(PACKAGE_LIST_COMMAND, base_packages) if base_packages else ()
        script = (
            *checked,
            *scripts.check_hashes(debs, _HASHES),
            *scripts.install_debs(debs, _HASHES, self._foreign(apt)),
        )
        mounts = (
            SCRATCH,
            Bind(source=layout.FETCHED, target=debs, source_stage=layout.BUILD_DEBS),
            Bind(source=layout.hashes(layout.BUILD_DEBS), target=_HASHES),
        )
        listed = ", ".join(f"{each.name} {each.version}" for each in apt.packages if not each.required_by)
        return Stage(
            name=from_source.TOOLCHAIN,
            base=self.python,
            steps=(Run(script=script, mounts=mounts),),
            comment=f"For building from source, not in the image: {listed}.",
        )

    def rewrite(self) -> scripts.Script:
        """Return the script that makes known differences between builds equal, after a step that made them."""
        return scripts.apply_rules(*(rule.rewrite for rule in self.rules))

    def _foreign(self, apt: Apt) -> tuple[str, ...]:
        own = self.platform.rpartition("/")[2]
        return tuple(sorted({each.architecture for each in apt.packages} - {own, "all"}))

    def interpreters(self, interpreter: Interpreter | None) -> Iterator[Stage]:
        """Yield the stages that unpack a CPython and add it to a base image without one."""
        if interpreter is None:
            return
        seen = layout.mounted(layout.INTERPRETER)
        script = (
            *scripts.check_hashes(seen, _HASHES),
            *scripts.unpack_interpreter(f"{seen}/{interpreter.sha256}"),
            *scripts.normalise_modes(),
            *scripts.fix_times(self.epoch),
        )
        mounts = (
            SCRATCH,
            Bind(source=layout.FETCHED, target=seen, source_stage=layout.INTERPRETER),
            Bind(source=layout.hashes(layout.INTERPRETER), target=_HASHES),
        )
        yield Stage(
            name=UNPACKED,
            base=self.base,
            steps=(Run(script=script, mounts=mounts),),
            comment=f"The interpreter: {interpreter.release}.",
        )
        yield Stage(
            name=PYTHON, base=self.base, steps=(staged(UNPACKED),), comment="The base image with the interpreter."
        )

    def installer(self, group: Group, python: str) -> Stage:
        """Unpack uv for the later stages; it is in no layer."""
        return self._stage(
            group.name,
            f"The installer, from its wheel: {_listed(group.wheels)}.",
            (
                *scripts.check_python(python),
                *scripts.check_hashes(_WHEELS, _HASHES),
                *scripts.unpack_installer(_WHEELS, _INSTALLER),
            ),
            *_wheels(group),
        )

    def packages(self, group: Group) -> Stage:
        """Install a group of the model's packages."""
        return self._stage(
            group.name,
            f"Python packages: {_listed(group.wheels)}.",
            (
                *_install(f"--prefix {layout.STAGED}{layout.PYTHON_PREFIX}"),
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            *_install_mounts(group),
        )

    def built(self, sources: tuple[Source, ...], tools: Group, *, compiles: bool) -> Stage:
        """Build and install the packages that are locked as source.

        Args:
            compiles: whether the stage starts from the one with compilers.
        """
        archives, hashes = layout.mounted(layout.SOURCES), layout.mounted(f"{layout.SOURCES}.sha256")
        listed = ", ".join(f"{each.name} {each.version}" for each in sources)
        stage = self._stage(
            from_source.BUILT,
            f"Python packages built from source: {listed}.",
            (
                *scripts.check_hashes(_WHEELS, _HASHES),
                *scripts.check_hashes(archives, hashes),
                *from_source.script(
                    sources, self.epoch, archives=archives, tools=_WHEELS, requirements=_REQUIREMENTS
                ),
                *scripts.normalise_modes(),
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=_INSTALLER, target=layout.mounted("installer"), source_stage="installer"),
            *_wheels(tools),
            Bind(source=layout.FETCHED, target=archives, source_stage=layout.SOURCES),
            Bind(source=layout.hashes(layout.SOURCES), target=hashes),
            Bind(source=layout.requirements(tools.name), target=_REQUIREMENTS),
        )
        return replace(stage, base=from_source.TOOLCHAIN) if compiles else stage

    def server(self, group: Group) -> Stage:
        """Install the server's packages off the model's path, and the init process."""
        staged = f"{layout.STAGED}{layout.SERVER}"
        return self._stage(
            group.name,
            f"The server's own packages, off the model's path: {_listed(group.wheels)}.",
            (
                *_install(f"--target {staged}"),
                f"mkdir -p {layout.STAGED}{layout.OURS}/bin",
                f"mv {staged}/bin/{REAPER} {layout.STAGED}{layout.REAPER}",
                f"rm -r {staged}/bin",
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            *_install_mounts(group),
        )

    def standard_library(self) -> Stage:
        return self._stage(
            "standard-library",
            "Python's standard library, compiled: the base image has only its source.",
            (*scripts.compile_standard_library(), *scripts.fix_times(self.epoch)),
        )

    def runtime(self, sdk: Group | None = None) -> Stage:
        """Add our SDK, worker and server.

        Args:
            sdk: a wheel that replaces the SDK.
        """
        seen = layout.mounted(layout.RUNTIME)
        copies = [("cogworker", layout.SDK), ("cogserve", layout.SERVER)]
        unpacked: scripts.Script = ()
        if sdk is None:
            copies.insert(0, ("cog", layout.SDK))
        else:
            unpacked = (
                *scripts.check_hashes(_WHEELS, _HASHES),
                f"mkdir -p {layout.STAGED}{layout.SDK}",
                f"python3 -m zipfile -e {_WHEELS}/*.whl {layout.STAGED}{layout.SDK}",
            )
        return self._stage(
            "runtime",
            "The SDK, worker and server.",
            (
                *unpacked,
                *(line for name, into in copies for line in scripts.copy_in(f"{seen}/{name}", f"{into}/{name}")),
                *scripts.normalise_modes(),
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=layout.RUNTIME, target=seen),
            *(_wheels(sdk) if sdk else ()),
        )

    def record(self) -> Stage:
        """Add the lock and the OpenAPI document."""
        files = (layout.LOCK, layout.SCHEMA)
        return self._stage(
            "record",
            "The lock and the OpenAPI document.",
            (
                f"mkdir -p {layout.STAGED}{layout.OURS}",
                f"cp {' '.join(map(layout.mounted, files))} {layout.STAGED}{layout.OURS}/",
                *scripts.normalise_modes(),
                *scripts.fix_times(self.epoch),
            ),
            *(Bind(source=name, target=layout.mounted(name)) for name in files),
        )

    def code(self) -> Stage:
        return self._project(layout.CODE, "The project's folder.")

    def weights(self) -> Stage:
        return self._project(layout.WEIGHTS, "The project's large files, in a layer of their own.")

    def checked_inputs(self) -> Stage:
        """Check the input files of commands and set fixed modes and times."""
        seen = layout.mounted(layout.INPUTS)
        return self._stage(
            CHECKED_INPUTS,
            "Inputs of the commands, checked.",
            (
                *scripts.check_hashes(seen, _HASHES),
                f"mkdir {layout.STAGED}",
                f"(cd {seen} && cut -d ' ' -f 1 {_HASHES} | xargs cp --target-directory={layout.STAGED})",
                *scripts.normalise_modes(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=layout.FETCHED, target=seen, source_stage=layout.INPUTS),
            Bind(source=layout.hashes(layout.INPUTS), target=_HASHES),
        )

    def project_inputs(self) -> Stage:
        """Return the stage that gives the project's files for commands fixed modes and times."""
        seen = layout.mounted(layout.PROJECT_INPUTS)
        return self._stage(
            PROJECT_INPUTS,
            "The project's files that commands read.",
            (
                f"mkdir {layout.STAGED} && cp -R {seen}/. {layout.STAGED}/",
                *scripts.normalise_modes(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=layout.PROJECT_INPUTS, target=seen),
        )

    def _project(self, part: str, comment: str) -> Stage:
        return self._stage(
            part,
            comment,
            (
                *scripts.copy_in(layout.mounted(part), layout.PROJECT),
                *scripts.normalise_modes(),
                *scripts.set_owner(layout.PROJECT, self.owner),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=part, target=layout.mounted(part)),
        )

    def _stage(self, name: str, comment: str, script: scripts.Script, *mounts: Bind) -> Stage:
        run = Run(script=script, mounts=(SCRATCH, *mounts))
        return Stage(name=name, base=self.python, steps=(run,), comment=comment)


def staged(stage: str) -> Copy:
    """Copy a stage's files as a layer that doesn't depend on the layers below."""
    return Copy(source=f"{layout.STAGED}/", target="/", source_stage=stage, link=True)


def _install(into: str) -> scripts.Script:
    return (
        *scripts.check_hashes(_WHEELS, _HASHES),
        *scripts.install_wheels(f"{layout.mounted('installer')}/uv", _WHEELS, _REQUIREMENTS, into=into),
    )


def _install_mounts(group: Group) -> tuple[Bind, ...]:
    return (
        Bind(source=_INSTALLER, target=layout.mounted("installer"), source_stage="installer"),
        *_wheels(group),
        Bind(source=layout.requirements(group.name), target=_REQUIREMENTS),
    )


def _wheels(group: Group) -> tuple[Bind, ...]:
    return (
        Bind(source=f"{layout.FETCHED}/{group.name}", target=_WHEELS, source_stage=layout.WHEELS),
        Bind(source=layout.hashes(group.name), target=_HASHES),
    )


def _listed(wheels: tuple[Wheel, ...]) -> str:
    return ", ".join(f"{wheel.name} {wheel.version}" for wheel in wheels)
