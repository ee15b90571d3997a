"""The Plan: one deployment, every value decided and checked, before any manifest is written.

`plan` takes the project, its lock and what the command line asked for, and finds every mistake at once.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.deploy import checks
from cogfreeze.deploy import request as asked
from cogfreeze.deploy.request import CLUSTERS, Request
from cogfreeze.errors import ProjectErrors
from cogfreeze.lock.file import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.project.model import Project

PORT = 5000
USER_ID = 1000

# Seconds between the end of a drain and the moment when the server's own watchdog has ended the process.
EXIT_MARGIN = 15

# Since this release KServe calls its modes `Standard` and `Knative`.
KSERVE_RENAMED = (0, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One deployment.

    Attributes:
        image: `name@sha256:…`, nothing that could come to mean another image.
        lock: the digest of the lock that the image carries, `sha256:…`.
        root: whether the image runs as root, because its project says so.
        environment: what is set beyond the image's own variables.
        slots: predictions that one replica runs at once.
        drain: seconds that running predictions have once the server has stopped taking new ones.
        grace: seconds from SIGTERM to SIGKILL.
        request_timeout: seconds that a request may take where a proxy stands before the server.
        autoscaler: `hpa`, `keda`, `knative` or None.
        knative: whether Knative runs the pods, by itself or for KServe.
        kserve_mode: the deployment mode, as the cluster's release of KServe calls it.
        notes: what a reader of the manifest should know.
    """

    target: str
    name: str
    namespace: str | None
    image: str
    lock: str
    platform: str
    root: bool
    writable_root: bool
    environment: tuple[tuple[str, str], ...]
    env_from: tuple[str, ...]
    pull_secrets: tuple[str, ...]
    node_labels: tuple[tuple[str, str], ...]
    slots: int
    gpus: int
    cpu: str | None
    memory: str | None
    shm: str
    min_replicas: int
    max_replicas: int
    load: int
    autoscaler: str | None
    knative: bool
    prometheus: str | None
    kserve_mode: str
    setup_timeout: int
    drain: int
    grace: int
    request_timeout: int
    port: int
    notes: tuple[str, ...] = ()


def plan(project: Project, lock: Lock, request: Request) -> Plan:
    """Decide every value of a deployment.

    Raises:
        ProjectErrors: of DeployError, every mistake at once.
    """
    mistakes = list(checks.mistakes(project, lock, request))
    if mistakes:
        raise ProjectErrors(mistakes)
    part = asked.part(lock, request)
    assert part is not None  # noqa: S101  # `mistakes` has found it
    least, most = asked.replicas(request)
    drain = math.ceil(project.server.drain) if request.drain is None else request.drain
    pre_stop = _pre_stop(request)
    grace = pre_stop + drain + EXIT_MARGIN
    deadline = 300 if project.server.deadline is None else math.ceil(project.server.deadline)
    name, digest = asked.image(project, part, request)
    return Plan(
        target=request.target,
        name=asked.name(project, request),
        namespace=request.namespace,
        image=f"{name}@{digest}",
        lock=f"sha256:{hashlib.sha256(dumps(lock.without_records()).encode()).hexdigest()}",
        platform=part.platform,
        root=project.build.user == "root",
        writable_root=request.writable_root,
        environment=_environment(project, request, pre_stop),
        env_from=request.env_from,
        pull_secrets=request.pull_secrets,
        node_labels=tuple((key, value) for key, _, value in (each.partition("=") for each in request.node_labels)),
        slots=project.slots,
        gpus=asked.gpus(project, request),
        cpu=request.cpu,
        memory=request.memory,
        shm=request.shm or "1Gi",
        min_replicas=least,
        max_replicas=most,
        load=request.load or project.slots,
        autoscaler=asked.autoscaler(project, request),
        knative=asked.is_knative(request),
        prometheus=request.prometheus,
        kserve_mode=_kserve_word(request),
        setup_timeout=request.setup_timeout,
        drain=drain,
        grace=grace,
        # Knative ends a pod this many seconds after it began to stop it, so the grace has to fit as well.
        request_timeout=max(deadline, grace),
        port=request.port or PORT,
        notes=tuple(_notes(project, part, request, name)),
    )


def _pre_stop(request: Request) -> int:
    """Return how long the server still takes predictions after SIGTERM: until a balancer has noticed."""
    if request.pre_stop is not None:
        return request.pre_stop
    return 5 if request.target in CLUSTERS else 0


def _environment(project: Project, request: Request, pre_stop: int) -> tuple[tuple[str, str], ...]:
    pairs = {"COG_SETUP_TIMEOUT": str(request.setup_timeout)}
    if pre_stop:
        pairs["COG_PRE_STOP"] = str(pre_stop)
    if request.drain is not None:
        pairs["COG_DRAIN"] = str(request.drain)
    if project.server.protocols:
        pairs["COG_MODEL_NAME"] = asked.name(project, request)
    if not request.writable_root and "HOME" not in dict(project.environment):
        # Libraries write caches below the home folder, which is read-only like the rest.
        pairs["HOME"] = "/tmp"  # noqa: S108  # a volume of this container alone
    return tuple(sorted(pairs.items()))


def _kserve_word(request: Request) -> str:
    """Return the deployment mode as the cluster's release of KServe calls it."""
    mode = request.kserve_mode or "standard"
    version = tuple(int(part) for part in (request.kserve_version or "99.0").split("."))
    if version < KSERVE_RENAMED:
        return {"standard": "RawDeployment", "knative": "Serverless"}[mode]
    return {"standard": "Standard", "knative": "Knative"}[mode]


def _notes(project: Project, part: PlatformLock, request: Request, name: str) -> Iterator[str]:
    if request.target in CLUSTERS and ("/" not in name or not re.search(r"[.:]", name.partition("/")[0])):
        yield (
            f"`{name}` names no registry: a cluster looks for it on Docker Hub. Set `image` in `{project.file}`,"
            " or use `--image REGISTRY/NAME`."
        )
    recorded = part.image.digest if part.image else None
    named = asked.split(request.image)[1] if request.image else None
    if recorded and named and recorded != named:
        yield f"`--image` names {named}; the lock records {recorded}."
    if request.memory is None:
        yield "No memory is requested or limited. Set `--memory`, or the model may be killed when memory is short."
    if project.build.user == "root":
        yield "The image runs as root, because `build.user` is `root`."
    if asked.is_knative(request):
        if part.platform != "linux/amd64" or request.node_labels:
            yield "This needs `kubernetes.podspec-nodeselector: enabled` in Knative's `config-features`."
        if asked.gpus(project, request):
            yield (
                "If the GPU nodes are tainted, add tolerations here. They need"
                " `kubernetes.podspec-tolerations: enabled` in Knative's `config-features`."
            )
