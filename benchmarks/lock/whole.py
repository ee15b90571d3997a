"""How long a person waits when nothing changed: whole processes, on a project with apt and Python packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.lock.times import Row, median

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "examples/ocr"
COG = Path(sys.executable).with_name("cog")


def rows(folder: Path, runs: int) -> Iterator[Row]:
    project = folder / "ocr"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".cog"))

    def cog(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COG, *words], cwd=project, check=check, capture_output=True, text=True)

    if cog("lock", "--check", check=False).returncode:  # a release in the making has another runtime
        cog("lock", "--upgrade-runtime")
    before = (project / "cog.lock").read_bytes()
    yield Row(name="`cog lock`, nothing changed", ours=median(lambda: cog("lock"), runs), at_most=1)
    yield Row(name="`cog lock --check`", ours=median(lambda: cog("lock", "--check"), runs), at_most=0.3)
    yield Row(name="`cog --help`", ours=median(lambda: cog("--help"), runs), at_most=0.15)
    if (project / "cog.lock").read_bytes() != before:
        raise SystemExit("error: `cog lock` changed a current lock")
