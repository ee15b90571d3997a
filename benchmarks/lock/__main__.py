"""How long `cog lock` takes: the Python part against uv and pip-compile, and what an unchanged project waits for.

    python -m benchmarks.lock [--quick] [--write]

Everything is warm. Prints a table and what misses its goal, which makes the exit status 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import page
from benchmarks.lock import python_packages, table, whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lock", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few runs and no pip-compile, to try it out")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/lock.md")
    arguments = parser.parse_args()
    runs = 3 if arguments.quick else 9
    begun, load = time.perf_counter(), page.load_average()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        rows = [*whole.rows(folder, runs), python_packages.against_uv(folder, runs)]
        if not arguments.quick:
            rows.append(python_packages.against_pip_compile(folder))
    text = table.markdown(rows, runs, load, time.perf_counter() - begun)
    print(text)
    if arguments.write:
        page.write(page.DOCS / "benchmarks/lock.md", "lock", text)
    missed = [row.name for row in rows if not row.met]
    for each in missed:
        print(f"goal missed: {each}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
