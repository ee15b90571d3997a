"""A real engine, and images that several tests look at: each is locked and built once."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from cogfreeze.engine import fetch
from cogfreeze.lock import file as lock_file
from cogfreeze.project import cog_yaml
from cogfreeze.recipe.compose import compose
from cogfreeze.report import Silent
from cogfreeze.settings import Settings

ROOT = Path(__file__).parents[2]
PREFIX = "cogfreeze-test"

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, text: str) -> str:
        return text.upper()
"""


@pytest.fixture(scope="session")
def engine_environment():
    """The variables by which `cog` finds the engine, its registry and its archive."""
    if "ENGINE_REGISTRY" not in os.environ:
        pytest.skip("no engine: see CONTRIBUTING.md")
    return {
        "DOCKER_HOST": os.environ["DOCKER_HOST"],
        "COG_REGISTRY_MIRROR": os.environ["ENGINE_REGISTRY"],
        "COG_DEBIAN_SNAPSHOT": os.environ["ENGINE_DEBIAN_SNAPSHOT"],
    }


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One cache of downloads for the session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def cog(engine_environment, cache):
    """Run a verb in a folder, as a user would."""

    def run(folder, *words, variables=()):
        environment = os.environ | engine_environment | {"COG_CACHE_DIR": str(cache)} | dict(variables)
        return subprocess.run(
            [sys.executable, "-m", "cogfreeze.cli.main", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    return run


@pytest.fixture(scope="session")
def docker(engine_environment):
    """Run a command of docker's and return what it prints."""

    def run(*words, status=0):
        environment = os.environ | engine_environment
        answer = subprocess.run(
            ["docker", *words], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert answer.returncode == status, answer.stderr
        return answer.stdout

    return run


@pytest.fixture(scope="session")
def shell(docker):
    """Run a line of shell in an image, as the user that it runs as."""

    def run(image, line, *options):
        return docker("run", "--rm", "--entrypoint", "/bin/sh", *options, image, "-c", line)

    return run


@pytest.fixture(scope="session")
def new_project(tmp_path_factory, cog):
    """Make and lock a small project; its `build` section is given as YAML lines."""

    def make(build="", *, top="", files=()):
        folder = tmp_path_factory.mktemp("project")
        lines = "".join(f"  {line}\n" for line in build.splitlines())
        (folder / "cog.yaml").write_text(
            f'build:\n  python_version: "3.11"\n{lines}predict: predict.py:Predictor\nimage: {PREFIX}\n{top}'
        )
        for name, content in {"predict.py": PREDICT, **dict(files)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        answer = cog(folder, "lock")
        assert answer.returncode == 0, answer.stderr
        return folder

    return make


@pytest.fixture(scope="session")
def built(cog):
    """Build a project and return what `cog build --json` reports."""

    def build(folder, *words, name=PREFIX, variables=()):
        options = () if any(word.startswith("--output") for word in words) else ("-t", name)
        answer = cog(folder, "build", "--json", "--syntax", "builtin", *options, *words, variables=variables)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return build


@pytest.fixture(scope="session")
def ocr(tmp_path_factory, cog):
    """The example, locked against the loopback registry and archive."""
    folder = tmp_path_factory.mktemp("examples") / "ocr"
    shutil.copytree(ROOT / "examples/ocr", folder, ignore=shutil.ignore_patterns(".cog", "cog.lock", "Dockerfile"))
    answer = cog(folder, "lock")
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture(scope="session")
def ocr_image(ocr, built):
    """The example's image: `cog build --json`'s report."""
    return built(ocr, name=f"{PREFIX}-ocr")


@pytest.fixture(scope="session")
def small(new_project):
    """A project that needs nothing but Python."""
    return new_project()


@pytest.fixture(scope="session")
def small_image(small, built):
    return built(small, name=f"{PREFIX}-small")


@pytest.fixture
def prepared(engine_environment, cache, monkeypatch):
    """Return project, lock, recipe and files: what `cog build` has before it asks the engine."""

    def prepare(folder, schema="{}"):
        project, lock = cog_yaml.read(folder / "cog.yaml"), lock_file.read(folder / "cog.lock")
        part = lock.platforms[0]
        files = fetch.fetch(lock, part, project, folder, Settings.from_environment(), Silent())
        return project, lock, compose(project, lock, part.platform, schema=schema, builtin_frontend=True), files

    for name, value in {**engine_environment, "COG_CACHE_DIR": str(cache)}.items():
        monkeypatch.setenv(name, value)
    return prepare


@pytest.fixture
def exported(built, tmp_path):
    """Export a project's image; return its layers as open tar files, lowest first, and its configuration."""

    def export(folder, *words, variables=()):
        layout = tmp_path / "image"
        built(folder, *words, "--output", f"type=oci,tar=false,dest={layout}", variables=variables)

        def blob(digest):
            return layout / "blobs" / digest.replace(":", "/")

        index = json.loads((layout / "index.json").read_text())
        manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
        paths = [blob(layer["digest"]) for layer in manifest["layers"]]
        layers = [stack.enter_context(tarfile.open(path)) for path in paths]  # noqa: SIM115
        return layers, blob(manifest["config"]["digest"]).read_text()

    with ExitStack() as stack:
        yield export
