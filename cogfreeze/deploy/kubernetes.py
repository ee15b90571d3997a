"""A plain Kubernetes deployment: Deployment, Service, PodDisruptionBudget, NetworkPolicy, and an autoscaler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.deploy.plan import PORT
from cogfreeze.deploy.pod import Manifest, labels, metadata, pod_spec, scrape_annotations, selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.deploy.plan import Plan

# To pull an image of many gigabytes onto a node that has nothing of it.
PULL_SECONDS = 900
# The share of the requested CPU at which another replica starts, in percent.
CPU_LOAD = 70

# Addresses that only mean something inside a network: a URL in a prediction's input must not lead there.
PRIVATE_IPV4 = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE_IPV6 = ("fc00::/7", "fe80::/10")


def manifests(plan: Plan) -> Iterator[Manifest]:
    """Yield every object, in the order in which a person reads them."""
    yield deployment(plan)
    yield service(plan)
    if plan.autoscaler == "hpa":
        yield horizontal_autoscaler(plan)
    if plan.autoscaler == "keda":
        yield scaled_object(plan)
    yield disruption_budget(plan, selector(plan))
    yield network_policy(plan, selector(plan))


def deployment(plan: Plan) -> Manifest:
    """Return the Deployment. A new replica is ready before an old one stops."""
    spec: Manifest = {
        "selector": {"matchLabels": selector(plan)},
        "strategy": ROLLING_UPDATE,
        # By default a rollout counts as failed after ten minutes, which a pull and a setup may well take.
        "progressDeadlineSeconds": PULL_SECONDS + plan.setup_timeout,
        "template": {
            "metadata": {
                "labels": labels(plan),
                "annotations": {"run.cogfreeze.lock": plan.lock, **scrape_annotations()},
            },
            "spec": pod_spec(plan, container=plan.name),
        },
    }
    if plan.autoscaler is None:
        # Where something else decides, a number here would undo its decision at every `kubectl apply`.
        spec = {"replicas": plan.min_replicas, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(plan), "spec": spec}


ROLLING_UPDATE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def service(plan: Plan) -> Manifest:
    """Return the Service, reachable in the cluster at port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(plan),
        "spec": {
            "selector": selector(plan),
            "ports": [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def horizontal_autoscaler(plan: Plan) -> Manifest:
    """Return what scales on CPU load."""
    target = {"type": "Utilization", "averageUtilization": CPU_LOAD}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(plan),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
            "minReplicas": plan.min_replicas,
            "maxReplicas": plan.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def scaled_object(plan: Plan) -> Manifest:
    """Return what makes KEDA scale on the predictions that run and wait."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(plan),
        "spec": {
            "scaleTargetRef": {"name": plan.name},
            "minReplicaCount": plan.min_replicas,
            "maxReplicaCount": plan.max_replicas,
            "triggers": [
                {
                    "type": "prometheus",
                    "metadata": {
                        "serverAddress": plan.prometheus,
                        "query": queue_query(plan, plan.name),
                        "threshold": str(plan.load),
                    },
                }
            ],
        },
    }


def queue_query(plan: Plan, deployment_name: str) -> str:
    """Return the PromQL for the predictions that have not ended, on all pods of a Deployment."""
    namespace = f'namespace="{plan.namespace}",' if plan.namespace else ""
    return f'sum(cog_predictions_inside{{{namespace}pod=~"{deployment_name}-[0-9a-z]+-[0-9a-z]+"}})'


def disruption_budget(plan: Plan, pods: dict[str, str]) -> Manifest:
    """Return the budget: nodes are drained one replica at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(plan),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": pods}},
    }


def network_policy(plan: Plan, pods: dict[str, str]) -> Manifest:
    """Return the policy: in to the server's port, out to DNS and public addresses."""
    public = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(PRIVATE_IPV4)}},
        {"ipBlock": {"cidr": "::/0", "except": list(PRIVATE_IPV6)}},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(plan),
        "spec": {
            "podSelector": {"matchLabels": pods},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": PORT}]}],
            "egress": [
                {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                {"to": public},
            ],
        },
    }
