"""What a deployment is asked for, and what follows from it and the project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.project.model import Project

KUBERNETES, KSERVE, KNATIVE, COMPOSE, DOCKER_RUN = "kubernetes", "kserve", "knative", "compose", "docker-run"
TARGETS = (KUBERNETES, KSERVE, KNATIVE, COMPOSE, DOCKER_RUN)
CLUSTERS = (KUBERNETES, KSERVE, KNATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for. None means: the project decides, or the default.

    Attributes:
        image: `name`, or `name@sha256:…`, in place of the project's name and the lock's digest.
        platform: `linux/amd64`; None for the lock's only one, or its first.
        cpu, memory, shm: amounts as Kubernetes writes them.
        load: predictions that one replica should have, running and waiting, before another one starts.
        autoscaler: `hpa` or `keda`.
        prometheus: the address of the Prometheus server that KEDA asks.
        setup_timeout, pre_stop, drain: seconds.
        env_from: names of Secrets whose keys become environment variables.
        port: of this machine, where the target is one container on it.
    """

    target: str
    name: str | None = None
    namespace: str | None = None
    image: str | None = None
    platform: str | None = None
    gpus: int | None = None
    cpu: str | None = None
    memory: str | None = None
    shm: str | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    load: int | None = None
    autoscaler: str | None = None
    prometheus: str | None = None
    kserve_mode: str | None = None
    kserve_version: str | None = None
    setup_timeout: int = 600
    pre_stop: int | None = None
    drain: int | None = None
    node_labels: tuple[str, ...] = ()
    env_from: tuple[str, ...] = ()
    pull_secrets: tuple[str, ...] = ()
    port: int | None = None
    writable_root: bool = False


def is_knative(request: Request) -> bool:
    """Say whether Knative runs the pods, by itself or for KServe."""
    return request.target == KNATIVE or (request.target == KSERVE and request.kserve_mode == "knative")


def name(project: Project, request: Request) -> str:
    """Return the name asked for, or the last part of the image's name with `-` for what Kubernetes refuses."""
    last = (split(request.image)[0] if request.image else project.image).rpartition("/")[2].partition(":")[0]
    return request.name or re.sub(r"[._]+|-{2,}", "-", last)


def part(lock: Lock, request: Request) -> PlatformLock | None:
    """Return the lock's part for the platform asked for, or its first; None where it has no such platform."""
    return lock.platforms[0] if request.platform is None else lock.for_platform(request.platform)


def split(reference: str) -> tuple[str, str | None]:
    """Return an image reference's name without its tag, and its digest."""
    name, _, digest = reference.partition("@")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}", digest or None


def image(project: Project, part: PlatformLock, request: Request) -> tuple[str, str | None]:
    """Return the image's name without a tag, and the digest asked for or recorded; None where there is none."""
    name, digest = split(request.image or project.image)
    return name, digest or (part.image.digest if part.image else None)


def gpus(project: Project, request: Request) -> int:
    """Return the GPUs of one replica: those asked for, or one where the project uses a GPU."""
    return int(project.build.gpu) if request.gpus is None else request.gpus


def replicas(request: Request) -> tuple[int, int]:
    """Return the least and the greatest number of replicas."""
    least = 1 if request.min_replicas is None else request.min_replicas
    most = max(least, 1) if request.max_replicas is None else request.max_replicas
    return least, most


def autoscaler(project: Project, request: Request) -> str | None:
    """Return what changes the number of replicas: `hpa`, `keda`, `knative`, or None for a fixed number."""
    if request.target not in CLUSTERS:
        return None
    if is_knative(request):
        return "knative"
    least, most = replicas(request)
    if most <= least:
        return None
    if request.autoscaler:
        return request.autoscaler
    return "keda" if request.prometheus or project.build.gpu else "hpa"
