"""Whatever is asked of `cog deploy` is either refused in words or becomes a manifest that Kubernetes accepts."""

import dataclasses
import functools

import kubernetes_validate
import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cogfreeze.deploy import TARGETS, Request, plan, render
from cogfreeze.errors import ProjectErrors
from cogfreeze.project.model import Build, Server
from tests.unit.deploy.test_plan import LOCK, PROJECT

NEWEST = kubernetes_validate.latest_version()
ANY = st.text(max_size=8)


def seldom(strategy):
    """Most options are left out, or all would be refused for one that does not apply."""
    return st.none() | st.none() | st.none() | st.none() | strategy


def words(*usual):
    """Mostly what is usual, now and then anything."""
    return seldom(st.sampled_from(usual) | st.sampled_from(usual) | ANY)


REQUESTS = st.builds(
    Request,
    target=st.sampled_from(TARGETS),
    name=words("a", "model-1", "y", "no", "on", "null"),
    namespace=words("models", "1e3", "0x1f", "0", "on"),
    gpus=seldom(st.integers(0, 5)),
    cpu=st.none() | st.sampled_from(["2", "1.5", "500m"]) | ANY,
    memory=words("8Gi", "512Mi"),
    shm=words("1Gi"),
    min_replicas=seldom(st.integers(0, 3)),
    max_replicas=seldom(st.integers(1, 5)),
    load=seldom(st.integers(1, 9)),
    autoscaler=seldom(st.sampled_from(["hpa", "keda"])),
    prometheus=seldom(st.just("http://prometheus:9090")),
    kserve_mode=seldom(st.sampled_from(["standard", "knative"])),
    drain=seldom(st.integers(0, 5)),
    node_labels=st.just(()) | st.just(("k=v", "x.y/z=1", "k=")),
    env_from=st.just(()) | st.just(("a", "1e3", "no")),
    writable_root=st.booleans(),
)
PROJECTS = st.builds(
    lambda gpu, user, drain, concurrency: dataclasses.replace(
        PROJECT,
        build=Build(python_version="3.11", gpu=gpu, user=user),
        server=Server(drain=drain),
        concurrency=concurrency,
    ),
    st.booleans(),
    st.sampled_from(["cog", "root"]),
    st.floats(0, 900),
    st.integers(1, 2000),
)


@pytest.fixture(autouse=True, scope="module")
def schemas_are_read_once():
    with pytest.MonkeyPatch.context() as patch:
        read_once = functools.cache(kubernetes_validate.utils.schema_contents)
        patch.setattr(kubernetes_validate.utils, "schema_contents", read_once)
        yield


@settings(max_examples=200, deadline=None)
@given(project=PROJECTS, request=REQUESTS)
def test_a_request_is_refused_in_words_or_gives_a_valid_manifest(project, request):
    try:
        decided = plan(project, LOCK, request)
    except ProjectErrors as error:
        assert all(each.message.isprintable() for each in error.errors)
        event("refused")
        return
    event(decided.target)
    output = render(decided, version="0")
    assert output == render(decided, version="0")
    if not output.objects:
        return
    # What a parser reads back is what was meant: no text has become a number or a truth value.
    assert list(yaml.safe_load_all(output.text)) == list(output.objects)
    for each in output.objects:
        if each.get("apiVersion", "").split("/")[0] in (
            "v1",
            "apps",
            "autoscaling",
            "policy",
            "networking.k8s.io",
        ):
            kubernetes_validate.validate(each, NEWEST, strict=True)
