"""Build each project of `projects.py` twice from scratch, and say which are the same image.

`--system` builds only the step with the system packages, which is quicker; projects without any are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import page
from benchmarks.repro.projects import CASES, PREDICT

if TYPE_CHECKING:
    from benchmarks.repro.projects import Case


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.repro", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="projects (default: all)")
    parser.add_argument("--system", action="store_true", help="build only the step with the system packages")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="keep the table between two marks of a document"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such project: {', '.join(sorted(unknown))}")
    chosen = [case for case in CASES if not arguments.names or case.name in arguments.names]
    rows = []
    for case in chosen:
        if arguments.system and not case.system:
            continue
        rows.append(_row(case, system=arguments.system))
        print(rows[-1], flush=True)
    failed = [row for row in rows if "| equal |" not in row]
    print(f"{len(rows) - len(failed)} of {len(rows)} projects are equal", flush=True)
    if arguments.write:
        _write(arguments.write, rows)
    return 1 if failed else 0


def _row(case: Case, *, system: bool) -> str:
    """Return the table's row: kind, packages, result, seconds."""
    with tempfile.TemporaryDirectory(prefix="cog-repro-") as place:
        folder = Path(place) / case.name
        for name, text in {"cog.yaml": case.declaration(), "predict.py": PREDICT, **case.files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        began = time.monotonic()
        locked = _cog(folder, "lock", "--json")
        result = f"lock failed: {_error(locked)}"
        if locked.returncode == 0:
            # The build cache is shared with whoever else builds here, so it is not emptied: `--varied` would.
            words = ["--system"] if system else []
            verified = _cog(folder, "verify", "--syntax", "builtin", "--json", *words)
            result = "equal" if verified.returncode == 0 else _error(verified)
        seconds = time.monotonic() - began
    packages = ", ".join(f"`{each}`" for each in (*case.system, *case.python)) or "–"
    return f"| {case.kind} | {packages} | {result} | {seconds:.0f} s |"


def _cog(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cogfreeze.cli.main", *words],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def _environment() -> dict[str, str]:
    names = {"COG_REGISTRY_MIRROR": "ENGINE_REGISTRY", "COG_DEBIAN_SNAPSHOT": "ENGINE_DEBIAN_SNAPSHOT"}
    return {**os.environ, **{ours: os.environ[engine] for ours, engine in names.items() if engine in os.environ}}


def _error(answer: subprocess.CompletedProcess[str]) -> str:
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
        text = str(report.get("message") or report["differences"])
    except (ValueError, KeyError):
        text = answer.stderr.strip()
    return " ".join(text.split()).replace("|", "/")[:2000]


def _write(path: Path, rows: list[str]) -> None:
    """Put the rows into a document's table, and keep those of projects that were not built this time."""
    known = re.findall(r"^\| .*\|$", path.read_text().partition("<!-- repro: begin -->")[2], re.MULTILINE)[2:]
    table = {row.split("|")[1]: row for row in [*known, *rows]}
    head = "| project | packages | two builds | lock and builds |\n| --- | --- | --- | --- |\n"
    page.write(path, "repro", f"On {page.machine()}{page.commit()}:\n\n{head}" + "\n".join(table.values()))


if __name__ == "__main__":
    sys.exit(main())
