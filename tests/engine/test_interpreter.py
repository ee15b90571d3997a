"""A base image without Python, named by its owner: a CPython is locked by hash, and the image predicts."""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sysconfig
import tarfile
import uuid
from types import SimpleNamespace

import pytest

from cogfreeze.lock import file as lock_file
from tests.engine.conftest import PREDICT, PREFIX
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_builds import listed

pytestmark = pytest.mark.engine

PYTHON = "python:3.11-slim-bookworm"
BASE = "FROM debian:bookworm-slim\nENV MINE=1\n"


def movable(content: bytes) -> bytes:
    """Let a program or library look for its own beside itself, as uv's builds do: its run path is written over."""
    place = sysconfig.get_config_var("LIBDIR").encode() + b"\0"
    return content.replace(place, b"$ORIGIN/../lib".ljust(len(place), b"\0"))


@pytest.fixture(scope="module")
def build_of_cpython(engine_environment, docker, tmp_path_factory):
    """A stand-in for uv's builds of CPython, which this machine can't reach.

    It is the python image's own, packed as they are and as movable. All else is as for a real one: its release,
    address and hash are read by uv from a list of uv's form.
    """
    docker("pull", "--quiet", PYTHON)
    container = docker("create", PYTHON).strip()
    packed = tmp_path_factory.mktemp("cpython") / "cpython.tar.gz"
    command = ["docker", "cp", f"{container}:/usr/local", "-"]
    try:
        with (
            subprocess.Popen(command, env=os.environ | engine_environment, stdout=subprocess.PIPE) as copy,
            tarfile.open(fileobj=copy.stdout, mode="r|") as found,
            gzip.open(packed, "wb", compresslevel=1) as stream,
            tarfile.open(fileobj=stream, mode="w|") as made,
        ):
            for member in found:
                content = found.extractfile(member) if member.isreg() else None
                if content and member.name in ("local/bin/python3.11", "local/lib/libpython3.11.so.1.0"):
                    content = io.BytesIO(movable(content.read()))
                member.name = member.name.replace("local", "python", 1)
                if member.islnk():
                    member.linkname = member.linkname.replace("local", "python", 1)
                made.addfile(member, content)
    finally:
        docker("rm", container)
    assert copy.returncode == 0
    version = docker("run", "--rm", PYTHON, "python3", "-c", "import platform; print(platform.python_version())")
    release = f"cpython-{version.strip()}-linux-x86_64-gnu"
    path = listed(packed.with_name("builds.json"), {release: packed.read_bytes()})
    return SimpleNamespace(content=packed.read_bytes(), release=release, list=path)


@pytest.fixture(scope="module")
def mirror(build_of_cpython):
    """The variables that lead to the list and the build; what was asked of the mirror."""
    with serving(lambda _asked: Answer(body=build_of_cpython.content)) as (url, log):
        variables = {"UV_PYTHON_DOWNLOADS_JSON_URL": build_of_cpython.list, "COG_PYTHON_MIRROR": url}
        yield SimpleNamespace(variables=variables, log=log)


@pytest.fixture(scope="module")
def locked(engine_environment, mirror, docker, cog, tmp_path_factory):
    """A project on a base of its owner's, on a registry of its owner's, locked."""
    base = f"{engine_environment['COG_REGISTRY_MIRROR'].removeprefix('http://')}/cogfreeze-test/bare:{uuid.uuid4().hex}"
    folder = tmp_path_factory.mktemp("bare")
    (folder / "Dockerfile").write_text(BASE)
    docker("buildx", "build", "--push", "--quiet", "--provenance=false", "--tag", base, str(folder))
    (folder / "Dockerfile").unlink()
    (folder / "predict.py").write_text(PREDICT)
    (folder / "cog.yaml").write_text(
        f'build:\n  python_version: "3.11"\n  base_image: {base}\n  system_packages: [tree]\n'
        f"  python_packages: [six==1.17.0]\npredict: predict.py:Predictor\nimage: {PREFIX}-bare\n"
    )
    answer = cog(folder, "lock", variables=mirror.variables)
    assert answer.returncode == 0, answer.stderr
    part = lock_file.read(folder / "cog.lock").platforms[0]
    return SimpleNamespace(folder=folder, base=base, part=part, talk=answer.stderr)


def test_the_base_is_the_owners_and_an_interpreter_is_locked_for_it(locked, build_of_cpython, mirror):
    base, made = locked.part.base, locked.part.python.interpreter
    assert (base.reference, base.reason) == (locked.base, "`build.base_image` names it")
    assert base.distribution == "debian:bookworm"
    assert made.release == build_of_cpython.release
    assert (made.sha256, made.size) == (
        hashlib.sha256(build_of_cpython.content).hexdigest(),
        len(build_of_cpython.content),
    )
    assert made.hash_origin == "index"
    assert {each.path for each in mirror.log} == {f"/{made.url}"}
    assert f"linux/amd64: `{locked.base}` has no Python: {made.release} is added to it" in locked.talk
    assert "127.0.0.1" not in made.url
    assert [deb.name for deb in locked.part.apt.packages] == ["tree"]


def test_it_predicts_and_is_the_same_bit_for_bit_twice(locked, cog, shell):
    """With the mirror gone: what was locked is in the cache."""
    answer = cog(locked.folder, "verify", "--json", "--syntax", "builtin")
    assert answer.returncode == 0, answer.stderr
    answer = cog(locked.folder, "build", "--json", "--syntax", "builtin")
    assert answer.returncode == 0, answer.stderr
    answer = cog(locked.folder, "predict", "-i", "text=hello", f"{PREFIX}-bare")
    assert (answer.returncode, answer.stdout) == (0, "HELLO\n"), answer.stderr
    said = shell(
        f"{PREFIX}-bare", "command -v python; command -v tree; python -c 'import six, sys; print(sys.prefix)'"
    )
    assert said.split() == ["/usr/local/bin/python", "/usr/bin/tree", "/usr/local"]


def test_another_build_than_uvs_list_promises_is_refused(locked, cog, mirror, build_of_cpython, tmp_path):
    """The mirror gives a build that works, but for one byte at its end."""
    shutil.copytree(locked.folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cog.lock", ".cog"))
    with serving(lambda _asked: Answer(body=build_of_cpython.content + b"\0")) as (url, _):
        answer = cog(tmp_path, "lock", variables={**mirror.variables, "COG_PYTHON_MIRROR": url})
    assert (answer.returncode, list(tmp_path.glob("cog.lock"))) == (1, [])
    assert f"`{build_of_cpython.release}` from {url}" in answer.stderr
    assert "is not the build that uv knows" in answer.stderr


def test_docker_hubs_own_bases_without_python_are_known_by_name(engine_environment, cog, mirror, tmp_path):
    (tmp_path / "predict.py").write_text(PREDICT)
    (tmp_path / "cog.yaml").write_text(
        'build:\n  python_version: "3.11"\n  base_image: debian:bookworm-slim\npredict: predict.py:Predictor\n'
    )
    answer = cog(tmp_path, "lock", "--json", variables=mirror.variables)
    assert answer.returncode == 0, answer.stderr
    (said,) = json.loads(answer.stdout)["platforms"]
    assert said["base"].startswith("debian:bookworm-slim@sha256:")
    before = (tmp_path / "cog.lock").read_bytes()
    shutil.rmtree(tmp_path / ".cog", ignore_errors=True)
    answer = cog(tmp_path, "lock", variables={"COG_PYTHON_MIRROR": "http://127.0.0.1:9"})
    assert (answer.returncode, (tmp_path / "cog.lock").read_bytes()) == (0, before), answer.stderr
