"""Knative Serving: one Service, which also scales to zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.deploy.kubernetes import PULL_SECONDS
from cogfreeze.deploy.pod import LOCK_ANNOTATION, Manifest, labels, metadata, pod_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.deploy.plan import Plan


def manifests(plan: Plan) -> Iterator[Manifest]:
    """Yield the Service of Knative."""
    annotations = {
        LOCK_ANNOTATION: plan.lock,
        "autoscaling.knative.dev/metric": "concurrency",
        "autoscaling.knative.dev/target": str(plan.load),
        "autoscaling.knative.dev/min-scale": str(plan.min_replicas),
        "autoscaling.knative.dev/max-scale": str(plan.max_replicas),
        "serving.knative.dev/progress-deadline": f"{PULL_SECONDS + plan.setup_timeout}s",
    }
    spec = {
        "containerConcurrency": plan.slots,
        "timeoutSeconds": plan.request_timeout,
        **pod_spec(plan, container=plan.name),
    }
    yield {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": metadata(plan),
        "spec": {"template": {"metadata": {"labels": labels(plan), "annotations": annotations}, "spec": spec}},
    }
