"""Really compiled extension modules that ask for a glibc of one's choice, for the tests of symbol versions."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path


def compiled(folder: Path, version: str) -> bytes:
    """Return a shared object that needs `from_glibc@GLIBC_version` of libc.so.6.

    It is linked against a library of that name which has the symbol: this machine's glibc need not be so new.
    """
    folder = folder / version
    folder.mkdir(exist_ok=True)
    (folder / "libc.c").write_text("int from_glibc(void) { return 0; }\n")
    (folder / "libc.map").write_text(f"GLIBC_{version} {{ global: from_glibc; }};\n")
    (folder / "module.c").write_text("extern int from_glibc(void);\nint ours(void) { return from_glibc(); }\n")
    build = ["gcc", "-shared", "-fPIC", "-nostdlib"]
    for command in (
        [*build, "-Wl,-soname,libc.so.6", "-Wl,--version-script=libc.map", "-o", "libc.so.6", "libc.c"],
        [*build, "-o", "module.so", "module.c", "-L.", "-l:libc.so.6"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return (folder / "module.so").read_bytes()


def weak(module: bytes) -> bytes:
    """Return the same with its one needed version marked weak, as newer linkers do for weak symbols."""
    section = ELFFile(io.BytesIO(module)).get_section_by_name(".gnu.version_r")
    flags = section["sh_offset"] + 16 + 4  # behind the entry of the library, and the hash of the version's own
    return module[:flags] + (2).to_bytes(2, "little") + module[flags + 2 :]


def for_arm(module: bytes) -> bytes:
    """Return the same for aarch64, as far as its header and its tables of versions go."""
    return module[:18] + (183).to_bytes(2, "little") + module[20:]
