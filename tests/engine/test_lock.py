"""`cog lock` against a real registry and a real, signed archive."""

import re
import shutil
from pathlib import Path

import pytest

from tests.engine.conftest import PREDICT

pytestmark = pytest.mark.engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "ocr"
# Whoever asks the network while these are set gets no answer.
NOWHERE = {
    "COG_REGISTRY_MIRROR": "http://127.0.0.1:9",
    "COG_DEBIAN_SNAPSHOT": "http://127.0.0.1:9",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def locked(cog, tmp_path_factory):
    """A copy of the example, locked from nothing."""
    folder = tmp_path_factory.mktemp("locked")
    for name in ("cog.yaml", "predict.py"):
        shutil.copy(EXAMPLE / name, folder)
    answer = cog(folder, "lock")
    assert answer.returncode == 0, answer.stderr
    return folder


def test_everything_that_goes_in_is_locked_by_hash(locked):
    text = (locked / "cog.lock").read_text()
    assert re.search(r'^digest = "sha256:[0-9a-f]{64}"$', text, re.MULTILINE)
    assert re.search(r'^manifest = "sha256:[0-9a-f]{64}"$', text, re.MULTILINE)
    assert "unconfirmed" not in text
    packages = re.findall(r'^    \{name = "([^"]+)", version = .*$', text, re.MULTILINE)
    hashes = re.findall(r'sha256 = "[0-9a-f]{64}"', text)
    assert len(packages) == len(hashes)
    assert {"libgl1", "libglib2.0-0", "rapidocr-onnxruntime", "opencv-python", "hypercorn", "uv"} <= set(packages)
    assert "127.0.0.1" not in text


def test_a_second_run_changes_no_byte_and_asks_no_network(cog, locked):
    before = (locked / "cog.lock").read_bytes()
    for words in (("lock",), ("lock", "--check"), ("lock", "--upgrade-runtime")):
        answer = cog(locked, *words, variables=NOWHERE)
        assert answer.returncode == 0, answer.stderr
        assert (locked / "cog.lock").read_bytes() == before


def test_locking_from_nothing_again_gives_the_same_bytes(cog, locked, tmp_path):
    for name in ("cog.yaml", "predict.py"):
        shutil.copy(EXAMPLE / name, tmp_path)
    assert cog(tmp_path, "lock").returncode == 0
    assert (tmp_path / "cog.lock").read_bytes() == (locked / "cog.lock").read_bytes()


def test_a_change_moves_only_what_it_forces(cog, locked, tmp_path):
    shutil.copytree(locked, tmp_path, dirs_exist_ok=True)
    declaration = (tmp_path / "cog.yaml").read_text()
    (tmp_path / "cog.yaml").write_text(declaration.replace("    - libgl1\n", "    - libgl1\n    - tree\n"))
    before = (tmp_path / "cog.lock").read_text().splitlines()
    answer = cog(tmp_path, "lock", variables={"UV_DEFAULT_INDEX": NOWHERE["UV_DEFAULT_INDEX"]})
    assert answer.returncode == 0, answer.stderr
    after = (tmp_path / "cog.lock").read_text().splitlines()
    new = [line for line in after if line not in before]
    assert [line for line in before if line not in after] == []
    assert len(new) == 2
    assert new[0] == '    "tree",'
    assert new[1].startswith('    {name = "tree", version = ')


def test_the_engine_and_the_registrys_layers_lock_the_same(cog, docker, tmp_path):
    """The engine has the base already: no layer is fetched. There is none: the layers are read."""
    docker("pull", "--quiet", "python:3.11-slim-bookworm")
    locks = {}
    for source, host in (("engine", {}), ("layers", {"DOCKER_HOST": f"unix://{tmp_path}/nobody"})):
        folder, cache = tmp_path / source, tmp_path / f"{source}-cache"
        folder.mkdir()
        (folder / "predict.py").write_text(PREDICT)
        (folder / "cog.yaml").write_text(
            'build:\n  python_version: "3.11"\n  system_packages: [tree]\npredict: predict.py:Predictor\n'
        )
        answer = cog(folder, "lock", variables={**host, "COG_CACHE_DIR": str(cache)})
        assert answer.returncode == 0, answer.stderr
        assert (cache / "layers").exists() == (source == "layers")
        locks[source] = (folder / "cog.lock").read_bytes()
    assert locks["engine"] == locks["layers"]
    assert b"unconfirmed" not in locks["engine"]
    assert docker("container", "ls", "--all", "--quiet", "--filter", "name=^cogfreeze-[0-9a-f]{32}$") == ""


@pytest.mark.parametrize(
    ("change", "error", "hint"),
    [
        (("- libgl1", "- ffmpg"), "ffmpg", "ffmpeg"),
        (('"3.11"', '"3.11.99"'), "python:3.11.99-slim-bookworm", "."),
    ],
)
def test_what_does_not_exist_is_named_and_the_old_lock_stays(cog, locked, tmp_path, change, error, hint):
    shutil.copytree(locked, tmp_path, dirs_exist_ok=True)
    (tmp_path / "cog.yaml").write_text((tmp_path / "cog.yaml").read_text().replace(*change))
    answer = cog(tmp_path, "lock")
    assert answer.returncode == 1
    errors = re.findall(r"^error\[CF300\]: (.*)$", answer.stderr, re.MULTILINE)
    assert len(errors) == 1
    assert error in errors[0]
    assert re.search(rf"^hint: .*{hint}", answer.stderr, re.MULTILINE)
    assert "Traceback" not in answer.stderr
    assert (tmp_path / "cog.lock").read_bytes() == (locked / "cog.lock").read_bytes()
