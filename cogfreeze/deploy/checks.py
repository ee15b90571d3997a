"""Every mistake of a deployment that can be seen from the project, its lock and the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.deploy import request as asked
from cogfreeze.deploy import values
from cogfreeze.deploy.request import CLUSTERS, COMPOSE, DOCKER_RUN, KSERVE, KUBERNETES, Request
from cogfreeze.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.grammar import Grammar
    from cogfreeze.lock.model import Lock
    from cogfreeze.project.model import Project

# The pods of an InferenceService are called NAME-predictor.
KSERVE_NAME = 63 - len("-predictor")
# What Knative accepts as `containerConcurrency`, unless its operator has raised it.
KNATIVE_CONCURRENCY = 1000

# Option → the targets that know it.
APPLIES = {
    "namespace": CLUSTERS,
    "min_replicas": CLUSTERS,
    "max_replicas": CLUSTERS,
    "load": CLUSTERS,
    "autoscaler": (KUBERNETES, KSERVE),
    "prometheus": (KUBERNETES, KSERVE),
    "kserve_mode": (KSERVE,),
    "kserve_version": (KSERVE,),
    "node_labels": CLUSTERS,
    "env_from": CLUSTERS,
    "pull_secrets": CLUSTERS,
    "port": (COMPOSE, DOCKER_RUN),
}

# Option → what a person types, for messages.
FLAGS = {
    "namespace": "--namespace",
    "min_replicas": "--min-replicas",
    "max_replicas": "--max-replicas",
    "load": "--load",
    "autoscaler": "--autoscaler",
    "prometheus": "--prometheus",
    "kserve_mode": "--kserve-mode",
    "kserve_version": "--kserve-version",
    "node_labels": "--node-label",
    "env_from": "--env-from-secret",
    "pull_secrets": "--pull-secret",
    "port": "--port",
}


def mistakes(project: Project, lock: Lock, request: Request) -> Iterator[DeployError]:
    yield from _inapplicable(request)
    yield from _refused_values(request)
    yield from _name_mistakes(project, request)
    if project.predict is None:
        yield DeployError(f"`{project.file}` has no `predict`, so there is nothing to serve", hint="set `predict`")
    yield from _image_mistakes(project, lock, request)
    yield from _gpu_mistakes(project, request)
    yield from _scaling_mistakes(project, request)


def _inapplicable(request: Request) -> Iterator[DeployError]:
    for option, targets in APPLIES.items():
        if getattr(request, option) not in (None, ()) and request.target not in targets:
            yield DeployError(
                f"`{FLAGS[option]}` does not apply to the target `{request.target}`",
                hint=f"it applies to: {', '.join(targets)}",
            )


def _refused_values(request: Request) -> Iterator[DeployError]:
    given: list[tuple[str, Grammar, str | None]] = [
        ("--namespace", values.NAMESPACE, request.namespace),
        ("--cpu", values.CPU, request.cpu),
        ("--memory", values.MEMORY, request.memory),
        ("--shm-size", values.MEMORY, request.shm),
        ("--prometheus", grammar.URL, request.prometheus),
        ("--kserve-version", values.KSERVE_VERSION, request.kserve_version),
        *(("--node-label", values.NODE_LABEL, each) for each in request.node_labels),
        *(("--env-from-secret", values.OBJECT_NAME, each) for each in request.env_from),
        *(("--pull-secret", values.OBJECT_NAME, each) for each in request.pull_secrets),
    ]
    for flag, kind, value in given:
        if value is not None and not kind.accepts(value):
            yield DeployError(
                f"`{grammar.shown(value)}` is not {kind.name}", where=flag, hint=f"use {kind.allowed}"
            )


def _name_mistakes(project: Project, request: Request) -> Iterator[DeployError]:
    name = asked.name(project, request)
    where = "--name" if request.name else None
    if not values.NAME.accepts(name):
        yield DeployError(
            f"`{grammar.shown(name)}` is not {values.NAME.name}",
            where=where,
            hint=f"use `--name`: {values.NAME.allowed}",
        )
    elif request.target == KSERVE and len(name) > KSERVE_NAME:
        yield DeployError(
            f"`{name}` is too long: KServe appends `-predictor`",
            where=where,
            hint=f"use `--name` with {KSERVE_NAME} characters at most",
        )


def _image_mistakes(project: Project, lock: Lock, request: Request) -> Iterator[DeployError]:
    if request.image is not None and not grammar.IMAGE_REFERENCE.accepts(request.image):
        kind = grammar.IMAGE_REFERENCE
        yield DeployError(
            f"`{grammar.shown(request.image)}` is not {kind.name}", where="--image", hint=f"use {kind.allowed}"
        )
        return
    part = asked.part(lock, request)
    if part is None:
        known = ", ".join(each.platform for each in lock.platforms)
        yield DeployError(
            f"the lock has no platform `{grammar.shown(str(request.platform))}`",
            where="--platform",
            hint=f"it has: {known}",
        )
    elif asked.image(project, part, request)[1] is None:
        yield DeployError(
            f"the lock records no image digest for {part.platform}",
            hint="run `cog lock --record` to build the image and record its digest, or name a pushed image with"
            " `--image NAME@sha256:…`",
        )


def _gpu_mistakes(project: Project, request: Request) -> Iterator[DeployError]:
    if request.gpus and not project.build.gpu:
        yield DeployError(
            f"{request.gpus} GPU{'s' if request.gpus > 1 else ''} asked for, but the project has no GPU",
            where="--gpus",
            hint=f"set `build.gpu: true` in `{project.file}` and run `cog lock`, or leave `--gpus` out",
        )
    if request.gpus == 0 and project.build.gpu:
        yield DeployError(
            "the project needs a GPU (`build.gpu: true`)",
            where="--gpus",
            hint="ask for at least one, or leave it out",
        )


def _scaling_mistakes(project: Project, request: Request) -> Iterator[DeployError]:
    least, most = asked.replicas(request)
    if most < least:
        yield DeployError(f"at most {most} replicas is less than at least {least}", where="--max-replicas")
    autoscaler = asked.autoscaler(project, request)
    if least == 0 and request.target in CLUSTERS and autoscaler != "knative":
        yield DeployError(
            "only Knative starts a replica again when a request arrives",
            where="--min-replicas",
            hint="use 1 or more, or `--target knative`, or `--target kserve --kserve-mode knative`",
        )
    if autoscaler is None and request.autoscaler and request.target in APPLIES["autoscaler"]:
        yield DeployError(
            "there is nothing to scale: both limits are the same",
            where="--autoscaler",
            hint="raise `--max-replicas`",
        )
    if autoscaler == "knative" and request.autoscaler and request.target == KSERVE:
        yield DeployError("Knative scales by itself", where="--autoscaler", hint="leave `--autoscaler` out")
    if autoscaler == "hpa" and project.build.gpu:
        yield DeployError(
            "CPU load says nothing about a model that runs on a GPU",
            where="--autoscaler",
            hint="use `--autoscaler keda`, which scales on the queue",
        )
    elif autoscaler == "hpa" and request.cpu is None:
        yield DeployError(
            "scaling on CPU load needs `--cpu`, the amount that the load is a share of",
            hint="set `--cpu`, or scale on the queue with `--prometheus URL`",
        )
    if autoscaler == "keda" and request.prometheus is None:
        yield DeployError(
            "scaling on the queue needs `--prometheus`, the address of the server that has the metrics",
            hint="for example `--prometheus http://prometheus.monitoring:9090`",
        )
    if autoscaler == "knative" and project.slots > KNATIVE_CONCURRENCY:
        yield DeployError(
            f"`concurrency.max` is {project.slots}; Knative accepts {KNATIVE_CONCURRENCY} at most",
            hint=f"lower it in `{project.file}`",
        )
