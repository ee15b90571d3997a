"""`cog lock`: resolve what the project declares into cog.lock, or say why the lock is stale."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading, reviewing
from cogfreeze.cli.terminal import TerminalReport, say
from cogfreeze.errors import LockStale, UsageError

if TYPE_CHECKING:
    import argparse

    from cogfreeze.cli.loading import Declared
    from cogfreeze.lock.model import Lock
    from cogfreeze.resolve.lock import LockOptions
    from cogfreeze.review.changes import Diff

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:==([A-Za-z0-9.!+_-]+))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?")
_SHOWN = 40
# Options of a build → their values where they aren't given.
_BUILDING: dict[str, object] = {
    "syntax": "pinned",
    "openapi_schema": None,
    "separate_weights": False,
    "secrets": [],
    "network": None,
}


def configure(parser: argparse.ArgumentParser) -> None:
    loading.add_file_option(parser)
    parser.add_argument(
        "--check", action="store_true", help="say whether the lock is current; offline, exit 1 if not"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    parser.add_argument("--json", action="store_true", help="report on stdout as JSON")
    parser.add_argument("--upgrade", action="store_true", help="move everything to the newest that is allowed")
    parser.add_argument(
        "--upgrade-package",
        metavar="NAME[==VERSION]",
        action="append",
        default=[],
        help="move one Python package; can be repeated",
    )
    parser.add_argument("--upgrade-base", action="store_true", help="take the base image that the tag names now")
    parser.add_argument("--upgrade-apt", action="store_true", help="move to today's archive")
    parser.add_argument(
        "--upgrade-runtime", action="store_true", help="take this release's recipe, server and tools"
    )
    parser.add_argument(
        "--exclude-newer", metavar="DATE", help="ignore Python packages published after YYYY-MM-DD"
    )
    parser.add_argument(
        "--use-cuda-base-image",
        nargs="?",
        const="true",
        choices=("true", "false", "auto"),
        help="take a base image with CUDA's libraries, or one without, or (auto) what the packages need; it holds"
        " until another is asked for",
    )
    parser.add_argument(
        "--platform",
        action="append",
        choices=("linux/amd64", "linux/arm64"),
        help="lock for this platform in place of `build.platforms`; can be repeated; it holds until others are"
        " asked for",
    )
    parser.add_argument(
        "--resolver",
        choices=("uv", "pip-tools"),
        default="uv",
        help="what decides the versions of Python packages",
    )
    sides = parser.add_mutually_exclusive_group()
    sides.add_argument(
        "--ours", action="store_true", help="after a merge: resolve afresh from our side of the lock"
    )
    sides.add_argument("--theirs", action="store_true", help="the same from their side")
    git = parser.add_argument_group("for git, which `cog init --git` tells of them")
    git.add_argument(
        "--merge-driver",
        nargs=4,
        metavar=("BASE", "OURS", "THEIRS", "PATH"),
        help="merge three versions of a lock into OURS; exit 1 and leave conflict markers if they contradict",
    )
    git.add_argument("--textconv", metavar="FILE", help="print a lock in short, for `git diff`")
    parser.add_argument(
        "--record",
        action="store_true",
        help="build the image too, and write its digest into the lock: builds of the same files are held to it",
    )
    how = parser.add_argument_group("with --record", "what is built and how, as `cog build` takes it")
    building.add_choice_options(how)
    building.add_engine_options(how)


def run(arguments: argparse.Namespace) -> int:
    if arguments.merge_driver or arguments.textconv:
        from cogfreeze.cli import git

        return (
            git.merge_driver(*arguments.merge_driver)
            if arguments.merge_driver
            else git.textconv(arguments.textconv)
        )
    report = TerminalReport()
    _refuse(arguments)
    found = loading.declared(arguments.file, report)
    if arguments.check:
        _require_nothing_else(arguments)
        return _check(found, as_json=arguments.json)
    return _lock(found, arguments, report)


def _refuse(arguments: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    if arguments.record and (arguments.check or arguments.dry_run):
        raise UsageError("`--record` builds and writes", hint="leave `--check` or `--dry-run` out")
    if not arguments.record:
        for name, usual in _BUILDING.items():
            if getattr(arguments, name) != usual:
                option = f"--{name.removesuffix('s') if name == 'secrets' else name.replace('_', '-')}"
                raise UsageError(f"`{option}` is for a build", hint="give it with `--record`, or to `cog build`")


def _require_nothing_else(arguments: argparse.Namespace) -> None:
    """Refuse what `--check` would silently leave undone."""
    harmless = {"check", "file", "json", "resolver", "progress", *_BUILDING}
    asked = [name for name, value in vars(arguments).items() if value and name not in harmless]
    if asked:
        raise UsageError(
            f"`--check` changes nothing, so `--{asked[0].replace('_', '-')}` has nothing to do",
            hint="leave one of them out",
        )


def _check(found: Declared, *, as_json: bool) -> int:
    from cogfreeze.lock import file

    lock = file.read(found.lock_path)
    try:
        loading.require_current(lock, found.project)
    except LockStale as stale:
        if as_json:
            print(json.dumps({"current": False, "reasons": list(stale.reasons)}, ensure_ascii=False))
        raise
    if as_json:
        print(json.dumps({"current": True, "reasons": []}))
    else:
        say(f"{found.lock_path.name} is current")
    return 0


def _lock(found: Declared, arguments: argparse.Namespace, report: TerminalReport) -> int:
    from cogfreeze import grammar
    from cogfreeze.lock import file, staleness
    from cogfreeze.project import needs_network
    from cogfreeze.resolve.lock import resolve_lock
    from cogfreeze.review.changes import diff
    from cogfreeze.settings import Settings

    previous = _previous(found, arguments)
    if arguments.record:
        from cogfreeze.engine import docker

        docker.find()
    lock = resolve_lock(
        found.project,
        found.folder,
        previous,
        _request(arguments),
        Settings.from_environment(),
        report,
        tools=loading.this_tools(),
    )
    dropped = previous is not None and previous != previous.without_records()
    if previous is not None and lock.without_records() == previous.without_records():
        lock, dropped = previous, False
    if arguments.record:
        lock, dropped = _recorded(found, lock, arguments, report), False
    changes = diff(previous, lock, layers=(reviewing.layers(previous), reviewing.layers(lock)))
    # Who runs this verb knows why the lock moves.
    changes = replace(changes, dangers=tuple(each for each in changes.dangers if each.rule != "unexplained"))
    # A file with conflicts is written anew even where one of its sides is what it has to be.
    differs = lock != previous or arguments.ours or arguments.theirs
    if differs and not arguments.dry_run:
        file.write(found.lock_path, lock)
    if arguments.json:
        written = differs and not arguments.dry_run
        print(json.dumps(_as_json(lock, changes, written=written), ensure_ascii=False, indent=2))
    elif not differs:
        say(f"{found.lock_path.name} is current: nothing changed")
    else:
        _tell(found.lock_path.name, lock, previous, changes, dry_run=arguments.dry_run)
    for fetch in needs_network.fetches(found.project.build):
        report.warn(
            f"{fetch.place}: `{grammar.shown(fetch.command)}` fetches with `{fetch.program}`, and will fail:"
            " commands have no network",
            hint=fetch.fix,
        )
    if dropped:
        report.note(
            "the recorded image was the former lock's, so its record is gone; `cog lock --record` makes one"
        )
    if reasons := staleness.runtime_reasons(lock, **loading.this_runtime()):
        report.warn(
            f"{found.lock_path.name}: {'; '.join(reasons)}", hint="`cog lock --upgrade-runtime` takes this one"
        )
    return 0


def _recorded(found: Declared, lock: Lock, arguments: argparse.Namespace, report: TerminalReport) -> Lock:
    """Return the lock with a record of the image that it gives. Nothing is written where the build fails."""
    loading.require_current(lock, found.project)
    loaded = loading.Loaded(folder=found.folder, project=found.project, lock_path=found.lock_path, lock=lock)
    # `--platform` says what is locked; of that, what this machine builds is recorded.
    choice = replace(building.choice_from(arguments), platform=None)
    return building.record(loaded, report, choice=choice, options=building.options_from(arguments))


def _request(arguments: argparse.Namespace) -> LockOptions:
    from cogfreeze.resolve.lock import LockOptions

    packages = []
    for word in arguments.upgrade_package:
        if not (match := _PACKAGE.fullmatch(word)):
            raise UsageError(f"`--upgrade-package {word}` names no package", hint="write NAME or NAME==VERSION")
        packages.append((match[1], match[2]))
    if arguments.exclude_newer is not None and not _is_date(arguments.exclude_newer):
        raise UsageError(f"`--exclude-newer {arguments.exclude_newer}` is no date", hint="write it as YYYY-MM-DD")
    return LockOptions(
        everything=arguments.upgrade,
        packages=tuple(packages),
        base=arguments.upgrade_base,
        apt=arguments.upgrade_apt,
        runtime=arguments.upgrade_runtime,
        exclude_newer=arguments.exclude_newer,
        resolver=arguments.resolver,
        cuda_base=arguments.use_cuda_base_image,
        platforms=tuple(arguments.platform) if arguments.platform else None,
    )


def _is_date(text: str) -> bool:
    from datetime import datetime

    try:
        return bool(_DATE.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _previous(found: Declared, arguments: argparse.Namespace) -> Lock | None:
    """The lock so far. One that can't be read stops everything but a first lock: it may hold a reviewer's work."""
    from cogfreeze.lock import conflict, file

    if not found.lock_path.exists():
        return None
    if arguments.ours or arguments.theirs:
        try:
            both = found.lock_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return file.read(found.lock_path)  # says what is wrong with it
        text = conflict.side(both, ours=arguments.ours)
        return file.loads(text, name=found.lock_path.name)
    return file.read(found.lock_path)


def _tell(name: str, lock: Lock, previous: Lock | None, changes: Diff, *, dry_run: bool) -> None:
    if previous is not None:
        from cogfreeze.review.render import text

        reviewing.show(text.lines(changes, most=_SHOWN), on_stdout=False)
    for platform in lock.platforms:
        base = platform.base
        apt = (
            f", {len(platform.apt.packages)} system packages as of {platform.apt.snapshot}" if platform.apt else ""
        )
        packages = len(platform.python.wheels) + len(platform.python.sources)
        say(f"{platform.platform}: {base.reference}{apt}, {packages} Python packages")
    say(f"{name} would be written" if dry_run else f"wrote {name}")


def _as_json(lock: Lock, changes: Diff, *, written: bool) -> dict[str, object]:
    from cogfreeze.review.render import as_json

    return {
        "written": written,
        "diff": as_json.render(changes),
        "platforms": [
            {
                "platform": platform.platform,
                "base": f"{platform.base.reference}@{platform.base.digest}",
                "reason": platform.base.reason,
                "unconfirmed": list(platform.base.unconfirmed),
                "apt": len(platform.apt.packages) if platform.apt else 0,
                "python": len(platform.python.wheels),
            }
            | ({"image": platform.image.digest} if platform.image else {})
            for platform in lock.platforms
        ],
    }
