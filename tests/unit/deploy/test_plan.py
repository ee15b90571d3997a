"""What `cog deploy` decides for a project, and what it refuses."""

import dataclasses

import pytest

from cogfreeze.deploy import TARGETS, Request, plan, render
from cogfreeze.deploy.pod import pod_spec
from cogfreeze.errors import ProjectErrors
from cogfreeze.lock.model import BaseImage, ImageRecord, Lock, PlatformLock, Python, Tools
from cogfreeze.project.model import Build, Project, Server

DIGEST = "sha256:" + "ab" * 32
OTHER_DIGEST = "sha256:" + "cd" * 32
RECORD = ImageRecord(made_from="sha256:" + "0" * 64, digest=DIGEST, layers=(), engine="docker", frontend=None)
PART = PlatformLock(
    platform="linux/amd64",
    base=BaseImage(reference="python:3.11", digest=DIGEST, reason="", distribution="debian:bookworm"),
    python=Python(version="3.11"),
    image=RECORD,
)
LOCK = Lock(
    tools=Tools(cogfreeze="0", uv="0", recipe=1, runtime=DIGEST, frontend="x"), inputs=(), platforms=(PART,)
)
PROJECT = Project(
    file="cog.yaml",
    image="registry.example.com/model",
    predict="predict.py:Predictor",
    build=Build(python_version="3.11"),
)
ON_GPU = dataclasses.replace(PROJECT, build=Build(python_version="3.11", gpu=True))


def planned(project=PROJECT, lock=LOCK, *, target="kubernetes", **options):
    return plan(project, lock, Request(target=target, **options))


def refused(project=PROJECT, lock=LOCK, **options):
    """The messages of a refusal, which always exits with status 2."""
    with pytest.raises(ProjectErrors) as caught:
        planned(project, lock, **options)
    assert caught.value.exit_status == 2
    return [(error.where, error.message, error.hint) for error in caught.value.errors]


def unrecorded(lock=LOCK):
    return dataclasses.replace(lock, platforms=(dataclasses.replace(PART, image=None),))


def test_the_image_is_named_by_the_digest_that_the_lock_records():
    assert planned().image == f"registry.example.com/model@{DIGEST}"


def test_a_pushed_image_can_be_named_in_place_of_the_record():
    image = f"other.example.com:5000/team/model:v1@{OTHER_DIGEST}"
    decided = planned(lock=unrecorded(), image=image)
    assert decided.image == f"other.example.com:5000/team/model@{OTHER_DIGEST}"
    assert decided.notes == planned(image="other.example.com:5000/team/model").notes


def test_an_image_that_is_not_the_recorded_one_is_pointed_out():
    notes = planned(image=f"registry.example.com/model@{OTHER_DIGEST}").notes
    assert f"`--image` names {OTHER_DIGEST}; the lock records {DIGEST}." in notes


def test_a_lock_without_a_digest_is_refused_with_what_to_do():
    [(_, message, hint)] = refused(lock=unrecorded())
    assert message == "the lock records no image digest for linux/amd64"
    assert "cog lock --record" in hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gpus": 2}, "2 GPUs asked for, but the project has no GPU"),
        ({"gpus": 1}, "1 GPU asked for, but the project has no GPU"),
        ({"name": "My_Model"}, "`My_Model` is not a name that Kubernetes accepts"),
        ({"name": "9lives"}, "`9lives` is not a name that Kubernetes accepts"),
        ({"name": "a" * 64}, f"`{'a' * 64}` is not a name that Kubernetes accepts"),
        ({"name": "model\nkind"}, "`model\\nkind` is not a name that Kubernetes accepts"),
        ({"name": "a" * 54, "target": "kserve"}, f"`{'a' * 54}` is too long: KServe appends `-predictor`"),
        ({"namespace": "kube_system"}, "`kube_system` is not a namespace that Kubernetes accepts"),
        ({"image": "UPPER/case"}, "`UPPER/case` is not an image reference"),
        ({"memory": "16GB"}, "`16GB` is not an amount of memory"),
        ({"cpu": "two"}, "`two` is not an amount of CPU"),
        ({"shm": "0Gi"}, "`0Gi` is not an amount of memory"),
        ({"node_labels": ("gpu",)}, "`gpu` is not a node label"),
        ({"env_from": ("../x",)}, "`../x` is not the name of a Kubernetes object"),
        ({"prometheus": "file:///etc"}, "`file:///etc` is not a URL that can be used here"),
        ({"kserve_version": "new", "target": "kserve"}, "`new` is not a version of KServe"),
        ({"platform": "linux/arm64"}, "the lock has no platform `linux/arm64`"),
        ({"min_replicas": 3, "max_replicas": 2}, "at most 2 replicas is less than at least 3"),
        ({"min_replicas": 0, "cpu": "1"}, "only Knative starts a replica again when a request arrives"),
        ({"max_replicas": 2}, "scaling on CPU load needs `--cpu`, the amount that the load is a share of"),
        (
            {"max_replicas": 2, "autoscaler": "keda"},
            "scaling on the queue needs `--prometheus`, the address of the server that has the metrics",
        ),
        ({"autoscaler": "hpa"}, "there is nothing to scale: both limits are the same"),
        ({"autoscaler": "hpa", "target": "compose"}, "`--autoscaler` does not apply to the target `compose`"),
        ({"port": 80}, "`--port` does not apply to the target `kubernetes`"),
        ({"pull_secrets": ("a",), "target": "compose"}, "`--pull-secret` does not apply to the target `compose`"),
    ],
)  # fmt: skip
def test_what_cannot_be_deployed_is_one_clear_error(options, message):
    assert [each for _, each, _ in refused(**options)] == [message]


def test_a_model_on_a_gpu_is_not_scaled_on_cpu_load():
    [(where, message, hint)] = refused(ON_GPU, max_replicas=2, autoscaler="hpa", cpu="1")
    assert (where, message) == ("--autoscaler", "CPU load says nothing about a model that runs on a GPU")
    assert "keda" in hint


def test_a_project_with_a_gpu_cannot_go_without():
    assert refused(ON_GPU, gpus=0)[0][1] == "the project needs a GPU (`build.gpu: true`)"


def test_a_project_that_serves_nothing_is_refused():
    nothing = dataclasses.replace(PROJECT, predict=None)
    assert [message for _, message, _ in refused(nothing)] == [
        "`cog.yaml` has no `predict`, so there is nothing to serve"
    ]


def test_all_mistakes_are_reported_at_once():
    assert len(refused(lock=unrecorded(), name="X", memory="1", gpus=1)) == 4


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("model", "model"),
        ("r.example.com/team/my_model.v2:latest", "my-model-v2"),
        ("a/b__c", "b-c"),
        ("a/b--c", "b-c"),
    ],
)
def test_the_name_comes_from_the_image(image, name):
    assert planned(dataclasses.replace(PROJECT, image=image)).name == name


def test_the_grace_period_covers_the_drain_and_what_follows():
    slow = dataclasses.replace(PROJECT, server=Server(drain=599.5))
    for target in TARGETS:
        decided = planned(slow, target=target, pre_stop=20)
        assert decided.grace >= 20 + 599.5 + 10
        assert dict(decided.environment)["COG_PRE_STOP"] == "20"
        assert decided.request_timeout >= decided.grace


def test_a_deadline_bounds_the_request_where_a_proxy_does():
    assert planned(target="knative").request_timeout == 300
    assert (
        planned(dataclasses.replace(PROJECT, server=Server(deadline=900.5)), target="knative").request_timeout
        == 901
    )


def test_the_service_goes_on_for_a_moment_while_balancers_notice():
    assert dict(planned().environment)["COG_PRE_STOP"] == "5"
    assert "COG_PRE_STOP" not in dict(planned(target="compose").environment)


def test_other_protocols_call_the_model_by_the_deployments_name():
    assert "COG_MODEL_NAME" not in dict(planned().environment)
    speaking = dataclasses.replace(PROJECT, server=Server(protocols=("open-inference",)))
    assert dict(planned(speaking, target="kserve", name="mine").environment)["COG_MODEL_NAME"] == "mine"


def test_the_pod_may_do_nothing_that_a_model_does_not_need():
    spec = pod_spec(planned(), container="model")
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {each["mountPath"] for each in container["volumeMounts"]} == {"/tmp", "/dev/shm"}


def test_gpus_and_memory_are_limited_to_what_is_requested():
    [container] = pod_spec(planned(ON_GPU, gpus=2, memory="8Gi", cpu="2"), container="model")["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "2"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": "2"},
    }


def test_a_name_without_a_registry_is_pointed_out_to_a_cluster():
    local = dataclasses.replace(PROJECT, image="cog-model")
    assert "`cog-model` names no registry" in planned(local).notes[0]
    assert not [note for note in planned(local, target="compose").notes if "registry" in note]


def test_dollars_in_a_compose_file_are_not_read_as_variables():
    decided = dataclasses.replace(planned(target="compose"), environment=(("PRICE", "$5 ${HOME}"),))
    assert 'PRICE: "$$5 $${HOME}"' in render(decided, version="0").text


@pytest.mark.parametrize(
    "value",
    ["1e3", "0x1f", "on", "no", "~", "null", "1.0", "2026-01-01", "12:30", "- a", "a: b", "a #b", "'", '"', "é"],
)
def test_text_stays_text_whatever_reads_the_yaml(value):
    import yaml

    decided = dataclasses.replace(planned(target="compose"), environment=(("V", value),))
    text = render(decided, version="0").text
    assert yaml.safe_load(text)["services"]["model"]["environment"]["V"] == value
    [line] = [line for line in text.splitlines() if line.strip().startswith("V: ")]
    assert line.strip().startswith('V: "')
