"""The stages that make the image's layers, each below `/layer`, offline, and from the base image alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND
from cogfreeze.recipe import from_source, layout, scripts
from cogfreeze.recipe.fetching import SCRATCH
from cogfreeze.recipe.model import Bind, Copy, Run, Setting, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Apt, Interpreter, Source, Wheel
    from cogfreeze.recipe.groups import Group
    from cogfreeze.recipe.model import Mount

REAPER = "dumb-init"
CHECKED_INPUTS = "checked-inputs"
UNPACKED, PYTHON = "unpacked-interpreter", "python"
_INSTALLER = "/installer"
_WHEELS, _REQUIREMENTS = layout.seen(layout.WHEELS), layout.seen("requirements.txt")
_HASHES = layout.seen("sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What the stages of one platform have in common.

    Attributes:
        base: the image that they start from.
        python: the same, or where that has no Python, the stage that adds it.
        platform: `linux/amd64`.
        epoch: the time of every file, in seconds since 1970.
        user: the name of the user that the image runs as.
    """

    base: str
    python: str
    platform: str
    epoch: int
    user: str

    @property
    def owner(self) -> str:
        """Who owns the project's folder, and runs the image: user and group by number."""
        return "0:0" if self.user == "root" else f"{layout.USER_ID}:{layout.USER_ID}"

    def system(self, apt: Apt | None, base_packages: str | None) -> Stage:
        """Make the one stage that changes the base image: its packages and its user.

        Args:
            base_packages: digest of the package list that the closure fits, where the lock has it.
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
            debs = layout.seen(layout.DEBS)
            script += [
                *scripts.check_hashes(debs, _HASHES),
                *scripts.install_debs(debs, _HASHES, self._foreign(apt)),
            ]
            mounts += [
                Bind(source=layout.FETCHED, target=debs, source_stage=layout.DEBS),
                Bind(source=layout.hashes(layout.DEBS), target=_HASHES),
            ]
            comment.append(
                "Debian packages: " + ", ".join(f"{each.name} {each.version}" for each in apt.packages) + "."
            )
        whole = (
            *scripts.mark_start(),
            *script,
            *(scripts.remove_leftovers(self.epoch) if script else ()),
            *scripts.make_home(self.owner),
            *scripts.fix_times_since_start(self.epoch, (SCRATCH.target,)),
        )
        comment.append("The project's folder.")
        # Set here and not in the image: it would look into the stacked layers, and the engine would first have to
        # link every file of every layer into one tree, which takes seconds at each change of the code.
        home = Setting(instruction="WORKDIR", value=layout.HOME)
        run = Run(script=whole, mounts=tuple(mounts))
        return Stage(name="system", base=self.base, steps=(run, home), comment=" ".join(comment))

    def _foreign(self, apt: Apt) -> tuple[str, ...]:
        own = self.platform.rpartition("/")[2]
        return tuple(sorted({each.architecture for each in apt.packages} - {own, "all"}))

    def interpreters(self, interpreter: Interpreter | None) -> Iterator[Stage]:
        """Yield what unpacks a CPython for a base that has none, and what adds it to the base."""
        if interpreter is None:
            return
        seen = layout.seen(layout.INTERPRETER)
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
        """Unpack uv for the stages that follow; it is in no layer."""
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

    def built(self, sources: tuple[Source, ...], tools: Group) -> Stage:
        """Build the packages that are locked as source, and install them."""
        archives, hashes = layout.seen(layout.SOURCES), layout.seen(f"{layout.SOURCES}.sha256")
        return self._stage(
            from_source.BUILT,
            "Python packages built from source: "
            + ", ".join(f"{each.name} {each.version}" for each in sources)
            + ".",
            (
                *scripts.check_hashes(_WHEELS, _HASHES),
                *scripts.check_hashes(archives, hashes),
                *from_source.script(sources, f"{layout.seen('installer')}/uv", _WHEELS, _REQUIREMENTS, self.epoch),
                *scripts.normalise_modes(),
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=_INSTALLER, target=layout.seen("installer"), source_stage="installer"),
            *_wheels(tools),
            Bind(source=layout.FETCHED, target=archives, source_stage=layout.SOURCES),
            Bind(source=layout.hashes(layout.SOURCES), target=hashes),
            Bind(source=layout.requirements(layout.SOURCES), target=_REQUIREMENTS),
        )

    def server(self, group: Group) -> Stage:
        """Install what the server needs where no model can see it, and the reaper."""
        staged = f"{layout.STAGED}{layout.SERVER}"
        return self._stage(
            group.name,
            f"The server's own packages, out of the model's sight: {_listed(group.wheels)}.",
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
            "Python's standard library, compiled: the base image has it as source alone.",
            (*scripts.compile_standard_library(), *scripts.fix_times(self.epoch)),
        )

    def runtime(self, sdk: Group | None = None) -> Stage:
        """Put in what is ours.

        Args:
            sdk: a wheel that replaces the SDK.
        """
        seen = layout.seen(layout.RUNTIME)
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
            "What serves predictions: SDK, worker and server.",
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
        """Put in what the image is made from."""
        files = (layout.LOCK, layout.SCHEMA)
        return self._stage(
            "record",
            "The lock and the OpenAPI document, for whoever asks the image what it holds.",
            (
                f"mkdir -p {layout.STAGED}{layout.OURS}",
                f"cp {' '.join(map(layout.seen, files))} {layout.STAGED}{layout.OURS}/",
                *scripts.normalise_modes(),
                *scripts.fix_times(self.epoch),
            ),
            *(Bind(source=name, target=layout.seen(name)) for name in files),
        )

    def code(self) -> Stage:
        return self._project(layout.CODE, "The project's folder.")

    def weights(self) -> Stage:
        return self._project(layout.WEIGHTS, "The project's large data, in a layer apart from its code.")

    def checked_inputs(self) -> Stage:
        """Check the files that commands ask for, and give them one mode and time, however they came."""
        seen = layout.seen(layout.INPUTS)
        return self._stage(
            CHECKED_INPUTS,
            "What commands ask for, checked.",
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

    def _project(self, part: str, comment: str) -> Stage:
        return self._stage(
            part,
            comment,
            (
                *scripts.copy_in(layout.seen(part), layout.HOME),
                *scripts.normalise_modes(),
                *scripts.own(layout.HOME, self.owner),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=part, target=layout.seen(part)),
        )

    def _stage(self, name: str, comment: str, script: scripts.Script, *mounts: Bind) -> Stage:
        run = Run(script=script, mounts=(SCRATCH, *mounts))
        return Stage(name=name, base=self.python, steps=(run,), comment=comment)


def staged(stage: str) -> Copy:
    """Copy what a stage made, as a layer that does not depend on those under it."""
    return Copy(source=f"{layout.STAGED}/", target="/", source_stage=stage, link=True)


def _install(into: str) -> scripts.Script:
    return (
        *scripts.check_hashes(_WHEELS, _HASHES),
        *scripts.install_wheels(f"{layout.seen('installer')}/uv", _WHEELS, _REQUIREMENTS, into=into),
    )


def _install_mounts(group: Group) -> tuple[Bind, ...]:
    return (
        Bind(source=_INSTALLER, target=layout.seen("installer"), source_stage="installer"),
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
