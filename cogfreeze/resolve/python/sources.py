"""What uv is given to read: the declared requirements, written into a folder of scratch files.

Lines go over as they were written. Options of requirements files become the options that uv has for them, and the
torch family is tied to its own index by a pyproject.toml, the one form in which uv takes an index for some
packages alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.project.python import PROVIDED
from cogfreeze.resolve.index import Credentials, configuration_text, machine_indexes, uv_configuration
from cogfreeze.resolve.python import uv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cogfreeze.lock.model import Source, Wheel
    from cogfreeze.resolve.index import Target, TorchIndex
    from cogfreeze.resolve.requirements import Declared
    from cogfreeze.settings import Settings

# The project that ties packages to indexes; uv names it where those packages can't be had.
ROUTER = "cogfreeze-torch-index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that a compilation of one declaration for one platform is made from.

    Attributes:
        torch: the torch family's index, or None for the default one.
        folder: the project's.
        scratch: an empty folder.
        built: packages that are taken as source, and as nothing else.
        wheels_only: no other package may be source.
    """

    declared: Declared
    torch: TorchIndex | None
    folder: Path
    scratch: Path
    target: Target
    settings: Settings
    built: frozenset[str] = frozenset()
    wheels_only: bool = True

    def credentials(self) -> Credentials:
        """Return what the hosts of this declaration's and this machine's indexes are told."""
        options = self.declared.options
        declared = [url for url in (options.default_index, *options.indexes) if url]
        declared += [
            line.requirement.url
            for line in self.declared.requirements
            if line.requirement and line.requirement.url
        ]
        return Credentials(machine_indexes(self.folder), declared)

    def found(self, answer: uv.UvResult) -> tuple[uv.ResolvedPackage, ...]:
        """Read the packages of an answer, with addresses that can be fetched: uv leaves credentials out."""
        given = self.credentials()
        return tuple(
            replace(
                each,
                wheels=tuple(replace(wheel, url=given.added_to(wheel.url)) for wheel in each.wheels),
                origin=_reachable(each.origin, given),
            )
            for each in uv.packages(answer.text, self.scratch)
        )

    def compile(
        self,
        *,
        routed: Iterable[str] = (),
        preferred: Iterable[Wheel | Source] = (),
        more: Iterable[str] = (),
    ) -> uv.UvResult:
        """Run uv on the declaration and return its answer, whose text is a pylock.toml in `scratch`.

        Args:
            routed: packages of the torch family to take from its index; each becomes part of the closure.
            preferred: wheels whose versions are kept for as long as the requirements allow.
            more: further arguments.
        """
        output = self.scratch / "pylock.toml"
        self._write_preferred(output, preferred)
        answer = self.run(
            [*self.arguments(routed), *more, "--format", "pylock.toml", "--output-file", str(output)]
        )
        text = output.read_text(encoding="utf-8") if answer.status == 0 else ""
        return uv.UvResult(status=answer.status, text=text, talk=answer.talk)

    def indexes_of(self, found: Iterable[uv.ResolvedPackage], routed: Iterable[str]) -> uv.UvResult:
        """Ask uv which index each package of a closure came from: requirement lines with `# from` comments."""
        pins = self.scratch / "pins.in"
        pins.write_text("".join(f"{each.name}=={each.version}\n" for each in found if not each.direct))
        return self.run(
            [
                *self.arguments(routed, requirements=[str(pins)]),
                *("--no-deps", "--no-annotate", "--emit-index-annotation", "--format", "requirements.txt"),
            ]
        )

    def build_constraints(self, line: str) -> list[str]:
        """Return uv's arguments that constrain what builds a source whose metadata it reads."""
        path = self.scratch / "build-constraints.txt"
        path.write_text(f"{line}\n")
        return ["--build-constraints", str(path)]

    def requiring(self, found: Iterable[uv.ResolvedPackage], routed: Iterable[str]) -> uv.UvResult:
        """Ask uv which packages require each package of a closure: requirement lines with `# via` comments."""
        pins = self.scratch / "versions.txt"
        pins.write_text("".join(f"{each.name}=={each.version}\n" for each in found if not each.direct))
        return self.run(
            [
                *self.arguments(routed),
                *("--constraints", str(pins), "--annotation-style", "line", "--format", "requirements.txt"),
            ]
        )

    def pinned(self, lines: Iterable[str]) -> uv.UvResult:
        """Run uv on lines that say everything, without what they require; the text is a pylock.toml."""
        exact = self.scratch / "exact.in"
        exact.write_text("".join(f"{line}\n" for line in lines))
        output = self.scratch / "pylock.exact.toml"
        output.unlink(missing_ok=True)
        answer = self.run(
            [
                *self.arguments((), requirements=[str(exact)]),
                *("--no-deps", "--format", "pylock.toml", "--output-file", str(output)),
            ]
        )
        text = output.read_text(encoding="utf-8") if answer.status == 0 else ""
        return uv.UvResult(status=answer.status, text=text, talk=answer.talk)

    def run(self, arguments: list[str]) -> uv.UvResult:
        """Run uv in the project's folder, with the declaration's default index."""
        # The declaration's own index comes before the machine's, as it does in pip. It goes by the environment,
        # because it may hold credentials.
        default = self.declared.options.default_index
        index = {"UV_DEFAULT_INDEX": os.path.expandvars(default), "UV_INDEX_URL": ""} if default else None
        return uv.run_uv(arguments, folder=self.folder, settings=self.settings, more=index)

    def arguments(self, routed: Iterable[str], requirements: list[str] | None = None) -> list[str]:
        """Write the input files and return uv's arguments for them.

        Args:
            requirements: files to compile in place of the declaration's requirements and constraints.
        """
        given = requirements if requirements is not None else self._write_declared()
        return [
            *uv.compile_arguments(self.target, wheels_only=self.wheels_only),
            *(f"--no-binary={name}" for name in sorted(self.built)),
            *self.configuration(),
            *given,
            *self._write_options(),
            *self._write_routes(routed),
        ]

    def configuration(self) -> list[str]:
        """Return uv's arguments for the machine's settings of where and how to fetch."""
        settings = self.scratch / "uv.toml"
        settings.write_text(configuration_text(uv_configuration(self.folder)), encoding="utf-8")
        return ["--config-file", str(settings)]

    def _write_declared(self) -> list[str]:
        requirements = self.scratch / "requirements.in"
        # Sorted: of two versions that exclude each other, uv gives the newest to whoever stands first.
        lines = sorted(line.text for line in self.declared.requirements if line.name not in PROVIDED)
        requirements.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        excluded = self.scratch / "provided.txt"
        excluded.write_text("".join(f"{name}\n" for name in sorted(PROVIDED)))
        arguments = [str(requirements), "--excludes", str(excluded)]
        if self.declared.constraints:
            constraints = self.scratch / "constraints.txt"
            constraints.write_text(
                "".join(f"{text}\n" for text in sorted(line.text for line in self.declared.constraints)),
                encoding="utf-8",
            )
            arguments += ["--constraints", str(constraints)]
        return arguments

    def _write_options(self) -> list[str]:
        options = self.declared.options
        # Addresses may hold credentials or the names of variables that do: they go by file, where uv reads both.
        lines = [
            *(f"--extra-index-url {url}" for url in options.indexes),
            *(f"--find-links {place}" for place in options.find_links),
            *(["--no-index"] if options.no_index else []),
        ]
        path = self.scratch / "options.in"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        arguments = [str(path)] if lines else []
        arguments += [f"--allow-insecure-host={host}" for host in options.trusted_hosts]
        return [*arguments, *(["--prerelease", "allow"] if options.prereleases else [])]

    def _write_routes(self, routed: Iterable[str]) -> list[str]:
        names = sorted(TORCH_FAMILY & set(routed))
        if self.torch is None or not names:
            return []
        folder = self.scratch / "routes"
        folder.mkdir(exist_ok=True)
        sources = "".join(f"{name} = {{ index = {json.dumps(self.torch.name)} }}\n" for name in names)
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "{ROUTER}"\nversion = "0"\ndependencies = {json.dumps(names)}\n\n'
            f"[[tool.uv.index]]\nname = {json.dumps(self.torch.name)}\nurl = {json.dumps(self.torch.url)}\n"
            f"explicit = true\n\n[tool.uv.sources]\n{sources}",
            encoding="utf-8",
        )
        return [str(folder / "pyproject.toml")]

    def _write_preferred(self, output: Path, preferred: Iterable[Wheel | Source]) -> None:
        """Write what is preferred where uv looks for it: in the file that it is about to replace."""
        tag = self.torch.name.removeprefix("pytorch-") if self.torch else ""
        tables = []
        for each in preferred:
            version, index = each.version, ""
            if each.name in TORCH_FAMILY:
                # The same release, built for what is asked for now. uv heeds a preference for a package that is
                # tied to an index only if it names that index.
                version = f"{version.partition('+')[0]}+{tag}" if tag else version.partition("+")[0]
                index = f"index = {json.dumps(self.torch.url)}\n" if self.torch else ""
            tables.append(
                f"[[packages]]\nname = {json.dumps(each.name)}\nversion = {json.dumps(version)}\n{index}"
            )
        output.unlink(missing_ok=True)
        if tables:
            output.write_text(
                'lock-version = "1.0"\ncreated-by = "cogfreeze"\n' + "".join(tables), encoding="utf-8"
            )


def _reachable(origin: uv.Origin | None, given: Credentials) -> uv.Origin | None:
    if origin is None or origin.file is None:
        return origin
    return replace(origin, file=replace(origin.file, url=given.added_to(origin.file.url)))
