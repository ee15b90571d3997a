"""`cog doctor`: checks of the project and this machine, each with its cure, and the safe fixes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli import loading
from cogfreeze.cli.terminal import alive

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cogfreeze.doctor.check import Check
    from cogfreeze.doctor.project import Examined
    from cogfreeze.lock.model import Lock

EXAMPLES = (
    "cog doctor                 # what is wrong, and what to do",
    "cog doctor --fix           # write the safe fixes, and show them",
)
_SIGNS = {"ok": "ok", "warning": "warning", "failed": "FAILED", "skipped": "skipped"}


def configure(parser: argparse.ArgumentParser) -> None:
    loading.add_file_option(parser)
    parser.add_argument("--fix", action="store_true", help="write the safe fixes and show them as a diff")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = "Exit status: 0, or 1 if a check failed."


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.doctor import machine
    from cogfreeze.doctor.project import examine
    from cogfreeze.project import cog_yaml
    from cogfreeze.settings import Settings

    settings = Settings.from_environment()
    path = cog_yaml.find(Path.cwd(), arguments.file)
    with alive("checking the project"):
        examined = examine(path, settings)
    shown, notes = "", list[str]()
    if arguments.fix:
        from cogfreeze.doctor import repair

        with alive("fixing the project"):
            examined, shown, notes = repair.repair(path, examined, settings)
    checks = [*examined.checks]
    lock, lock_checks = _lock(arguments.file, path, examined)
    with alive("checking the machine"):
        checks += lock_checks
        checks += machine.machine_checks(settings)
        checks += machine.service_checks(settings)
        checks += _gpu(examined, lock)
    if arguments.json:
        document = {"checks": [asdict(each) for each in checks], "diff": shown, "notes": notes}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(checks, notes)) + shown)
    return 1 if any(each.status == "failed" for each in checks) else 0


def _lines(checks: list[Check], notes: list[str]) -> Iterator[str]:
    width = max(len(each.name) for each in checks)
    for each in checks:
        yield f"{_SIGNS[each.status]:<8} {each.name:<{width}}  {each.message}"
        if each.cure and each.status in ("failed", "warning"):
            yield f"{'':<8} {'':<{width}}  → {each.cure}"
    yield from (f"fixed    {each}" for each in notes)


def _lock(file: str | None, path: Path, examined: Examined) -> tuple[Lock | None, list[Check]]:
    from cogfreeze.doctor.check import Check, failed, ok
    from cogfreeze.errors import CogError
    from cogfreeze.lock import file as lock_file
    from cogfreeze.report import Silent

    name = path.with_suffix(".lock")
    if examined.project is None:
        return None, [Check(name="lock", status="skipped", message="the project can't be read")]
    lock = None
    try:
        lock = lock_file.read(name)
        loading.load(file, Silent())
    except CogError as error:
        return lock, [failed("lock", error)]
    return lock, [ok("lock", f"{name.name} is current")]


def _gpu(examined: Examined, lock: Lock | None) -> Iterator[Check]:
    from cogfreeze.doctor.gpu import gpu_checks

    wanted = examined.project is not None and examined.project.build.gpu
    return gpu_checks(lock, wanted=wanted)
