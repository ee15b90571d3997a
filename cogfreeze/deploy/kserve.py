"""KServe: an InferenceService whose predictor is the image itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.deploy.kubernetes import CPU_LOAD, ROLLING_UPDATE, disruption_budget, network_policy, queue_query
from cogfreeze.deploy.pod import Manifest, metadata, pod_spec, scrape_annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.deploy.plan import Plan

# KServe recognises the container by this name.
CONTAINER = "kserve-container"
MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"


def manifests(plan: Plan) -> Iterator[Manifest]:
    """Yield the InferenceService; where Kubernetes runs it without Knative, also its budget and network policy."""
    annotations = {MODE: plan.kserve_mode}
    if not plan.knative:
        annotations[AUTOSCALER] = plan.autoscaler or "none"
    predictor: Manifest = {
        "annotations": scrape_annotations(),
        "minReplicas": plan.min_replicas,
        "maxReplicas": plan.max_replicas,
        **_scaling(plan),
        "timeout": plan.request_timeout,
        **({} if plan.knative else {"deploymentStrategy": ROLLING_UPDATE}),
        **pod_spec(plan, container=CONTAINER),
    }
    yield {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata(plan, annotations=annotations),
        "spec": {"predictor": predictor},
    }
    if not plan.knative:
        pods = {"serving.kserve.io/inferenceservice": plan.name}
        yield disruption_budget(plan, pods)
        yield network_policy(plan, pods)


def _scaling(plan: Plan) -> Manifest:
    if plan.knative:
        return {"containerConcurrency": plan.slots, "scaleMetric": "concurrency", "scaleTarget": plan.load}
    if plan.autoscaler == "hpa":
        return {"scaleMetric": "cpu", "scaleTarget": CPU_LOAD}
    if plan.autoscaler == "keda":
        metric = {
            "backend": "prometheus",
            "serverAddress": plan.prometheus,
            "query": queue_query(plan, f"{plan.name}-predictor"),
        }
        external = {"metric": metric, "target": {"type": "AverageValue", "averageValue": str(plan.load)}}
        return {"autoScaling": {"metrics": [{"type": "External", "external": external}]}}
    return {}
