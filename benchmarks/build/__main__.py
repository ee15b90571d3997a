"""What a rebuild costs and what it has to push: `cog build` against the Dockerfile that Cog generates, in one run.

    python -m benchmarks.build [--wheel torch.whl] [--write]

Needs the engine of CONTRIBUTING.md, and Debian's `docker-registry`. `docs/benchmarks/build.md` says what is
measured.
Prints a table and what misses its goal, which makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.build import layers, registry, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__.partition("\n")[0])
    parser.add_argument("--wheel", type=Path, help="a CPU torch wheel for CPython 3.11")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks/build.md")
    arguments = parser.parse_args()
    package = layers.heavy_package(arguments.wheel)
    begun, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, registry.running(Path(scratch)) as to:
        ours, theirs = layers.measure(package, Path(scratch), to)
    text = table.markdown(ours, theirs, package.shown, load, time.perf_counter() - begun)
    print(text)
    if arguments.write:
        table.write(text)
    missed = [row.name for row in table.rows(ours, theirs) if not row.reached]
    for name in missed:
        print(f"goal missed: {name}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
