"""`cog deploy`: manifests for a cluster or a machine, from the project and its lock; offline."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli import loading
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.deploy import TARGETS, Request, plan, render

if TYPE_CHECKING:
    from collections.abc import Callable

    from cogfreeze.deploy import Output
    from cogfreeze.report import Report

EXAMPLES = ("cog deploy --target kubernetes -o deploy",)


def configure(parser: argparse.ArgumentParser) -> None:
    loading.add_file_option(parser)
    parser.add_argument("--target", choices=TARGETS, required=True, help="what will run the image")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write the file to a folder, not to stdout"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with -o: show what would be written, and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the file, its objects and notes as JSON")
    image = parser.add_argument_group("image")
    image.add_argument(
        "--image",
        metavar="NAME[@DIGEST]",
        help="use this image instead of the project's name and the lock's digest",
    )
    image.add_argument("--platform", help="one of the lock's platforms (default: the first)")
    image.add_argument(
        "--pull-secret", metavar="NAME", action="append", default=[], help="a Secret to pull the image with"
    )
    where = parser.add_argument_group("name and placement")
    where.add_argument("--name", help="the name of every object (default: from the image's name)")
    where.add_argument("--namespace", metavar="NAME", help="the namespace (default: the one that kubectl uses)")
    where.add_argument(
        "--node-label", metavar="KEY=VALUE", action="append", default=[], help="run only on nodes with this label"
    )
    where.add_argument(
        "--port", type=_number(1, 65535), help="compose, docker-run: the port on this machine (default: 5000)"
    )
    size = parser.add_argument_group("size")
    size.add_argument(
        "--cpu", metavar="CORES", help="the CPU request, such as 2 or 500m; compose, docker-run: the limit"
    )
    size.add_argument("--memory", metavar="SIZE", help="the memory request and limit, such as 16Gi")
    size.add_argument(
        "--gpus", metavar="N", type=_number(0, 64), help="number of GPUs (default: 1 if the project uses a GPU)"
    )
    size.add_argument("--shm-size", metavar="SIZE", help="the limit of /dev/shm (default: 1Gi)")
    _add_scaling(parser)
    running = parser.add_argument_group("running")
    running.add_argument(
        "--setup-timeout",
        metavar="SECONDS",
        type=_number(1, 86400),
        default=600,
        help="time limit of setup() (default: 600)",
    )
    running.add_argument(
        "--pre-stop",
        metavar="SECONDS",
        type=_number(0, 600),
        help="keep serving this long after SIGTERM (default: 5 in a cluster)",
    )
    running.add_argument(
        "--drain",
        metavar="SECONDS",
        type=_number(0, 86400),
        help="time that running predictions have to finish (default: server.drain)",
    )
    running.add_argument(
        "--env-from-secret",
        metavar="NAME",
        action="append",
        default=[],
        help="set environment variables from a Secret's keys",
    )
    running.add_argument("--writable-root", action="store_true", help="let the model write outside /tmp")
    parser.epilog = (
        "Without -o the file goes to stdout: `cog deploy --target kubernetes | kubectl apply -f -`.\n"
        "Exit status: 0; 1 if the lock is stale; 2 if a value is not usable. On failure nothing is written."
    )


def _add_scaling(parser: argparse.ArgumentParser) -> None:
    scaling = parser.add_argument_group("scaling")
    scaling.add_argument("--min-replicas", metavar="N", type=_number(0, 10_000), help="(default: 1)")
    scaling.add_argument(
        "--max-replicas", metavar="N", type=_number(1, 10_000), help="(default: the same as --min-replicas)"
    )
    scaling.add_argument(
        "--load", metavar="N", type=_number(1, 10_000), help="predictions per replica (default: concurrency.max)"
    )
    scaling.add_argument(
        "--autoscaler", choices=("hpa", "keda"), help="scale on CPU load (hpa), or on the queue (keda)"
    )
    scaling.add_argument("--prometheus", metavar="URL", help="keda: the server that has the metrics")
    scaling.add_argument("--kserve-mode", choices=("standard", "knative"), help="(default: standard)")
    scaling.add_argument(
        "--kserve-version", metavar="X.Y", help="the cluster's version of KServe (default: 0.16 or newer)"
    )


def _number(least: int, most: int) -> Callable[[str], int]:
    """Return the `type` of an option that is a whole number."""

    def number(word: str) -> int:
        if not word.isdecimal() or not least <= int(word) <= most:
            raise argparse.ArgumentTypeError(f"`{word}` is not usable\nuse a whole number from {least} to {most}")
        return int(word)

    return number


def request_from(arguments: argparse.Namespace) -> Request:
    """Return what the command line asks for."""
    return Request(
        target=arguments.target,
        name=arguments.name,
        namespace=arguments.namespace,
        image=arguments.image,
        platform=arguments.platform,
        gpus=arguments.gpus,
        cpu=arguments.cpu,
        memory=arguments.memory,
        shm=arguments.shm_size,
        min_replicas=arguments.min_replicas,
        max_replicas=arguments.max_replicas,
        load=arguments.load,
        autoscaler=arguments.autoscaler,
        prometheus=arguments.prometheus,
        kserve_mode=arguments.kserve_mode,
        kserve_version=arguments.kserve_version,
        setup_timeout=arguments.setup_timeout,
        pre_stop=arguments.pre_stop,
        drain=arguments.drain,
        node_labels=tuple(arguments.node_label),
        env_from=tuple(arguments.env_from_secret),
        pull_secrets=tuple(arguments.pull_secret),
        port=arguments.port,
        writable_root=arguments.writable_root,
    )


def run(arguments: argparse.Namespace) -> int:

    report = TerminalReport()
    found = loading.load(arguments.file, report)
    decided = plan(found.project, found.lock, request_from(arguments))
    output = render(decided, version=version("cogfreeze"))
    if not arguments.json:
        for note in decided.notes:
            report.warn(note)
    if arguments.output is not None:
        _write(output, arguments.output, report, dry_run=arguments.dry_run)
    if arguments.json:
        body = {
            "image": decided.image,
            "lock": decided.lock,
            "file": output.file,
            "text": output.text,
            "objects": output.objects,
            "notes": decided.notes,
        }
        print(json.dumps(body, indent=2, ensure_ascii=False))
    elif arguments.output is None:
        sys.stdout.write(output.text)
    return 0


def _write(output: Output, folder: Path, report: Report, *, dry_run: bool) -> None:
    """Write the file in one step, or say what that would do."""
    from cogfreeze import atomic

    path = folder / output.file
    data = output.text.encode()
    kinds = f" ({', '.join(each['kind'] for each in output.objects if 'kind' in each)})" if output.objects else ""
    kinds = "" if kinds == " ()" else kinds
    if path.is_file() and path.read_bytes() == data:
        report.note(f"{path} is up to date")
        return
    if dry_run:
        report.note(f"would write {path}{kinds}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write(path, data, mode=0o755 if output.executable else 0o644)
    report.note(f"wrote {path}{kinds}")
