"""Updates `lockfiles/pylock.runtime-3X.toml`: `python -m cogfreeze.maintenance.runtime_lockfiles [--upgrade]`.

For maintainers; `cog` itself never runs this.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import atomic, bundled
from cogfreeze.errors import CogError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.index import ARCHITECTURES, Target, wheel_metadata, wheel_rank
from cogfreeze.resolve.python import ResolvedPackage, Sources, explain_failure
from cogfreeze.resolve.requirements import Declared, dependency_graph, read_declared
from cogfreeze.resolve.runtime import runtime_lockfile, runtime_wheels
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHONS = tuple(f"3.{minor}" for minor in range(8, 15))
# The oldest C library of any supported base, and the newest that a wheel may need.
_GLIBCS = ((2, 28), (2, 40))


def main(words: Sequence[str]) -> int:
    """Write the lock file of every Python."""
    settings = Settings.from_environment()
    try:
        for python in PYTHONS:
            text = locked(python, settings, upgrade="--upgrade" in words)
            atomic.write(runtime_lockfile(python), text.encode())
    except CogError as error:
        sys.stderr.write(f"error: Python {python}: {error}\n")
        return 1
    return 0


def locked(python: str, settings: Settings, *, upgrade: bool) -> str:
    """Return the text of a Python's lock file.

    Args:
        upgrade: move to the newest versions rather than keep those of the present file.

    Raises:
        ResolveError: a package has no wheel for one of the platforms.
    """
    found: dict[str, ResolvedPackage] = {}
    for platform in ARCHITECTURES:
        for glibc in _GLIBCS:
            target = Target(python=python, platform=platform, glibc=glibc)
            for each in _resolved(target, settings, upgrade=upgrade):
                _require(each, target)
                before = found.setdefault(each.name, each)
                if before.version != each.version:
                    raise ResolveError(
                        f"`{each.name}` is {before.version} on one platform and {each.version} on another"
                    )
                kept = {wheel.file: wheel for wheel in (*before.wheels, *each.wheels)}
                found[each.name] = replace(before, wheels=tuple(kept[file] for file in sorted(kept)))
    return _written(python, found, settings)


def _resolved(target: Target, settings: Settings, *, upgrade: bool) -> tuple[ResolvedPackage, ...]:
    with tempfile.TemporaryDirectory(prefix="cogfreeze-") as scratch:
        sources = Sources(
            declared=_declared(target.python),
            torch=None,
            folder=bundled.LOCKFILES,
            scratch=Path(scratch),
            target=target,
            settings=settings,
        )
        present = runtime_lockfile(target.python)
        kept = runtime_wheels(target.python, target.platform, glibc=target.glibc) if present.exists() else ()
        answer = sources.compile(preferred=() if upgrade else kept)
        if answer.status != 0:
            raise explain_failure(answer.talk, sources)
        return sources.found(answer)


def _declared(python: str) -> Declared:
    lines = (bundled.LOCKFILES / "runtime.in").read_text(encoding="utf-8").splitlines()
    declared = tuple(line for line in lines if line and not line.startswith("#"))
    return read_declared(Build(python_version=python, python_packages=declared), bundled.LOCKFILES)


def _require(found: ResolvedPackage, target: Target) -> None:
    if not any(wheel_rank(wheel.file, target) is not None for wheel in found.wheels):
        raise ResolveError(
            f"`{found.name}` {found.version} has no wheel for {target.platform}, glibc {target.glibc}"
        )


def _written(python: str, found: dict[str, ResolvedPackage], settings: Settings) -> str:
    wheels = [wheel for each in found.values() for wheel in each.wheels]
    metadata = wheel_metadata(wheels, settings, Silent())
    markers = Target(python=python, platform="linux/amd64").markers
    requires = {name: metadata[each.wheels[0].sha256].requires for name, each in found.items()}
    required_by = dependency_graph(_declared(python).requirements, requires, markers).required_by
    lines = [
        f"# The server's packages on Python {python}, made from runtime.in by `make lockfiles`.",
        'lock-version = "1.0"',
        'created-by = "cogfreeze"',
        f'requires-python = ">={python}"',
    ]
    for name in sorted(found):
        dependencies = sorted(other for other, by in required_by.items() if name in by)
        lines += ["", "[[packages]]", f'name = "{name}"', f'version = "{found[name].version}"']
        if dependencies:
            lines.append("dependencies = [" + ", ".join(f'{{ name = "{other}" }}' for other in dependencies) + "]")
        lines.append("wheels = [")
        lines += [
            f'    {{ path = "{wheel.file}", size = {metadata[wheel.sha256].size},'
            f' hashes = {{ sha256 = "{wheel.sha256}" }} }},'
            for wheel in found[name].wheels
        ]
        lines.append("]")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
