"""What is locked of a base image is what the engine pulls."""

from __future__ import annotations

import json
import os
import subprocess
import uuid

import pytest

from cogfreeze.report import Silent
from cogfreeze.resolve.base import image
from cogfreeze.settings import Settings

pytestmark = pytest.mark.engine

BASE = "python:3.11-slim-bookworm"
STATUS = "Package: libc6\nStatus: install ok installed\nArchitecture: {}\nVersion: 1\n"


@pytest.fixture
def settings(tmp_path):
    if "ENGINE_REGISTRY" not in os.environ:
        pytest.skip("no engine: see CONTRIBUTING.md")
    return Settings(cache=tmp_path, registry_mirror=os.environ["ENGINE_REGISTRY"])


def docker(*words, **options):
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, **options).stdout


def test_the_locked_digest_is_the_one_that_the_engine_pulls(settings):
    base, _ = image.resolve_base(BASE, "linux/amd64", "the test's", settings, Silent(), need_packages=False)
    docker("pull", "--quiet", BASE)
    digests = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", BASE))
    assert base.digest in {each.partition("@")[2] for each in digests}
    assert docker("run", "--rm", f"{BASE}@{base.digest}", "echo", "pulled by digest") == "pulled by digest\n"


def test_each_platform_of_an_index_made_by_the_engine_has_its_own_manifest_and_packages(settings, tmp_path):
    """An index as BuildKit pushes it, attestations and all, on a registry without TLS on loopback."""
    host = settings.registry_mirror.removeprefix("http://")
    reference = f"{host}/cogfreeze-test/base:{uuid.uuid4().hex}"
    for architecture in ("amd64", "arm64"):
        folder = tmp_path / "context" / architecture
        folder.mkdir(parents=True)
        (folder / "status").write_text(STATUS.format(architecture))
    (tmp_path / "context/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    (tmp_path / "context/Dockerfile").write_text(
        "FROM scratch\nARG TARGETARCH\nCOPY os-release /usr/lib/\nCOPY $TARGETARCH/status /var/lib/dpkg/\n"
    )
    docker(
        *("buildx", "build", "--platform", "linux/amd64,linux/arm64", "--push", "--quiet", "--tag", reference),
        str(tmp_path / "context"),
    )
    found = {}
    for platform in ("linux/amd64", "linux/arm64"):
        found[platform] = image.resolve_base(reference, platform, "", settings, Silent(), need_packages=True)
    (amd64, amd64_status), (arm64, arm64_status) = found.values()
    assert amd64.digest == arm64.digest
    assert len({amd64.digest, amd64.manifest, arm64.manifest}) == 3
    assert (amd64_status, arm64_status) == (STATUS.format("amd64"), STATUS.format("arm64"))
    assert amd64.distribution == arm64.distribution == "debian:bookworm"
    described = json.loads(docker("buildx", "imagetools", "inspect", "--raw", reference))
    manifests = {
        f"{each['platform']['os']}/{each['platform']['architecture']}": each["digest"]
        for each in described["manifests"]
    }
    assert (amd64.manifest, arm64.manifest) == (manifests["linux/amd64"], manifests["linux/arm64"])
