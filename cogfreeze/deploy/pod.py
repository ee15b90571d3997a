"""What every cluster runs: the pod, its container, probes, limits, volumes and permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cogfreeze.deploy.plan import PORT, USER_ID

if TYPE_CHECKING:
    from cogfreeze.deploy.plan import Plan

Manifest = dict[str, Any]

GPU = "nvidia.com/gpu"
LOCK_ANNOTATION = "run.cogfreeze.lock"


def metadata(plan: Plan, **more: Any) -> Manifest:
    """Return the metadata of an object: the deployment's name, and the lock that its image was built from."""
    result: Manifest = {"name": plan.name}
    if plan.namespace:
        result["namespace"] = plan.namespace
    result["labels"] = labels(plan)
    annotations = {LOCK_ANNOTATION: plan.lock, **more.pop("annotations", {})}
    return {**result, "annotations": annotations, **more}


def labels(plan: Plan) -> dict[str, str]:
    """Return the labels of every object and pod."""
    return {**selector(plan), "app.kubernetes.io/managed-by": "cogfreeze"}


def selector(plan: Plan) -> dict[str, str]:
    """Return the labels that select the pods. A Deployment's selector can never change, so nothing here may."""
    return {"app.kubernetes.io/name": plan.name}


def scrape_annotations() -> dict[str, str]:
    """Return where Prometheus finds the metrics, by the annotations that its charts look for."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT), "prometheus.io/path": "/metrics"}


def pod_spec(plan: Plan, *, container: str) -> Manifest:
    """Return the spec of a pod.

    Args:
        container: the container's name.
    """
    spec: Manifest = {}
    if not plan.knative:
        # Knative sets the grace period itself, and refuses the fields below unless its operator allows them.
        spec["terminationGracePeriodSeconds"] = plan.grace
    spec["automountServiceAccountToken"] = False
    spec["enableServiceLinks"] = False
    if not plan.knative:
        spec["securityContext"] = {**_user(plan), "seccompProfile": {"type": "RuntimeDefault"}}
    node_labels = dict(plan.node_labels)
    if not plan.knative or plan.platform != "linux/amd64":
        node_labels = {"kubernetes.io/arch": plan.platform.split("/")[1], **node_labels}
    if node_labels:
        spec["nodeSelector"] = node_labels
    if plan.gpus and not plan.knative:
        spec["tolerations"] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    if plan.pull_secrets:
        spec["imagePullSecrets"] = [{"name": each} for each in plan.pull_secrets]
    spec["containers"] = [_container(plan, container)]
    spec["volumes"] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": plan.shm}},
    ]
    return spec


def _user(plan: Plan) -> Manifest:
    if plan.root:
        return {"runAsUser": 0}
    return {"runAsNonRoot": True, "runAsUser": USER_ID, "runAsGroup": USER_ID}


def _container(plan: Plan, name: str) -> Manifest:
    container: Manifest = {
        "name": name,
        "image": plan.image,
        # Knative takes a port's name for the protocol that it speaks.
        "ports": [{"containerPort": PORT, "protocol": "TCP", **({} if plan.knative else {"name": "http"})}],
        "env": [{"name": key, "value": value} for key, value in plan.environment],
    }
    if plan.env_from:
        container["envFrom"] = [{"secretRef": {"name": each}} for each in plan.env_from]
    if resources := _resources(plan):
        container["resources"] = resources
    container |= _probes(plan)
    context: Manifest = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": not plan.writable_root,
        "capabilities": {"drop": ["ALL"]},
    }
    if plan.knative:
        context |= {**_user(plan), "seccompProfile": {"type": "RuntimeDefault"}}
    container["securityContext"] = context
    container["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108
    return container


def _resources(plan: Plan) -> Manifest:
    """Memory and GPUs are limited to what is requested. CPU is only requested: a limit would slow an idle node."""
    requests: Manifest = {}
    if plan.cpu:
        requests["cpu"] = plan.cpu
    fixed: Manifest = {}
    if plan.memory:
        fixed["memory"] = plan.memory
    if plan.gpus:
        fixed[GPU] = str(plan.gpus)
    parts = {"requests": {**requests, **fixed}, "limits": fixed}
    return {key: value for key, value in parts.items() if value}


def _probes(plan: Plan) -> Manifest:
    """Return the probes, by status code.

    `/livez` answers 200 while `setup()` runs, and 503 once only a new container can help: `setup()` failed or
    took longer than COG_SETUP_TIMEOUT, or the model keeps crashing. So no probe cuts a long setup short, and a
    failed one is noticed at once. `/readyz` answers 200 only while predictions are taken.
    """
    live: Manifest = {"httpGet": {"path": "/livez", "port": PORT}, "timeoutSeconds": 5}
    ready: Manifest = {"httpGet": {"path": "/readyz", "port": PORT}, "timeoutSeconds": 5}
    probes: Manifest = {
        "startupProbe": {**live, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**ready, "periodSeconds": 2, "failureThreshold": 2},
    }
    if plan.knative:
        # Knative reads a startup probe as part of readiness, and knows it only in its newer releases.
        del probes["startupProbe"]
        probes["livenessProbe"]["failureThreshold"] = 6
    return probes
