"""Pythons that this machine's release of Debian is too old for: a newer release's, run with its own libraries.

apt fetches them and all that they need, checked by the archive's signature, under a root of its own; nothing is
installed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

SUITE = "forky"
VERSIONS = ("3.13", "3.14")
# The loader is named, because the kernel would take this machine's; and so the program's own name has to be told.
START = """\
#!/bin/sh
exec {loader} --argv0 "$0" --library-path {libraries} {program} "$@"
"""


def python(version: str, folder: Path) -> Path:
    """Return the path of one of these Pythons; below `folder` they are unpacked, unless they are there.

    Raises:
        LookupError: this machine's apt knows no archive of Debian.
    """
    home = folder / SUITE
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            root = Path(scratch) / "root"
            root.mkdir()
            for package in _fetched(Path(scratch)):
                subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
            for each in VERSIONS:
                _write_start(each, root, home)
            root.rename(home)
    return home / f"usr/bin/start-python{version}"


def _archive() -> str:
    """Return where the machine's own apt gets Debian from; nothing is fetched."""
    command = ["apt-get", "update", "--print-uris"]
    named = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^'(\S+/debian)/dists/", named, re.MULTILINE)
    if found is None:
        raise LookupError("this machine's apt knows no archive of Debian")
    return found[1]


def _fetched(scratch: Path) -> list[Path]:
    """Fetch the packages and all that they need, and return their files."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(f"deb {_archive()} {SUITE} main\n")
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": scratch / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
    }
    options = [word for name, value in settings.items() for word in ("--option", f"{name}={value}")]
    packages = [f"python{version}" for version in VERSIONS]
    for words in (["update"], ["install", "--download-only", "--no-install-recommends", "--yes", *packages]):
        subprocess.run(["apt-get", "--quiet", "--quiet", *options, *words], check=True, stdin=subprocess.DEVNULL)
    return sorted((scratch / "cache/archives").glob("*.deb"))


def _write_start(version: str, root: Path, home: Path) -> None:
    """Write the script that starts a Python once `root` has become `home`."""
    (libraries,) = root.glob("usr/lib/*-linux-gnu")
    (loader,) = libraries.glob("ld-linux-*.so.*")
    start = root / f"usr/bin/start-python{version}"
    start.write_text(
        START.format(
            loader=home / loader.relative_to(root),
            libraries=home / libraries.relative_to(root),
            program=home / f"usr/bin/python{version}",
        )
    )
    start.chmod(0o755)
