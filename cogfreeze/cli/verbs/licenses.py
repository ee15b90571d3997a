"""`cog licenses`: the licences of what is locked, and whether they are accepted."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.review.licences import Judged
    from cogfreeze.review.lines import Lines
    from cogfreeze.review.render.text import Line

EXAMPLES = ("cog licenses",)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument(
        "--allow", metavar="IDS", help="the only accepted SPDX ids, separated by commas: MIT,Apache-2.0"
    )
    parser.add_argument("--deny", metavar="IDS", help="refused SPDX ids, separated by commas: AGPL-3.0-only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "A wheel's licence comes from its metadata, a Debian package's licences from its copyright file. They "
        "are read from the packages once and cached. The defaults are `review.licenses_allow` and "
        "`review.licenses_deny` in cog.yaml. The exit status is 1 if a licence is not accepted."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review.licences import judged
    from cogfreeze.review.lines import Lines
    from cogfreeze.review.online import contents

    path = reviewing.lock_path(arguments.file)
    found = reviewing.from_file(path)
    policy, (settings, indexes) = reviewing.policy(path), reviewing.world(path)
    licences = contents.licences(found.lock, indexes, settings, TerminalReport())
    every = judged(
        found.lock,
        licences,
        allow=_ids(arguments.allow) or policy.licenses_allow,
        deny=_ids(arguments.deny) or policy.licenses_deny,
    )
    lines = Lines(found.text)
    if arguments.json:
        print(json.dumps([_json(each, lines) for each in every], ensure_ascii=False, indent=2))
    else:
        reviewing.show(_text(every, lines, found.name))
    return 0 if all(each.verdict.accepted for each in every) else 1


def _ids(text: str | None) -> tuple[str, ...]:
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def _text(every: tuple[Judged, ...], lines: Lines, file: str) -> Iterator[Line]:
    refused = [each for each in every if not each.verdict.accepted]
    for each in refused:
        package = each.package
        yield "danger", f"{package.name} {package.version}: {each.licence}: {each.verdict.reason}"
        yield "faint", f"  {file}:{lines.of(package.place)}"
    by_licence: dict[str, list[str]] = {}
    for each in every:
        by_licence.setdefault(each.licence, []).append(each.package.name)
    for licence, names in sorted(by_licence.items(), key=lambda pair: (-len(set(pair[1])), pair[0])):
        unique = sorted(set(names))
        yield "plain", f"{licence} ({len(unique)}): {', '.join(unique)}"
    yield "heading", f"{len(every)} packages, {len(refused)} not accepted"


def _json(each: Judged, lines: Lines) -> dict[str, Any]:
    package = each.package
    return {
        "name": package.name,
        "version": package.version,
        "kind": package.kind,
        "platform": each.platform,
        "licence": each.licence,
        "spdx": each.spdx,
        "accepted": each.verdict.accepted,
        "reason": each.verdict.reason or None,
        "line": lines.of(package.place),
    }
