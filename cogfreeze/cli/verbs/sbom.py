"""`cog sbom`: a bill of materials of what is locked."""

from __future__ import annotations

import argparse
from pathlib import Path

from cogfreeze.cli import reviewing
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.errors import UsageError

EXAMPLES = ("cog sbom > sbom.json",)


def configure(parser: argparse.ArgumentParser) -> None:
    reviewing.add_lock_option(parser)
    parser.add_argument(
        "--format", choices=("cyclonedx", "spdx"), default="cyclonedx", help="the format (default: cyclonedx)"
    )
    parser.add_argument("--platform", help="one of the lock's platforms (default: the first)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of stdout")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Licences, and the SBOMs inside wheels, are read from the packages once and cached; `cog --offline "
        "sbom` uses the cache. The base image is one component: its own packages are not in the lock. The "
        "same lock and licences give the same bytes."
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.review.online import contents
    from cogfreeze.review.packages import packages
    from cogfreeze.review.sbom import components, cyclonedx, spdx

    path = reviewing.lock_path(arguments.file)
    lock, report = reviewing.from_file(path).lock, TerminalReport()
    platform = lock.for_platform(arguments.platform) if arguments.platform else lock.platforms[0]
    if platform is None:
        known = ", ".join(f"`{each.platform}`" for each in lock.platforms)
        raise UsageError(f"the lock has no platform `{arguments.platform}`", hint=f"it has {known}")
    settings, indexes = reviewing.world(path)
    licences = contents.licences(lock, indexes, settings, report)
    inside = contents.of_wheels(packages(platform), indexes, settings, report)
    found = components.components(
        lock, platform, licences, {sha256: each.sboms for sha256, each in inside.items()}
    )
    render = spdx.render if arguments.format == "spdx" else cyclonedx.render
    text = render(lock, platform.platform, reviewing.image_name(path), found)
    if arguments.output:
        from cogfreeze import atomic

        atomic.write(Path(arguments.output), text.encode())
    else:
        print(text, end="")
    return 0
