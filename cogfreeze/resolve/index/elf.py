"""Which glibc the compiled files of a wheel ask for: the symbol versions in them, which the loader reads too.

What was read is kept by the wheel's hash.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
import zlib
from contextlib import suppress
from itertools import islice
from typing import IO, TYPE_CHECKING

from cogfreeze import atomic
from cogfreeze.errors import IntegrityError
from cogfreeze.lock.requirements import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cogfreeze.settings import Settings

# What the names of compiled files in a RECORD look like: `cv2.abi3.so`, `libgomp-a34b3233.so.1.0.0`.
SHARED_OBJECT = re.compile(r"\.so(\.\d+)*$")

_VERSION = re.compile(r"GLIBC_(\d+)\.(\d+)(\.\d+)?")
# Marks of the file as a whole, which a loader too old for them refuses, with the glibc that brought them.
_MARKS = {"GLIBC_ABI_DT_RELR": (2, 36)}
_WEAK = 2  # VER_FLG_WEAK: the loader does without
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
_MOST = 1024  # of libraries, and of versions of each: a broken file counts them in billions
_IN_MEMORY = 32 * 1024 * 1024
# Raised when what is kept changes its form.
_FORM = 1

# Architecture in wheel tags → glibc version → the first file that asks for it.
Needs = dict[str, dict[tuple[int, int], str]]


def newest_glibc(needs: Needs, platform: str) -> tuple[tuple[int, int], str] | None:
    """Return the newest glibc that files for a platform ask for, and a file that does; None where none asks."""
    asked = needs.get(ARCHITECTURES[platform])
    return max(asked.items()) if asked else None


def cached_symbol_versions(sha256: str, settings: Settings) -> Needs | None:
    """Return what a wheel's files ask for where they were read before."""
    try:
        table = json.loads(_path(sha256, settings).read_bytes())
        return {machine: {(major, minor): file for major, minor, file in rows} for machine, rows in table.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def symbol_versions(wheel: Path, sha256: str, settings: Settings) -> Needs:
    """Read the compiled files of a wheel, and keep what they ask for.

    A file that is not a whole ELF file asks for nothing: the loader would refuse it whatever the base has.

    Raises:
        IntegrityError: the wheel is not a zip archive.
    """
    found: Needs = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in sorted(archive.infolist(), key=lambda each: each.filename):
                with archive.open(member) as stream:
                    for machine, version in _asked(stream):
                        found.setdefault(machine, {}).setdefault(version, member.filename)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise IntegrityError(f"`{wheel.name}` is not a wheel: {error}") from error
    _keep(found, sha256, settings)
    return found


def _path(sha256: str, settings: Settings) -> Path:
    return settings.cache / "wheels" / f"elf-v{_FORM}" / f"{sha256}.json"


def _keep(found: Needs, sha256: str, settings: Settings) -> None:
    table = {
        machine: [[*version, file] for version, file in sorted(asked.items())] for machine, asked in found.items()
    }
    path = _path(sha256, settings)
    with suppress(OSError):  # kept only to be quicker next time
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, json.dumps(table, separators=(",", ":")).encode())


def _asked(stream: IO[bytes]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield every glibc that one file asks for, with the architecture that it is for."""
    start = stream.read(4)
    if start != b"\x7fELF":
        return
    # The tables lie anywhere in the file, and a member of an archive can't be read backwards.
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        file.write(start)
        shutil.copyfileobj(stream, file)
        yield from _versions(file)


def _versions(file: IO[bytes]) -> list[tuple[str, tuple[int, int]]]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    try:
        elf = ELFFile(file)
        machine = _MACHINES.get(elf["e_machine"])
        if machine is None:
            return []
        return [
            (machine, version)
            for section in elf.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _library, wanted in islice(section.iter_versions(), _MOST)
            for each in islice(wanted, _MOST)
            if not each["vna_flags"] & _WEAK and (version := _glibc(each.name))
        ]
    # pyelftools takes a file at its word, and a broken one leads it anywhere.
    except (ELFError, ValueError, LookupError, TypeError, AttributeError, OverflowError, AssertionError):
        return []


def _glibc(symbol_version: str) -> tuple[int, int] | None:
    found = _VERSION.fullmatch(symbol_version)
    return (int(found[1]), int(found[2])) if found else _MARKS.get(symbol_version)
