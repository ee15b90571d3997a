"""What an image is: its digest, who it runs as, what is in it and what is not, and that it serves."""

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request

import pytest

from cogfreeze.lock import file as lock_file

pytestmark = pytest.mark.engine


def test_the_store_and_an_export_have_one_digest(ocr, ocr_image, built, docker, tmp_path):
    """An image in the engine's store is the one that any registry would get, bit for bit."""
    export = built(ocr, "--output", f"type=oci,dest={tmp_path / 'image.tar'}")

    assert ocr_image["digest"] == export["digest"]
    assert json.loads(docker("image", "inspect", ocr_image["names"][0]))[0]["Id"] == ocr_image["digest"]


def test_a_second_build_changes_nothing(ocr, ocr_image, cog):
    answer = cog(ocr, "build", "-t", ocr_image["names"][0], "--syntax", "builtin", "--expect", ocr_image["digest"])

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"{ocr_image['digest']}\n"
    assert f"built {ocr_image['names'][0]}" in answer.stderr


def test_another_digest_than_the_expected_one_names_nothing(small, cog, docker):
    answer = cog(
        small, "build", "-t", "cogfreeze-test-unexpected", "--syntax", "builtin", "--expect", f"sha256:{'0' * 64}"
    )

    assert answer.returncode == 1
    assert "error[CF410]: the image's digest is sha256:" in answer.stderr
    docker("image", "inspect", "cogfreeze-test-unexpected", status=1)
    assert "cog-expected" not in docker("image", "ls")


def test_the_image_runs_as_a_user_that_owns_its_folder_and_nothing_else(ocr_image, shell):
    name = ocr_image["names"][0]

    assert shell(name, "id -u; id -g; stat -c '%u:%g %a' /src /src/predict.py").split("\n") == [
        *("1000", "1000", "1000:1000 755", "1000:1000 644", "")
    ]
    assert shell(name, "touch /src/written && echo yes; echo $HOME; touch ~/written && echo yes") == (
        "yes\n/home/cog\nyes\n"
    )
    others = " ".join(f"! -path '{path}*'" for path in ("/src", "/home/cog", "/dev", "/proc", "/sys"))
    writable = shell(name, f"find / -xdev -writable ! -type l {others} 2>/dev/null || true")
    assert set(writable.split()) <= {"/tmp", "/var/tmp", "/run/lock"}


def test_root_where_the_project_says_so(new_project, built, shell):
    image = built(new_project("user: root"), name="cogfreeze-test-root")

    assert shell(image["names"][0], "id -u; stat -c %u /src") == "0\n0\n"


def test_a_gpu_image_on_a_slim_base_asks_for_the_gpu(new_project, built, docker):
    image = built(new_project("gpu: true\nbase_image: python:3.11-slim-bookworm"), name="cogfreeze-test-gpu")
    variables = json.loads(docker("image", "inspect", image["names"][0]))[0]["Config"]["Env"]

    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(variables)


def test_what_dockerignore_names_is_in_no_layer(new_project, exported):
    folder = new_project(files=[(".dockerignore", "data\n!data/kept\n"), ("data/a", "a"), ("data/kept", "b")])
    layers, _ = exported(folder)
    names = {entry.name for layer in layers[1:] for entry in layer}

    assert {name for name in names if name.startswith("src/data")} == {"src/data", "src/data/kept"}


def test_nothing_is_left_behind_that_only_the_build_needed(ocr, ocr_image, shell):
    line = (
        "find /var/lib/apt/lists /var/cache /var/log /tmp /fetched /layer /cache /installer /unpacked"
        " -type f 2>/dev/null; find / -xdev -name .lock -o -xdev -name uv -o -xdev -name '*.deb'"
    )
    base = lock_file.read(ocr / "cog.lock").platforms[0].base
    before = shell(f"{base.reference}@{base.digest}", line).splitlines()
    after = shell(ocr_image["names"][0], line, "--user", "0").splitlines()

    assert set(after) - set(before) == set()


def test_every_module_is_compiled_by_hash_where_it_will_run(ocr_image, shell):
    """With a timestamp in it, compiled code is stale once times are fixed, and every start compiles it anew."""
    line = (
        "import glob, marshal, sys\n"
        "for top in ('/usr/local/lib/python3.11', '/opt/cog'):\n"
        "    files = glob.glob(top + '/**/*.pyc', recursive=True)\n"
        "    data = [open(file, 'rb').read() for file in files]\n"
        "    print(len(files) > 50, {each[4] for each in data})\n"
        "    paths = {marshal.loads(each[16:]).co_filename for each in data}\n"
        "    print({path.startswith(top) for path in paths})\n"
    )
    told = shell(ocr_image["names"][0], f'python -c "{line}"')

    assert told == "True {1}\n{True}\n" * 2


def test_the_labels_tell_what_it_is_made_from(ocr, ocr_image, docker):
    labels = json.loads(docker("image", "inspect", ocr_image["names"][0]))[0]["Config"]["Labels"]
    lock = lock_file.read(ocr / "cog.lock")
    base = lock.platforms[0].base

    assert labels["run.cogfreeze.lock"] == f"sha256:{hashlib.sha256((ocr / 'cog.lock').read_bytes()).hexdigest()}"
    assert labels["org.opencontainers.image.base.name"] == base.reference
    assert labels["org.opencontainers.image.base.digest"] == base.digest
    assert labels["run.cog.version"] == lock.tools.cogfreeze
    assert json.loads(labels["run.cog.config"])["predict"] == "predict.py:Predictor"
    assert "Input" in json.loads(labels["run.cog.openapi_schema"])["components"]["schemas"]
    assert labels["run.cogfreeze.reproducible"] == "true"


def test_the_lock_is_in_the_image(ocr, ocr_image, shell):
    assert shell(ocr_image["names"][0], "cat /opt/cog/cog.lock") == (ocr / "cog.lock").read_text()


def test_the_servers_packages_are_out_of_the_models_sight(ocr_image, shell):
    told = shell(
        ocr_image["names"][0], "python -c 'import cog, cogworker; print(1)'; python -c 'import trio' 2>&1 || true"
    )

    assert told.startswith("1\n")
    assert "No module named 'trio'" in told


@pytest.fixture(scope="module")
def server(ocr_image, docker):
    """The example's image, serving on a free port of this machine."""
    name = docker("run", "--detach", "--publish", "127.0.0.1:0:5000", ocr_image["names"][0]).strip()
    try:
        port = docker("port", name, "5000/tcp").strip().rsplit(":", 1)[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        docker("rm", "--force", name)


def asked(url, body=None):
    """Return status and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_it_becomes_ready_and_reads_the_picture(server, ocr):
    seen = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and seen[-1:] != ["READY"]:
        try:
            status = asked(f"{server}/health-check")[1]["status"]
        except (urllib.error.URLError, ConnectionError):
            status = "not listening"
        seen += [status] if seen[-1:] != [status] else []
        time.sleep(0.02)
    assert [each for each in seen if each != "not listening"][-2:] in (["STARTING", "READY"], ["READY"])

    picture = base64.b64encode((ocr / "sample.png").read_bytes()).decode()
    status, answer = asked(f"{server}/predictions", {"input": {"image": f"data:image/png;base64,{picture}"}})
    assert (status, answer["status"]) == (200, "succeeded")
    assert "Invoice 417" in [line["text"] for line in answer["output"]["lines"]]
    assert answer["output"]["picture"].startswith("data:image/png;base64,")

    assert asked(f"{server}/predictions", {"input": {"min_score": 2}})[0] == 422
    schema = asked(f"{server}/openapi.json")[1]["components"]["schemas"]["Input"]
    assert schema["properties"]["min_score"]["maximum"] == 1


def test_a_reaper_is_the_first_process_and_ends_it_in_order(small_image, docker):
    """Python as process 1 would ignore SIGTERM, and `docker stop` would wait and kill."""
    image = small_image["names"][0]
    assert docker("run", "--rm", image, "cat", "/proc/1/comm") == "dumb-init\n"

    name = docker("run", "--detach", image).strip()
    try:
        docker("stop", "--time", "20", name)
        state = json.loads(docker("inspect", name))[0]["State"]
        assert state["ExitCode"] != 137
    finally:
        docker("rm", "--force", name)
