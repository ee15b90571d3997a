"""System packages for a run without an engine: what this machine lacks comes from the locked .debs.

Nothing is installed. The locked packages are unpacked into the cache, and the model's process finds only those
libraries and programs there that the machine lacks. Installed ones take precedence, because a library for another
release of the C library would do more harm than good.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.local import cache
from cogfreeze.resolve.apt import deb_artifacts
from cogfreeze.resolve.fetch import fetch_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cogfreeze.lock.model import Apt, Deb
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_LIBRARY = re.compile(r".+\.so(\.[0-9.]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPackages:
    """Folders to search after the machine's own.

    Attributes:
        libraries: for the loader; only those that the machine lacks.
        programs: for PATH, at its end.
    """

    libraries: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return what to set on top of an environment; nothing if nothing is missing."""
        if not self.libraries:
            return {}
        own = [environment["LD_LIBRARY_PATH"]] if environment.get("LD_LIBRARY_PATH") else []
        path = [environment.get("PATH", os.defpath), *map(str, self.programs)]
        return {
            "LD_LIBRARY_PATH": os.pathsep.join([*own, *map(str, self.libraries)]),
            "PATH": os.pathsep.join(path),
        }


def missing_packages(closure: Apt | None, settings: Settings, report: Report) -> SystemPackages:
    """Return the locked system packages that this machine lacks, fetched by hash if they are not cached.

    Raises:
        NetworkError, IntegrityError: a package could not be fetched, or is not the locked one.
    """
    if closure is None or not (lacking := _lacking(closure.packages)):
        return SystemPackages()
    if shutil.which("dpkg-deb") is None:
        names = ", ".join(sorted(deb.name for deb in lacking))
        report.warn(
            f"this machine may lack these locked system packages: {names}",
            hint="if the model does not start, install the packages of this distribution that have them",
        )
        return SystemPackages()
    root = _unpacked(replace(closure, packages=tuple(lacking)), settings, report)
    libraries = _missing_libraries(root)
    programs = [folder for folder in (root / "usr/bin", root / "bin") if folder.is_dir()]
    return SystemPackages(libraries=(libraries,), programs=tuple(programs))


def _lacking(debs: Iterable[Deb]) -> list[Deb]:
    """The packages that this machine's package database does not list as installed, in any version."""
    debs = list(debs)
    if shutil.which("dpkg-query") is None:
        return debs
    query = [
        "dpkg-query",
        "--show",
        "--showformat",
        "${Package} ${db:Status-Status}\n",
        *(deb.name for deb in debs),
    ]
    # It exits with 1 for an unknown name, and still prints the others.
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [deb for deb in debs if deb.name not in installed]


def _unpacked(closure: Apt, settings: Settings, report: Report) -> Path:
    """Return the folder of the cache with the packages' files; it is complete or absent."""
    digest = hashlib.sha256("\n".join(sorted(deb.sha256 for deb in closure.packages)).encode()).hexdigest()[:32]
    root = settings.cache / "system" / digest
    cache.use(root)
    if root.is_dir():
        return root
    own = _own_archives()
    wanted = [
        replace(artifact, urls=(*(f"{base}/{deb.path}" for base in own.get(deb.archive, ())), *artifact.urls))
        for deb, artifact in zip(closure.packages, deb_artifacts(closure, settings), strict=True)
    ]
    files = fetch_all(wanted, settings, report, what="system packages")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        made = Path(scratch) / "root"
        with report.step(f"unpacking {len(files)} system packages that this machine lacks"):
            for deb in files.values():
                subprocess.run(["dpkg-deb", "--extract", deb, made], check=True, capture_output=True)
        _keep(made, root)
    return root


def _own_archives() -> dict[str, list[str]]:
    """Return the archives that this machine installs from, by name.

    They are nearer than the dated ones, and the hash decides. They no longer have a package that was replaced by a
    newer one; then the dated archive is used.
    """
    if shutil.which("apt-get") is None:
        return {}
    answer = subprocess.run(["apt-get", "update", "--print-uris"], capture_output=True, text=True, check=False)
    found: dict[str, list[str]] = {}
    for base in re.findall(r"^'(https?://[^' ]+)/dists/", answer.stdout, re.MULTILINE):
        bases = found.setdefault(base.rpartition("/")[2], [])
        if base not in bases:
            bases.append(base)
    return found


def _missing_libraries(root: Path) -> Path:
    """Return a folder of links to the libraries below `root` that this machine's loader does not find."""
    own = _loader_finds()
    missing = {
        path.name: path
        for path in sorted(root.glob("**/lib/**/*.so*"))
        if _LIBRARY.fullmatch(path.name) and path.name not in own
    }
    digest = hashlib.sha256("\n".join(sorted(missing)).encode()).hexdigest()[:16]
    folder = root.with_name(f"{root.name}-{digest}")
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
            links = Path(scratch) / "links"
            links.mkdir()
            for name, path in missing.items():
                (links / name).symlink_to(path)
            _keep(links, folder)
    return folder


def _keep(made: Path, place: Path) -> None:
    """Move a finished folder to its place, unless another run was faster."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def _loader_finds() -> set[str]:
    loader = shutil.which(
        "ldconfig", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/sbin", "/usr/sbin"])
    )
    if loader is None:
        return set()
    listing = subprocess.run([loader, "-p"], capture_output=True, text=True, check=False).stdout
    return {line.split()[0] for line in listing.splitlines() if "=>" in line}
