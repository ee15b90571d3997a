"""The stages that download files by hash, and the downloads that `cog build` hands to the engine instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog import addresses
from cogfreeze.recipe import from_source, layout, scripts
from cogfreeze.recipe.groups import LOCAL
from cogfreeze.recipe.model import Add, Bind, ContextFile, Download, Run, Secret, Setting, Stage, Tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogfreeze.lock.model import Apt, Interpreter, LockedFile, Source
    from cogfreeze.recipe.groups import Group
    from cogfreeze.recipe.model import Mount

# Certificates of a company proxy, for the downloads. Optional.
CA = Secret(id="ca", target="/run/secrets/ca")
SCRATCH = Tmpfs(target=layout.SCRATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """The downloads of one platform.

    Attributes:
        base: the image with apt, from which the stages start.
        python: the image or stage that also has Python.
        build_apt: what sources are built with.
        groups: all groups of wheels, including our own.
        inputs: the input files of commands.
        interpreter: a CPython for a base image without Python.
        sources: the archives of packages that are built from source.
    """

    base: str
    python: str
    apt: Apt | None
    build_apt: Apt | None
    groups: tuple[Group, ...]
    inputs: tuple[LockedFile, ...] = ()
    interpreter: Interpreter | None = None
    sources: tuple[Source, ...] = ()

    def downloads(self) -> Iterator[Download]:
        """Yield every file with its path in its stage."""
        for stage, apt in self._apts():
            for deb in apt.packages:
                yield Download(stage=stage, path=f"{layout.FETCHED}/{file_name(deb.path)}", source=deb)
        for group in self.groups:
            for wheel in group.wheels:
                path = f"{layout.FETCHED}/{group.name}/{wheel.file}"
                yield Download(stage=layout.WHEELS, path=path, source=wheel)
        for file in self.inputs:
            yield Download(stage=layout.INPUTS, path=f"{layout.FETCHED}/{file.sha256}", source=file)
        for source in self.sources:
            yield Download(stage=layout.SOURCES, path=f"{layout.FETCHED}/{source.file}", source=source)
        if self.interpreter:
            path = f"{layout.FETCHED}/{self.interpreter.sha256}"
            yield Download(stage=layout.INTERPRETER, path=path, source=self.interpreter)

    def lists(self) -> Iterator[ContextFile]:
        """Yield the lists with addresses and hashes of the files."""
        for stage, apt in self._apts():
            dated = apt.snapshot
            debs = sorted((file_name(deb.path), deb) for deb in apt.packages)
            yield _list(layout.hashes(stage), (f"{deb.sha256}  {file}" for file, deb in debs))
            yield _list(
                layout.requirements(stage),
                (f"{deb.archive}/{dated}/{deb.path} {file} SHA256:{deb.sha256}" for file, deb in debs),
            )
        for group in self.groups:
            yield _list(
                layout.requirements(group.name),
                (f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in group.wheels),
            )
            yield _list(layout.hashes(group.name), (f"{wheel.sha256}  {wheel.file}" for wheel in group.wheels))

        if self.inputs:
            hashes = sorted({file.sha256 for file in self.inputs})
            yield _list(layout.hashes(layout.INPUTS), (f"{sha256}  {sha256}" for sha256 in hashes))
        if self.sources:
            hashes = sorted(f"{source.sha256}  {source.file}" for source in self.sources)
            yield _list(layout.hashes(layout.SOURCES), hashes)
        if self.interpreter:
            sha256 = self.interpreter.sha256
            yield _list(layout.hashes(layout.INTERPRETER), (f"{sha256}  {sha256}",))

    def stages(self) -> Iterator[Stage]:
        """Yield the fetch stages, without the interpreter's. A named build context can replace each."""
        for stage, apt in self._apts():
            yield self._debs(stage, apt)
        yield self._wheels()
        if self.inputs:
            yield self._inputs()
        if self.sources:
            yield from_source.fetch_stage(self.sources)

    def interpreters(self) -> Iterator[Stage]:
        """Yield the stage that downloads Python, if the base image has none."""
        if self.interpreter is None:
            return
        add = Add(
            url=f"{addresses.PYTHON_BUILDS}/{self.interpreter.url}",
            sha256=self.interpreter.sha256,
            target=f"{layout.FETCHED}/{self.interpreter.sha256}",
        )
        yield Stage(
            name=layout.INTERPRETER,
            base="scratch",
            steps=(add,),
            comment=f"Download: {self.interpreter.release}, by hash.",
        )

    def _apts(self) -> Iterator[tuple[str, Apt]]:
        """Yield the closures of system packages with the name of their stage."""
        if self.apt:
            yield layout.DEBS, self.apt
        if self.build_apt:
            yield layout.BUILD_DEBS, self.build_apt

    def _debs(self, stage: str, apt: Apt) -> Stage:
        # All archives of a distribution are at the same service.
        archive = apt.packages[0].archive
        name = "UBUNTU_SNAPSHOT" if archive == "ubuntu" else "DEBIAN_SNAPSHOT"
        seen = layout.mounted("debs.txt")
        return Stage(
            name=stage,
            base=self.base,
            steps=(
                Setting(instruction="ARG", value=((name, addresses.snapshot(archive)),)),
                Run(
                    script=scripts.fetch_debs(name, seen, CA.target),
                    mounts=(SCRATCH, Bind(source=layout.requirements(stage), target=seen), CA),
                    network=True,
                ),
            ),
            comment=f"Download: {len(apt.packages)} Debian packages, by hash.",
        )

    def _wheels(self) -> Stage:
        lists, local = layout.mounted("lists"), layout.mounted(layout.LOCAL)
        script: list[str] = [*scripts.prepare_pip(CA.target)]
        mounts: list[Mount] = [SCRATCH, Bind(source=layout.LISTS, target=lists), CA]
        for group in self.groups:
            if group.index == LOCAL:
                files = (f"{local}/{wheel.file}" for wheel in group.wheels)
                script += scripts.copy_wheels(tuple(files), group.name)
            else:
                requirements = f"{lists}/{file_name(layout.requirements(group.name))}"
                script += scripts.fetch_wheels(requirements, group.name, _address(group.index))
        if any(group.index == LOCAL for group in self.groups):
            mounts.append(Bind(source=layout.LOCAL, target=local))
        return Stage(
            name=layout.WHEELS,
            base=self.python,
            steps=(Run(script=tuple(script), mounts=tuple(mounts), network=True),),
            comment=f"Download: {sum(len(group.wheels) for group in self.groups)} wheels, by hash.",
        )

    def _inputs(self) -> Stage:
        by_hash = {file.sha256: file.url for file in self.inputs}
        adds = (
            Add(url=url, sha256=sha256, target=f"{layout.FETCHED}/{sha256}")
            for sha256, url in sorted(by_hash.items())
        )
        return Stage(
            name=layout.INPUTS,
            base="scratch",
            steps=tuple(adds),
            comment=f"Download: {len(by_hash)} inputs of the commands, by hash.",
        )


def file_name(path: str) -> str:
    """Return the last component of a path."""
    return path.rsplit("/", 1)[-1]


def _list(path: str, lines: Iterable[str]) -> ContextFile:
    return ContextFile(path=path, text="".join(f"{line}\n" for line in lines))


def _address(index: str) -> str | None:
    """Return the address of a PyTorch index; None for pip's configured index."""
    tag = index.removeprefix("pytorch-")
    return f"{addresses.TORCH_INDEX}/{tag}" if tag != index else None
