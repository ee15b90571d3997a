"""Runs apt in a private folder to find out what it would install.

The machine's own apt configuration, sources, keys, preferences and packages are not used, and its apt behaves as
the base image's does: the same lists and base give the same answer everywhere. Nothing is installed, and root is
not needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cogfreeze.errors import CogError, ToolMissing
from cogfreeze.lock import debian_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cogfreeze.resolve.apt.archive import PackageList, Release

# apt names its list files after the host; this one is never contacted.
_HOST = "archive.invalid"
# Where the files are in a container.
_PLACE = "/cogfreeze-apt"
# First versions that upgrade installed packages of one source together, and that use the new solver.
_MOVES_TOGETHER, _SOLVER_3 = map(debian_version.key, ("2.5.2", "3.1.10"))
_LINE = re.compile(rb"^'([^']+)' \S+ (\d+) SHA256:([0-9a-f]{64})$", re.MULTILINE)

_CONFIGURATION = """\
Dir "{root}";
Dir::Etc "etc";
Dir::Etc::main "none";
Dir::Etc::parts "none.d";
Dir::Etc::preferencesparts "none.d";
Dir::State "state";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Architecture "{native}";
APT::Architectures {{ {architectures} }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
// Phased updates depend on the machine's id: include all of them.
APT::Get::Always-Include-Phased-Updates "true";
APT::Solver "{solver}";
APT::Get::Upgrade-By-Source-Package "{together}";
Acquire::ForceHash "SHA256";
Acquire::Languages "none";
Debug::NoLocking "true";
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A .deb that apt would fetch."""

    archive: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """Defaults that differ between releases of apt; a newer one can be told to behave like an older one."""

    together: bool
    solver_3: bool

    @classmethod
    def of(cls, version: str | None) -> _Rules:
        """Return those of a version; for a base without apt, the most common ones."""
        if version is None:
            return cls(together=True, solver_3=False)
        key = debian_version.key(version)
        return cls(together=key >= _MOVES_TOGETHER, solver_3=key >= _SOLVER_3)

    def can_be(self, wanted: _Rules) -> bool:
        return self.together >= wanted.together and self.solver_3 >= wanted.solver_3


class AptFailed(CogError):
    """apt-get failed.

    Attributes:
        said: its output.
        errors: the lines that begin with `E:`, without the prefix.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self.errors = tuple(line[3:] for line in said.splitlines() if line.startswith("E: "))
        super().__init__("; ".join(self.errors) or "apt-get failed without an error message")


def solve(
    packages: Sequence[str],
    *,
    releases: Iterable[Release],
    lists: Iterable[PackageList],
    status: str,
    architectures: Sequence[str],
    base_apt: str | None,
    image: str,
) -> tuple[Download, ...]:
    """Return every .deb that `apt-get install` would fetch, in apt's order.

    Args:
        packages: as for apt-get: `name`, `name=version`, `name:arch`.
        status: what is installed already, as text of dpkg's status file.
        architectures: the image's own first.
        base_apt: the version of the base's own apt, whose defaults are used; None if it has none.
        image: reference of the base, by digest; its apt-get runs if the machine has none.

    Raises:
        AptFailed: apt-get failed.
        ToolMissing: there is neither docker nor an apt-get that is new enough.
    """
    rules = _Rules.of(base_apt)
    own = _own_version()
    here = own is not None and _Rules.of(own).can_be(rules)
    words = ("-q", "-y", "--print-uris", "--no-install-recommends", "--no-remove", "install", *packages)
    with tempfile.TemporaryDirectory(prefix="cogfreeze-apt-", ignore_cleanup_errors=True) as folder:
        place = folder if here else _PLACE
        _write_root(Path(folder), place, releases, lists, status, architectures, rules)
        run = _on_this_machine(folder, words) if here else _in_base_image(folder, image, words, own)
    if run.returncode:
        raise AptFailed((run.stdout + run.stderr).decode("utf-8", "replace"))
    return tuple(_download(*found.groups()) for found in _LINE.finditer(run.stdout))


@cache
def _own_version() -> str | None:
    """Return the version of this machine's apt, or None if it has none."""
    if (program := shutil.which("apt-get")) is None:
        return None
    run = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"apt (\S+)", run.stdout)
    return found[1] if found else None


def _on_this_machine(folder: str, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C", "APT_CONFIG": f"{folder}/apt.conf"}
    return subprocess.run(["apt-get", *words], capture_output=True, env=environment, check=False)


def _in_base_image(
    folder: str, image: str, words: Sequence[str], own: str | None
) -> subprocess.CompletedProcess[bytes]:
    """Run the base image's own apt-get. The files are copied, so a remote engine works too.

    Args:
        own: the version of this machine's apt, which is too old.
    """
    if not shutil.which("docker"):
        lack, way_out = "which is not on this machine", "lock on Debian or Ubuntu"
        if own is not None:
            lack, way_out = f"and this machine's ({own}) is older than the base's", "lock on a newer release"
        raise ToolMissing(
            f"system packages are resolved by `apt-get`, {lack}",
            where="build.system_packages",
            hint=f"{way_out}, or install docker: then the base image's own is used",
        )
    container = _docker(
        # As root, whatever the image's user is: root owns the copied files.
        *("create", "--network=none", "--user=0", "--env", f"APT_CONFIG={_PLACE}/apt.conf", "--env", "LC_ALL=C"),
        *("--entrypoint", "apt-get", image, *words),
    )
    try:
        _docker("cp", f"{folder}/.", f"{container}:{_PLACE}")
        return subprocess.run(["docker", "start", "--attach", container], capture_output=True, check=False)
    finally:
        _docker("rm", "--force", container)


def _docker(*words: str) -> str:
    run = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if run.returncode:
        said = run.stderr.strip().splitlines() or ["no reason given"]
        raise ToolMissing(
            f"`docker {words[0]}` failed, and there is no `apt-get` on this machine: {said[-1]}",
            where="build.system_packages",
            hint="start the engine, or lock on Debian or Ubuntu",
        )
    return run.stdout.strip()


def _write_root(
    root: Path,
    place: str,
    releases: Iterable[Release],
    lists: Iterable[PackageList],
    status: str,
    architectures: Sequence[str],
    rules: _Rules,
) -> None:
    """Write what apt reads, for use at `place`: configuration, sources, lists and dpkg status."""
    for folder in ("etc/none.d", "state", "lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True)
    (root / "apt.conf").write_text(
        _CONFIGURATION.format(
            root=place,
            native=architectures[0],
            architectures=" ".join(f'"{each}";' for each in architectures),
            together="true" if rules.together else "false",
            solver="3.0" if rules.solver_3 else "internal",
        )
    )
    (root / "status").write_text(status, encoding="utf-8")
    sources = []
    for each in releases:
        pocket = each.pocket
        # `trusted`: the signature is already checked, and these are the signed bytes.
        sources.append(
            f"deb [trusted=yes] http://{_HOST}/{pocket.archive} {pocket.suite} {' '.join(pocket.components)}\n"
        )
        (root / "lists" / f"{_HOST}_{pocket.archive}_dists_{pocket.suite}_Release").write_bytes(each.text)
    (root / "etc/sources.list").write_text("".join(sources))
    for one in lists:
        suite = f"{_HOST}_{one.pocket.archive}_dists_{one.pocket.suite}"
        (root / "lists" / f"{suite}_{one.component}_binary-{one.architecture}_Packages").write_bytes(one.text)


def _download(uri: bytes, size: bytes, sha256: bytes) -> Download:
    archive, _, path = unquote(urlsplit(uri.decode()).path).lstrip("/").partition("/")
    return Download(archive=archive, path=path, size=int(size), sha256=sha256.decode())
