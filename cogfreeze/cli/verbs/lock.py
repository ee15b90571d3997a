"""`cog lock`: resolve what the project declares into cog.lock, or say why the lock is stale."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.cli import building, loading, options, reviewing
from cogfreeze.cli import parser as types
from cogfreeze.cli.terminal import TerminalReport, alive, duration, say
from cogfreeze.errors import LockStale, LockUnsound, UsageError

if TYPE_CHECKING:
    import argparse

    from cogfreeze.cli.loading import Declared
    from cogfreeze.lock.model import Lock
    from cogfreeze.resolve.lock import LockOptions
    from cogfreeze.review.model import Diff

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:==([A-Za-z0-9.!+_-]+))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?")
_SHOWN = 40
# Options that `--check` has nothing to do with, and that it can be given with all the same.
_HARMLESS = frozenset(
    {
        "check",
        "online",
        "since",
        "directory",
        "file",
        "json",
        "offline",
        "progress",
        "quiet",
        "resolver",
        "verbose",
    }
)
EXAMPLES = (
    "cog lock                              # after a change of cog.yaml",
    "cog lock --check                      # in CI: is the lock current?",
    "cog lock --upgrade-package torch==2.9.0",
    "cog lock --upgrade --dry-run          # what would be upgraded?",
    "cog lock --ours                       # after a merge with conflicts",
)
# Options of a build → their values where they are not given.
_BUILDING: dict[str, object] = {
    "syntax": "pinned",
    "openapi_schema": None,
    "separate_weights": False,
    "secrets": [],
    "network": None,
}


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_file_option(parser)
    daily = parser.add_argument_group("daily")
    daily.add_argument(
        "--check", action="store_true", help="check offline whether the lock is current; exit status 1 if not"
    )
    daily.add_argument(
        "--online",
        action="store_true",
        help="with --check: also ask index, archive and registry whether each file is what the lock says",
    )
    daily.add_argument(
        "--since", metavar="REV", help="with --online: ask only about what changed since a git revision"
    )
    daily.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")
    daily.add_argument(
        "--exit-code", action="store_true", help="with --dry-run: exit with 1 if something would change"
    )
    daily.add_argument("--json", action="store_true", help="report on stdout as JSON")
    _add_upgrade_options(parser)
    merge = parser.add_argument_group("after a merge with conflicts")
    sides = merge.add_mutually_exclusive_group()
    sides.add_argument("--ours", action="store_true", help="resolve again, starting from our side of the lock")
    sides.add_argument("--theirs", action="store_true", help="resolve again, starting from their side")
    git = parser.add_argument_group("for git, as `cog init --git` sets it up")
    git.add_argument(
        "--merge-driver",
        nargs=4,
        metavar=("BASE", "OURS", "THEIRS", "PATH"),
        help="merge three versions of a lock into OURS; exit status 1, with conflict markers, if they conflict",
    )
    git.add_argument("--textconv", metavar="FILE", help="print a lock in short form, for `git diff`")
    record = parser.add_argument_group("record the image")
    record.add_argument(
        "--record",
        action="store_true",
        help="also build the image and record its digest in the lock; later builds of the same files must match",
    )
    options.add_choice_options(record)
    options.add_engine_options(record)


def _add_upgrade_options(parser: argparse.ArgumentParser) -> None:
    upgrade = parser.add_argument_group("upgrade")
    upgrade.add_argument("--upgrade", action="store_true", help="upgrade everything to the newest allowed version")
    upgrade.add_argument(
        "--upgrade-package",
        metavar="NAME[==VERSION]",
        action="append",
        default=[],
        help="upgrade one Python package; can be repeated",
    )
    upgrade.add_argument("--upgrade-base", action="store_true", help="use the image that the base tag now names")
    upgrade.add_argument("--upgrade-apt", action="store_true", help="use today's apt archive")
    upgrade.add_argument(
        "--upgrade-runtime", action="store_true", help="use this release's recipe, server and tools"
    )
    choose = parser.add_argument_group("choose")
    choose.add_argument(
        "--exclude-newer", metavar="DATE", help="ignore Python packages published after YYYY-MM-DD"
    )
    choose.add_argument(
        "--use-cuda-base-image",
        nargs="?",
        const="true",
        choices=("true", "false", "auto"),
        help="a base image with CUDA's libraries (true), without (false), or what the packages need (auto); kept"
        " until changed",
    )
    choose.add_argument(
        "--platform",
        action="append",
        type=types.platform,
        metavar="PLATFORM",
        help="lock for this platform instead of `build.platforms`; can be repeated; kept until changed",
    )
    choose.add_argument(
        "--resolver", choices=("uv", "pip-tools"), default="uv", help="the resolver of Python packages"
    )


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
        if arguments.online:
            return _check_online(found, arguments, report)
        return _check(found, as_json=arguments.json)
    return _lock(found, arguments, report)


def _refuse(arguments: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    if arguments.record and (arguments.check or arguments.dry_run):
        other = "--check" if arguments.check else "--dry-run"
        raise UsageError(f"`--record` and `{other}` cannot be used together", hint="use one of them")
    if arguments.online and not arguments.check:
        raise UsageError("`--online` needs `--check`", hint="`cog lock` itself asks the origins anyway")
    if arguments.since and not arguments.online:
        raise UsageError(
            "`--since` needs `--check --online`", hint="`cog diff REV` compares without asking anybody"
        )
    if arguments.exit_code and not arguments.dry_run:
        raise UsageError("`--exit-code` needs `--dry-run`", hint="`--check` has an exit status of its own")
    if not arguments.record:
        for name, usual in _BUILDING.items():
            if getattr(arguments, name) != usual:
                option = f"--{name.removesuffix('s') if name == 'secrets' else name.replace('_', '-')}"
                raise UsageError(f"`{option}` needs `--record`", hint="or give it to `cog build`")


def _require_nothing_else(arguments: argparse.Namespace) -> None:
    """Refuse what `--check` would silently ignore."""
    asked = [
        name
        for name, value in vars(arguments).items()
        if value and name not in _HARMLESS and name not in _BUILDING
    ]
    if asked:
        raise UsageError(
            f"`--check` and `--{asked[0].replace('_', '-')}` cannot be used together", hint="use one of them"
        )


def _check(found: Declared, *, as_json: bool) -> int:
    from cogfreeze.lock import file

    lock = file.read(found.lock_path)
    try:
        loading.require_current(lock, found)
    except (LockStale, LockUnsound) as stale:
        stale.details |= {"current": False, "reasons": list(stale.reasons)}
        raise
    if as_json:
        print(json.dumps({"current": True, "reasons": []}))
    else:
        say(f"{found.lock_path.name} is current")
    return 0


def _check_online(found: Declared, arguments: argparse.Namespace, report: TerminalReport) -> int:
    from cogfreeze.cli import online
    from cogfreeze.review.lines import Lines

    named = reviewing.from_file(found.lock_path)
    before = reviewing.from_revision(arguments.since, found.lock_path) if arguments.since else None
    outcome = online.check(named, before, found, report)
    lines = Lines(named.text)
    if arguments.json:
        print(json.dumps(online.as_json(outcome, lines), ensure_ascii=False, indent=2))
    else:
        reviewing.show(online.text_lines(outcome, lines, found.lock_path.name))
    return 1 if outcome.findings else 0


def _lock(found: Declared, arguments: argparse.Namespace, report: TerminalReport) -> int:
    from cogfreeze.local import cache
    from cogfreeze.lock import file
    from cogfreeze.resolve.lock import resolve_lock
    from cogfreeze.review.changes import diff
    from cogfreeze.settings import Settings

    began = time.monotonic()
    previous = _previous(found, arguments)
    if arguments.record:
        from cogfreeze.engine import docker

        with alive("waiting for the Docker engine"):
            docker.find()
    asked, settings = _request(arguments), Settings.from_environment()
    cache.hold(settings)
    lock = resolve_lock(
        found.project,
        found.folder,
        previous,
        asked,
        settings,
        report,
        tools=loading.this_tools(),
    )
    dropped = previous is not None and previous != previous.without_records()
    if previous is not None and lock.without_records() == previous.without_records():
        lock, dropped = previous, False
    if arguments.record:
        lock, dropped = _recorded(found, lock, arguments, report), False
    changes = diff(previous, lock, layers=(reviewing.layers(previous), reviewing.layers(lock)))
    # Whoever runs this command knows why the lock changes.
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
        say(f"resolved in {duration(time.monotonic() - began)}")
        _tell(found.lock_path.name, lock, previous, changes, dry_run=arguments.dry_run)
    _warn(found, lock, report, dropped=dropped)
    return 1 if arguments.exit_code and differs else 0


def _warn(found: Declared, lock: Lock, report: TerminalReport, *, dropped: bool) -> None:
    """Report what a good lock still leaves to think of."""
    from cogfreeze import grammar
    from cogfreeze.lock import staleness

    build = found.project.build
    if build.run:
        from cogfreeze.doctor import run_lines

        for each in run_lines.advice(build, run_lines.facts_of(found.project)):
            report.warn(
                f"{each.place}: `{grammar.shown(each.command)}` downloads with `{each.program}` and will fail,"
                " because commands have no network",
                hint=each.fix,
            )
        missing = run_lines.missing_packages(build, run_lines.present_packages(lock))
        if missing:
            names = ", ".join(f"`{each}`" for each in missing)
            report.warn(
                f"commands of `build.run` call programs that the image lacks: {names}",
                hint="add them to `system_packages`; `cog doctor --fix` writes this",
            )
    if dropped:
        report.note("the lock changed, so its recorded image was removed; `cog lock --record` records the new one")
    if reasons := staleness.runtime_reasons(lock, **loading.this_runtime()):
        report.warn(
            f"{found.lock_path.name}: {'; '.join(reasons)}", hint="`cog lock --upgrade-runtime` uses this release"
        )


def _recorded(found: Declared, lock: Lock, arguments: argparse.Namespace, report: TerminalReport) -> Lock:
    """Return the lock with a record of its image. Nothing is written if the build fails."""
    loading.require_current(lock, found)
    loaded = loading.Loaded(folder=found.folder, project=found.project, lock_path=found.lock_path, lock=lock)
    # `--platform` says what is locked; of that, what this machine builds is recorded.
    choice = replace(building.choice_from(arguments), platform=None)
    return building.record(loaded, report, choice=choice, options=building.options_from(arguments))


def _request(arguments: argparse.Namespace) -> LockOptions:
    from cogfreeze.resolve.lock import LockOptions

    packages = []
    for word in arguments.upgrade_package:
        if not (match := _PACKAGE.fullmatch(word)):
            raise UsageError(f"`--upgrade-package {word}` is not a package", hint="write NAME or NAME==VERSION")
        packages.append((match[1], match[2]))
    if arguments.exclude_newer is not None and not _is_date(arguments.exclude_newer):
        raise UsageError(
            f"`--exclude-newer {arguments.exclude_newer}` is not a date", hint="write it as YYYY-MM-DD"
        )
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
    """The lock so far. One that cannot be read is an error: it may hold reviewed work."""
    from cogfreeze.lock import conflict, file

    if not found.lock_path.exists():
        return None
    if arguments.ours or arguments.theirs:
        try:
            both = found.lock_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return file.read(found.lock_path)  # explains what is wrong with it
        text = conflict.side(both, ours=arguments.ours)
        return file.loads(text, name=found.lock_path.name)
    return file.read(found.lock_path)


def _tell(name: str, lock: Lock, previous: Lock | None, changes: Diff, *, dry_run: bool) -> None:
    if previous is None:
        _list(lock)
    else:
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


def _list(lock: Lock) -> None:
    """List what a first lock chose for its first platform: declared packages, then what they require."""
    part = lock.platforms[0]
    chosen = [
        (bool(each.required_by), each.name, f"{each.name}=={each.version}")
        for group in (part.python.wheels, part.python.sources)
        for each in group
    ]
    if part.apt:
        chosen += [
            (bool(each.required_by), each.name, f"{each.name}={each.version}") for each in part.apt.packages
        ]
    lines = [line for _, _, line in sorted(chosen)]
    for line in lines[:_SHOWN]:
        say(f" + {line}")
    if len(lines) > _SHOWN:
        say(f"   and {len(lines) - _SHOWN} more; {len(lines)} in all")


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
