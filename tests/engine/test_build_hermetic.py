"""Only the stages that download have a network; what a build is given leaves no trace that it should not."""

import functools
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import threading
import uuid
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cogfreeze.engine import build
from cogfreeze.engine.buildx import Options
from cogfreeze.engine.layers import manifest_digest
from cogfreeze.errors import BuildError
from cogfreeze.lock.model import Apt, AptSuite, Deb
from cogfreeze.recipe.compose import compose
from cogfreeze.report import Silent
from tests.engine.outside import archive

pytestmark = pytest.mark.engine

CALLING_OUT = f"""\
#!/bin/sh
set -e
python3 -c "import urllib.request; urllib.request.urlopen('{archive()}', timeout=5)"
"""
SECRET = "hunter2-3f9d0c"


def tar_gz(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content.encode()))
    return gzip.compress(buffer.getvalue())


def deb(**scripts):
    """A Debian package with nothing in it but its scripts."""
    control = (
        "Package: caller\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
        "Description: calls out\n"
    )
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tar_gz(
            {"./control": (control, 0o644)} | {f"./{name}": (text, 0o755) for name, text in scripts.items()}
        ),
        "data.tar.gz": tar_gz({}),
    }
    data = b"!<arch>\n"
    for name, content in members.items():
        data += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        data += b"\n" * (len(content) % 2)
    return data


def test_a_package_whose_script_calls_out_fails_the_build(small, prepared, tmp_path, docker):
    data = deb(postinst=CALLING_OUT)
    package = Deb(
        name="caller",
        version="1",
        architecture="all",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        archive="debian",
        path="pool/main/c/caller/caller_1_all.deb",
    )
    (tmp_path / "caller_1_all.deb").write_bytes(data)
    suite = AptSuite(archive="debian", suite="a", components=("main",), inrelease="0" * 64, signers=("A" * 40,))
    project, lock, _, files = prepared(small)
    (part,) = lock.platforms
    apt = Apt(snapshot="20260101T000000Z", suites=(suite,), packages=(package,))
    lock = replace(lock, platforms=(replace(part, apt=apt),))
    recipe = compose(project, lock, part.platform, schema="{}", builtin_frontend=True)

    with pytest.raises(BuildError) as raised:
        build.build(
            recipe,
            {**files, package.sha256: tmp_path / "caller_1_all.deb"},
            small,
            Options(),
            Silent(),
            names=("cogfreeze-test-caller",),
        )
    assert raised.value.where == "step `system`"
    assert "caller" in raised.value.message
    docker("image", "inspect", "cogfreeze-test-caller", status=1)


@pytest.fixture
def with_secret(new_project):
    return new_project(
        'run:\n  - command: test "$(cat /run/key)" = \'' + SECRET + "' && stat -c %a /run/key >/usr/share/seen\n"
        "    mounts:\n      - type: secret\n        id: key\n        target: /run/key\n"
    )


@pytest.mark.parametrize("form", ["file", "variable"])
def test_a_secret_is_seen_by_its_command_and_is_in_no_layer(with_secret, exported, tmp_path, form):
    # The command's own text holds the secret here, to compare it: in history and label, so not looked for there.
    folder, secret = with_secret, "id=key,env=KEY"
    text = (folder / "cog.yaml").read_text()
    (folder / "cog.yaml").write_text(text.replace(f"= '{SECRET}'", "!= ''"))
    if form == "file":
        (tmp_path / "key").write_text(SECRET)
        secret = f"id=key,src={tmp_path}/key"
    layers, config = exported(folder, "--secret", secret, "--no-cache", variables={"KEY": SECRET})

    seen = False
    for layer in layers:
        for entry in layer:
            assert "run/key" not in entry.name
            seen = seen or entry.name == "usr/share/seen"
            if entry.isfile():
                assert SECRET.encode() not in layer.extractfile(entry).read()
    assert seen
    assert SECRET not in config


def test_a_plain_build_of_the_emitted_files_gives_the_same_digest(ocr, ocr_image, cog, docker, tmp_path):
    """It downloads by itself, from a mirror, with the machine's certificates: none of that is in the image."""
    answer = cog(ocr, "dockerfile", "--syntax", "builtin", "-o", str(tmp_path / "context"))
    assert answer.returncode == 0, answer.stderr
    layout = tmp_path / "image"
    docker(
        *("buildx", "build", "--platform", "linux/amd64", "--provenance=false", "--network", "host"),
        *("--build-arg", "SOURCE_DATE_EPOCH=315532800"),
        *("--build-arg", f"DEBIAN_SNAPSHOT={os.environ['ENGINE_DEBIAN_SNAPSHOT']}"),
        *(("--secret", f"id=ca,src={os.environ['SSL_CERT_FILE']}") if "SSL_CERT_FILE" in os.environ else ()),
        *("--output", f"type=oci,tar=false,dest={layout}", str(tmp_path / "context")),
    )

    assert manifest_digest(layout) == ocr_image["digest"]


def test_no_address_of_this_machine_is_in_the_image(ocr, exported, cache):
    layers, config = exported(ocr)
    hidden = [os.environ["ENGINE_REGISTRY"], os.environ["ENGINE_DEBIAN_SNAPSHOT"], str(ocr), str(cache)]

    assert not [each for each in hidden if each.split("//")[-1] in config]
    for layer in layers[1:]:
        for entry in layer:
            if entry.isfile() and entry.size < 1_000_000:
                data = layer.extractfile(entry).read()
                assert not [each for each in hidden if each.encode() in data], entry.name


def test_nothing_of_the_environment_of_whoever_builds_is_in_the_image(small, small_image, built, tmp_path):
    """What buildx would take from it: labels of the repository, a time, a platform, a proxy."""
    folder = tmp_path / "checkout"
    shutil.copytree(small, folder, ignore=shutil.ignore_patterns(".cog"))
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (
        ("init", "--quiet"),
        ("add", "."),
        ("commit", "--quiet", "--message", "a"),
        ("remote", "add", "origin", f"https://user:{SECRET}@example.org/model.git"),
    ):
        subprocess.run((*git, *words), cwd=folder, check=True)
    image = built(
        folder,
        "--no-cache",
        variables={
            "BUILDX_GIT_LABELS": "full",
            "SOURCE_DATE_EPOCH": "7",
            "DOCKER_DEFAULT_PLATFORM": "linux/arm64",
            "DOCKER_BUILDKIT": "0",
            "TZ": "Asia/Kathmandu",
            "LANG": "tr_TR.UTF-8",
        },
    )

    assert image["digest"] == small_image["digest"]


def test_a_command_that_may_use_the_network_does_and_the_image_says_so(new_project, built, docker, cog):
    fetching = f"python -c \\\"import urllib.request as u; print(u.urlopen('{archive()}').status)\\\""
    folder = new_project(f'run:\n  - command: "{fetching} >/usr/share/status"\n    network: true\n')
    image = built(folder, name="cogfreeze-test-network")

    assert image["reproducible"] is False
    assert docker("run", "--rm", "cogfreeze-test-network", "cat", "/usr/share/status") == "200\n"
    label = docker(
        "image", "inspect", "-f", '{{index .Config.Labels "run.cogfreeze.reproducible"}}', *image["names"]
    )
    assert label == "false\n"
    told = cog(folder, "build", "-t", "cogfreeze-test-network", "--syntax", "builtin").stderr
    assert "warning: a command used the network: the same lock may give a different image" in told


@pytest.fixture
def web(tmp_path):
    """A server on this machine's loopback, which no step of the engine's can reach."""
    served = tmp_path / "served"
    served.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_file_by_url_is_locked_and_seen_by_its_command(web, new_project, built, shell, docker, cog, tmp_path):
    served, address = web
    # Of its own for each run: the engine keeps by hash what it has fetched once.
    content = f"the model {uuid.uuid4()}"
    (served / "model.txt").write_text(content)
    folder = new_project(
        "run:\n  - command: cp -p /in/model.txt /opt/model.txt\n    inputs:\n"
        f"      - url: {address}/model.txt\n        target: /in/model.txt\n"
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    locked = f'{{url = "{address}/model.txt", sha256 = "{digest}", size = {len(content)}}}'
    assert locked in (folder / "cog.lock").read_text()

    # Whatever the server has by now, the lock says what goes in: here from the cache, by the file's hash.
    (served / "model.txt").write_text("another")
    image = built(folder, name="cogfreeze-test-input")
    assert image["reproducible"] is True
    line = "cat /opt/model.txt; stat -c ' %a %Y' /opt/model.txt; ls /in 2>&1 | head -1"
    assert shell("cogfreeze-test-input", line) == (
        f"{content} 644 315532800\nls: cannot access '/in': No such file or directory\n"
    )

    # An engine alone fetches it by itself, and takes nothing else for it.
    cog(folder, "dockerfile", "--syntax", "builtin", "-o", str(tmp_path / "context"))
    build = ("buildx", "build", "--network", "host", "--target", "inputs", str(tmp_path / "context"))
    docker(*build, status=1)
    (served / "model.txt").write_text(content)
    docker(*build)
