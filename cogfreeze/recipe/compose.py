"""Project + Lock → Recipe. Pure: the same values give the same recipe, anywhere and at any time.

Fetch stages have the network and check every file by its hash. All others have none. Each group of packages,
the server, our runtime, the lock and the user's code is made in a stage of its own, below `/layer`, and copied
by `COPY --link`: such a layer does not depend on those under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog import addresses
from cogfreeze.errors import LockUnusable, ProjectError
from cogfreeze.lock.file import dumps
from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND
from cogfreeze.recipe import layout, metadata, scripts
from cogfreeze.recipe.groups import DEFAULT_INDEX, Group, group
from cogfreeze.recipe.model import (
    Bind,
    ContextFile,
    Copy,
    Download,
    Recipe,
    Run,
    Secret,
    Setting,
    Stage,
    Step,
    Tmpfs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Apt, Lock, PlatformLock, Wheel
    from cogfreeze.project.model import Project, RunCommand

INSTALLER = "uv"
REAPER = "dumb-init"

# Company proxies need their own certificates for the downloads; a build without the secret does as well.
_CA = Secret(id="ca", target="/run/secrets/ca")
_SCRATCH = Tmpfs(target=layout.SCRATCH)
_DEBS, _WHEELS, _LISTS = (f"{layout.SCRATCH}/{name}" for name in (layout.DEBS, layout.WHEELS, layout.LISTS))
_INSTALLER, _REQUIREMENTS = f"{layout.SCRATCH}/installer", f"{layout.SCRATCH}/requirements.txt"
_HASHES = f"{_LISTS}/debs.sha256"
_COMMAND = "/run/command.sh"


def compose(project: Project, lock: Lock, platform: str, *, schema: str, builtin_frontend: bool = False) -> Recipe:
    """Return the build of one platform.

    Args:
        schema: the project's OpenAPI document, as JSON text.
        builtin_frontend: leave the pinned Dockerfile frontend out, for engines that cannot pull it.

    Raises:
        LockUnusable: the lock has no such platform, or lacks a part of what every image holds.
        ProjectError: the project asks for what images cannot have yet.
    """
    part = lock.for_platform(platform)
    if part is None:
        known = ", ".join(f"`{each.platform}`" for each in lock.platforms)
        raise LockUnusable(
            f"cog.lock is for {known}, not for `{platform}`", hint=f"run `cog lock --platform {platform}`"
        )
    _require_supported(project, part)
    return _Composer(project=project, lock=lock, part=part).recipe(schema, builtin_frontend=builtin_frontend)


def _require_supported(project: Project, part: PlatformLock) -> None:
    if part.python.interpreter:
        raise ProjectError(
            f"the base image `{part.base.reference}` brings no Python, which images cannot do without yet",
            where=f"{project.file}: build.base_image",
            hint="use a base image that has Python, such as `python:3.11-slim-bookworm`",
        )
    for index, command in enumerate(project.build.run):
        if command.inputs:
            raise ProjectError(
                "`inputs` of a command are not supported yet",
                where=f"{project.file}: build.run[{index}].inputs",
                hint="allow this command the network, `network: true`, or keep the files in the project's folder",
            )
    for wheel in part.python.wheels:
        if wheel.index == "local":
            raise ProjectError(
                f"the wheel `{wheel.file}` lies in the project's folder, which images cannot install from yet",
                where=project.file,
                hint="publish it to an index that the machine knows",
            )
    for name in (INSTALLER, REAPER):
        if not any(wheel.name == name for wheel in part.python.runtime):
            raise LockUnusable(
                f"cog.lock lacks `{name}`, which every image needs", hint="run `cog lock --upgrade-runtime`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Composer:
    project: Project
    lock: Lock
    part: PlatformLock

    @property
    def base(self) -> str:
        return f"{self.part.base.reference}@{self.part.base.digest}"

    @property
    def epoch(self) -> int:
        return self.lock.source_date_epoch

    def recipe(self, schema: str, *, builtin_frontend: bool) -> Recipe:
        python = self.part.python
        packages = group(python.wheels)
        installer = Group(
            name="installer", index=DEFAULT_INDEX, wheels=_named(python.runtime, INSTALLER, wanted=True)
        )
        server = Group(name="server", index=DEFAULT_INDEX, wheels=_named(python.runtime, INSTALLER, wanted=False))
        groups = (installer, *packages, server)
        network = self.project.build.network or any(command.network for command in self.project.build.run)
        lock_text = dumps(self.lock)
        settings = metadata.labels(
            self.project, self.lock, self.part.base, lock_text=lock_text, schema=schema, reproducible=not network
        )
        stages = (
            *self._fetch_stages(groups),
            self._system(),
            self._installer(),
            *(self._packages(each) for each in packages),
            self._server(server),
            self._standard_library(),
            self._runtime(),
            self._record(),
            self._code(),
            self._image(packages, settings),
        )
        return Recipe(
            platform=self.part.platform,
            frontend=None if builtin_frontend else self.lock.tools.frontend,
            epoch=self.epoch,
            stages=stages,
            files=(*self._lists(groups), *self._commands(), *_records(lock_text, schema)),
            downloads=tuple(self._downloads(groups)),
            reproducible=not network,
        )

    # Fetching

    def _downloads(self, groups: tuple[Group, ...]) -> Iterator[Download]:
        for deb in self.part.apt.packages if self.part.apt else ():
            yield Download(stage=layout.DEBS, path=f"{layout.FETCHED}/{_file(deb.path)}", source=deb)
        for each in groups:
            for wheel in each.wheels:
                path = f"{layout.FETCHED}/{each.name}/{wheel.file}"
                yield Download(stage=layout.WHEELS, path=path, source=wheel)

    def _lists(self, groups: tuple[Group, ...]) -> Iterator[ContextFile]:
        if apt := self.part.apt:
            debs = sorted(apt.packages, key=lambda deb: _file(deb.path))
            yield _list("debs.sha256", (f"{deb.sha256}  {_file(deb.path)}" for deb in debs))
            yield _list(
                "debs.txt",
                (f"{deb.archive}/{apt.snapshot}/{deb.path} {_file(deb.path)} SHA256:{deb.sha256}" for deb in debs),
            )
        for each in groups:
            yield _list(
                f"{each.name}.txt",
                (f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in each.wheels),
            )
        yield _list("installer.sha256", (f"{wheel.sha256}  {wheel.file}" for wheel in groups[0].wheels))

    def _fetch_stages(self, groups: tuple[Group, ...]) -> Iterator[Stage]:
        lists = Bind(source=layout.LISTS, target=_LISTS)
        if self.part.apt and self.part.apt.packages:
            archive = self.part.apt.packages[0].archive
            name = "UBUNTU_SNAPSHOT" if archive == "ubuntu" else "DEBIAN_SNAPSHOT"
            script = scripts.fetch_debs(name, f"{_LISTS}/debs.txt", _CA.target)
            yield Stage(
                name=layout.DEBS,
                base=self.base,
                steps=(
                    Setting(instruction="ARG", value=((name, addresses.snapshot(archive)),)),
                    Run(script=script, mounts=(_SCRATCH, lists, _CA), network=True),
                ),
                comment=f"Download: {len(self.part.apt.packages)} Debian packages, by hash.",
            )
        where = tuple((each.name, _index_address(each.index)) for each in groups)
        script = scripts.fetch_wheels(where, _LISTS, _CA.target)
        yield Stage(
            name=layout.WHEELS,
            base=self.base,
            steps=(Run(script=script, mounts=(_SCRATCH, lists, _CA), network=True),),
            comment=f"Download: {sum(len(each.wheels) for each in groups)} wheels, by hash.",
        )

    # Layers

    def _system(self) -> Stage:
        steps: tuple[Step, ...] = ()
        apt, user = self.part.apt, self.project.build.user
        mounts = [_SCRATCH]
        script: list[str] = [*scripts.mark_start()]
        if apt:
            script += [*self._check_base(), *scripts.install_debs(_DEBS, _HASHES)]
        if user != "root":
            script += scripts.create_user(user)
        if apt or user != "root":
            script += scripts.remove_leftovers(self.epoch)
            script += scripts.fix_times_since_start(self.epoch, (_SCRATCH.target,))
            debs = (
                Bind(source=layout.FETCHED, target=_DEBS, source_stage=layout.DEBS),
                Bind(source=f"{layout.LISTS}/debs.sha256", target=_HASHES),
            )
            steps = (Run(script=tuple(script), mounts=(*mounts, *(debs if apt else ()))),)
        return Stage(name="system", base=self.base, steps=steps, comment=_system_comment(apt, user))

    def _check_base(self) -> scripts.Script:
        if self.part.base.packages is None:
            return ()
        return scripts.check_base_packages(PACKAGE_LIST_COMMAND, self.part.base.packages)

    def _installer(self) -> Stage:
        hashes = f"{_LISTS}/installer.sha256"
        return self._stage(
            "installer",
            f"The installer, from its wheel: {_listed(_named(self.part.python.runtime, INSTALLER, wanted=True))}.",
            (
                *scripts.check_python(self.part.python.version),
                *scripts.unpack_installer(_WHEELS, hashes, "/installer"),
            ),
            Bind(source=f"{layout.FETCHED}/installer", target=_WHEELS, source_stage=layout.WHEELS),
            Bind(source=f"{layout.LISTS}/installer.sha256", target=hashes),
        )

    def _packages(self, each: Group) -> Stage:
        into = f"--prefix {layout.STAGED}{layout.PYTHON_PREFIX}"
        return self._stage(
            each.name,
            f"Python packages: {_listed(each.wheels)}.",
            (*self._install(into), *scripts.compile_python(), *scripts.fix_times(self.epoch)),
            *_install_mounts(each.name),
        )

    def _server(self, each: Group) -> Stage:
        staged = f"{layout.STAGED}{layout.SERVER}"
        return self._stage(
            each.name,
            f"The server's own packages, out of the model's sight: {_listed(each.wheels)}.",
            (
                *self._install(f"--target {staged}"),
                f"mkdir -p {layout.STAGED}{layout.OURS}/bin",
                f"mv {staged}/bin/{REAPER} {layout.STAGED}{layout.REAPER}",
                f"rm -r {staged}/bin",
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            *_install_mounts(each.name),
        )

    def _install(self, into: str) -> scripts.Script:
        return scripts.install_wheels(f"{_INSTALLER}/uv", _WHEELS, _REQUIREMENTS, into=into)

    def _standard_library(self) -> Stage:
        return self._stage(
            "standard-library",
            "Python's standard library, compiled.",
            (*scripts.compile_standard_library(), *scripts.fix_times(self.epoch)),
        )

    def _runtime(self) -> Stage:
        copies = (("cog", layout.SDK), ("cogworker", layout.SDK), ("cogserve", layout.SERVER))
        return self._stage(
            "runtime",
            "What serves predictions: SDK, worker and server.",
            (
                *(
                    line
                    for name, into in copies
                    for line in scripts.copy_in(f"{layout.SCRATCH}/runtime/{name}", f"{into}/{name}")
                ),
                *scripts.normalise_modes(),
                *scripts.compile_python(),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=layout.RUNTIME, target=f"{layout.SCRATCH}/runtime"),
        )

    def _record(self) -> Stage:
        files = (layout.LOCK, layout.SCHEMA)
        return self._stage(
            "record",
            "The lock and the OpenAPI document, for whoever asks the image what it holds.",
            (
                f"mkdir -p {layout.STAGED}{layout.OURS}",
                f"cp {' '.join(f'{layout.SCRATCH}/{name}' for name in files)} {layout.STAGED}{layout.OURS}/",
                *scripts.normalise_modes(),
                *scripts.fix_times(self.epoch),
            ),
            *(Bind(source=name, target=f"{layout.SCRATCH}/{name}") for name in files),
        )

    def _code(self) -> Stage:
        owner = "0:0" if self.project.build.user == "root" else f"{layout.USER_ID}:{layout.USER_ID}"
        return self._stage(
            "code",
            "The project's folder.",
            (
                *scripts.copy_in(f"{layout.SCRATCH}/code", layout.HOME),
                *scripts.normalise_modes(),
                *scripts.own(layout.HOME, owner),
                *scripts.fix_times(self.epoch),
            ),
            Bind(source=layout.CODE, target=f"{layout.SCRATCH}/code"),
        )

    def _stage(self, name: str, comment: str, script: scripts.Script, *mounts: Bind) -> Stage:
        """A stage that makes one layer, from the base image alone."""
        run = Run(script=script, mounts=(_SCRATCH, *mounts))
        return Stage(name=name, base=self.base, steps=(run,), comment=comment)

    # The image

    def _image(self, packages: tuple[Group, ...], labels: metadata.Pairs) -> Stage:
        project = self.project
        # The library is there before the commands, or each that runs Python would compile parts of it anew.
        steps: list[Step] = [_layer(name) for name in (*(each.name for each in packages), "standard-library")]
        if project.environment:
            steps.append(Setting(instruction="ENV", value=project.environment))
        steps += [self._command(index, command) for index, command in enumerate(project.build.run)]
        steps += [_layer(name) for name in ("server", "runtime", "record", "code")]
        steps += [
            Setting(instruction="ENV", value=metadata.environment(project)),
            Setting(instruction="LABEL", value=labels),
            Setting(instruction="WORKDIR", value=layout.HOME),
        ]
        if project.build.user != "root":
            steps.append(Setting(instruction="USER", value=f"{layout.USER_ID}:{layout.USER_ID}"))
        steps += [
            Setting(instruction="EXPOSE", value=str(layout.PORT)),
            Setting(instruction="ENTRYPOINT", value=(layout.REAPER, "--")),
            Setting(instruction="CMD", value=("python", "-m", "cog.server.http")),
        ]
        return Stage(name="image", base="system", steps=tuple(steps), comment="The image.")

    def _command(self, index: int, command: RunCommand) -> Run:
        mounted = (_COMMAND, *(each.target for each in command.secrets))
        return Run(
            script=(
                *scripts.mark_start(),
                *scripts.run_command(_COMMAND, self.epoch),
                *scripts.remove_leftovers(self.epoch),
                *scripts.fix_times_since_start(self.epoch, mounted),
            ),
            mounts=(
                Bind(source=f"{layout.COMMANDS}/{index + 1}.sh", target=_COMMAND),
                *(Secret(id=each.id, target=each.target, required=True) for each in command.secrets),
            ),
            network=self.project.build.network or command.network,
            comment=command.command,
        )

    def _commands(self) -> Iterator[ContextFile]:
        for index, command in enumerate(self.project.build.run):
            yield ContextFile(path=f"{layout.COMMANDS}/{index + 1}.sh", text=f"{command.command}\n")


def _index_address(index: str) -> str | None:
    """The torch family's indexes are public; any other is whatever pip is configured with."""
    tag = index.removeprefix("pytorch-")
    return f"{addresses.TORCH_INDEX}/{tag}" if tag != index else None


def _layer(stage: str) -> Copy:
    return Copy(source=f"{layout.STAGED}/", target="/", source_stage=stage, link=True)


def _install_mounts(name: str) -> tuple[Bind, ...]:
    return (
        Bind(source="/installer", target=_INSTALLER, source_stage="installer"),
        Bind(source=f"{layout.FETCHED}/{name}", target=_WHEELS, source_stage=layout.WHEELS),
        Bind(source=f"{layout.LISTS}/{name}.txt", target=_REQUIREMENTS),
    )


def _records(lock_text: str, schema: str) -> tuple[ContextFile, ...]:
    return (ContextFile(path=layout.LOCK, text=lock_text), ContextFile(path=layout.SCHEMA, text=schema))


def _list(name: str, lines: Iterator[str]) -> ContextFile:
    return ContextFile(path=f"{layout.LISTS}/{name}", text="".join(f"{line}\n" for line in lines))


def _named(wheels: tuple[Wheel, ...], name: str, *, wanted: bool) -> tuple[Wheel, ...]:
    return tuple(
        sorted((wheel for wheel in wheels if (wheel.name == name) is wanted), key=lambda wheel: wheel.name)
    )


def _listed(wheels: tuple[Wheel, ...]) -> str:
    return ", ".join(f"{wheel.name} {wheel.version}" for wheel in wheels)


def _file(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _system_comment(apt: Apt | None, user: str) -> str:
    words = []
    if apt:
        words.append("Debian packages: " + ", ".join(f"{deb.name} {deb.version}" for deb in apt.packages) + ".")
    if user != "root":
        words.append(f"The user that the image runs as: {user}.")
    return " ".join(words) or "The base image as it is."
