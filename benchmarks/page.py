"""What all benchmark pages share: where the table goes, and a description of the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def write(document: Path, name: str, text: str) -> None:
    """Put the tables of a benchmark in their place in a document, between its two marks."""
    begin, end = rf"<!-- {re.escape(name)}: begin\b[^>]*-->", rf"<!-- {re.escape(name)}: end -->"
    old = document.read_text(encoding="utf-8")
    found = re.search(rf"({begin}\n).*?({end})", old, re.DOTALL)
    if not found:
        raise SystemExit(
            f"error: {document} has no place for the table\nhint: put it between `<!-- {name}: begin -->` and"
            f" `<!-- {name}: end -->`"
        )
    new = f"{old[: found.start()]}{found[1]}{text.rstrip()}\n{found[2]}{old[found.end() :]}"
    document.write_text(new, encoding="utf-8")


def machine() -> str:
    """Return cores, processor and kernel, in words."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release().partition('-')[0]}"


def commit() -> str:
    """Return ` (commit 1234567)`, or nothing outside a checkout."""
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return f" (commit {answer.stdout.strip()})" if answer.returncode == 0 else ""


def load_average() -> float:
    return os.getloadavg()[0]
