"""The golden manifests hold to the schemas of what reads them: Kubernetes' own, KServe's models, Compose's schema.

Knative's and KEDA's schemas are written here, from their documented fields: no package carries them.
"""

import ast
import functools
import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

GOLDEN = Path(__file__).parents[2] / "golden" / "deploy"
OLDEST, NEWEST = "1.25.0", kubernetes_validate.latest_version()
PLAIN_KINDS = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}

# What Knative accepts in a pod without its operator's consent, and what it needs consent for.
KNATIVE_POD = {
    "containerConcurrency", "timeoutSeconds", "automountServiceAccountToken", "enableServiceLinks",
    "imagePullSecrets", "containers", "volumes",
}  # fmt: skip
KNATIVE_WITH_CONSENT = {"nodeSelector": "kubernetes.podspec-nodeselector"}
KNATIVE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "serving.knative.dev/v1"},
        "kind": {"const": "Service"},
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["template"],
            "properties": {
                "template": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["metadata", "spec"],
                    "properties": {
                        "metadata": {
                            "type": "object",
                            "properties": {
                                "annotations": {"type": "object", "additionalProperties": {"type": "string"}}
                            },
                        },
                        "spec": {
                            "type": "object",
                            "properties": {
                                "containerConcurrency": {"type": "integer", "minimum": 0, "maximum": 1000},
                                "timeoutSeconds": {"type": "integer", "minimum": 1},
                                "containers": {"type": "array", "minItems": 1, "maxItems": 1},
                            },
                        },
                    },
                }
            },
        },
    },
}
KEDA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["scaleTargetRef", "triggers"],
            "properties": {
                "scaleTargetRef": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                },
                "minReplicaCount": {"type": "integer", "minimum": 1},
                "maxReplicaCount": {"type": "integer", "minimum": 1},
                "triggers": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["type", "metadata"],
                        "properties": {
                            "type": {"const": "prometheus"},
                            "metadata": {
                                "type": "object",
                                "required": ["serverAddress", "query", "threshold"],
                                "additionalProperties": {"type": "string"},
                                "maxProperties": 3,
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(autouse=True, scope="module")
def schemas_are_read_once():
    """The library would read a schema of several megabytes again for every object."""
    with pytest.MonkeyPatch.context() as patch:
        read_once = functools.cache(kubernetes_validate.utils.schema_contents)
        patch.setattr(kubernetes_validate.utils, "schema_contents", read_once)
        yield


def manifests(file):
    """(case, object) of every golden file of this name."""
    return [
        pytest.param(each, id=f"{path.parent.name}-{each.get('kind', 'compose')}")
        for path in sorted(GOLDEN.glob(f"*/{file}"))
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def check_with_kubernetes(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def check_pod(spec, version):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}
    check_with_kubernetes(pod, version)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", manifests("kubernetes.yaml"))
def test_kubernetes_accepts_its_manifests(manifest, version):
    if manifest["kind"] == "ScaledObject":
        jsonschema.validate(manifest, KEDA)
        check_with_kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"]}, version)
        return
    assert manifest["kind"] in PLAIN_KINDS
    check_with_kubernetes(manifest, version)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", manifests("knative.yaml"))
def test_knative_accepts_its_service(manifest, version):
    jsonschema.validate(manifest, KNATIVE)
    spec = dict(manifest["spec"]["template"]["spec"])
    assert set(spec) - KNATIVE_POD - set(KNATIVE_WITH_CONSENT) == set()
    assert "startupProbe" not in spec["containers"][0]
    assert "name" not in spec["containers"][0]["ports"][0]
    for own in ("containerConcurrency", "timeoutSeconds"):
        del spec[own]
    check_pod(spec, version)


def test_what_knative_needs_consent_for_is_named_in_the_file():
    files = sorted(GOLDEN.glob("*/knative.yaml"))
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        pod = yaml.safe_load(text)["spec"]["template"]["spec"]
        for field, feature in KNATIVE_WITH_CONSENT.items():
            assert (field in pod) == (feature in text), path


def kserve_model(name):
    """The fields of a class of `kserve.models`: JSON key → type; None where it has no such class.

    Read from the source: to import it would take all that the package imports.
    """
    folder = Path(importlib.util.find_spec("kserve").submodule_search_locations[0]) / "models"
    file = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("v1_beta1", "v1beta1")
    path = folder / f"{file}.py"
    if not path.is_file():
        return None
    [found] = [each for each in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(each, ast.ClassDef)]
    tables = {
        each.targets[0].id: ast.literal_eval(each.value)
        for each in found.body
        if isinstance(each, ast.Assign) and each.targets[0].id in ("openapi_types", "attribute_map")
    }
    return {key: tables["openapi_types"][field] for field, key in tables["attribute_map"].items()}


def check_kserve(value, kind, where):
    """Hold a value to a type of KServe's; return the parts whose types are Kubernetes' own, by key."""
    if listed := re.fullmatch(r"list\[(\w+)\]", kind):
        assert isinstance(value, list), where
        for each in value:
            check_kserve(each, listed[1], where)
    elif kind == "dict(str, str)":
        assert all(isinstance(part, str) for pair in value.items() for part in pair), where
    elif kind in ("str", "int", "bool"):
        assert type(value) is {"str": str, "int": int, "bool": bool}[kind], where
    elif kind == "V1beta1MetricQuantity":
        assert isinstance(value, str), where
    elif kind.startswith("V1beta1"):
        model = kserve_model(kind)
        assert model is not None, kind
        for key, part in value.items():
            assert key in model, f"{where}.{key} is not known to {kind}"
            check_kserve(part, model[key], f"{where}.{key}")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", manifests("kserve.yaml"))
def test_kserve_accepts_its_inference_service(manifest, version):
    if manifest["kind"] in PLAIN_KINDS:
        check_with_kubernetes(manifest, version)
        return
    check_kserve(manifest, "V1beta1InferenceService", "")
    predictor = manifest["spec"]["predictor"]
    own = {"annotations", "minReplicas", "maxReplicas", "autoScaling", "timeout", "deploymentStrategy",
           "scaleMetric", "scaleTarget", "containerConcurrency"}  # fmt: skip
    check_pod({key: value for key, value in predictor.items() if key not in own}, version)
    if "deploymentStrategy" in predictor:
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": predictor["containers"]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        check_with_kubernetes(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "a"},
                "spec": {**spec, "strategy": predictor["deploymentStrategy"]},
            },
            version,
        )


def test_the_check_of_kserve_finds_a_field_that_is_not_there():
    with pytest.raises(AssertionError, match="minReplica is not known"):
        check_kserve({"spec": {"predictor": {"minReplica": 1}}}, "V1beta1InferenceService", "")


@pytest.mark.parametrize("manifest", manifests("compose.yaml"))
def test_compose_accepts_its_file(manifest):
    folder = Path(importlib.util.find_spec("compose").submodule_search_locations[0])
    schema = json.loads((folder / "config" / "compose_spec.json").read_text(encoding="utf-8"))
    # The schema of 2021 does not know a project's name, which came a year later.
    known = {key: value for key, value in manifest.items() if key != "name"}
    jsonschema.Draft201909Validator(schema).validate(known)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", manifest["name"])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/docker-run.sh")), ids=lambda path: path.parent.name)
def test_the_script_is_one_docker_run(path):
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
    command = path.read_text(encoding="utf-8").partition("set -eu\n")[2]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["exec", "docker", "run"]
    assert all(word.startswith("--") for word in words[3:-1])
    assert re.search(r"@sha256:[0-9a-f]{64}$", words[-1])
