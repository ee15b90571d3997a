"""`cog dockerfile`, `build`, `verify`, `run` and `exec`, as far as they go without an engine."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cogfreeze import bundled
from cogfreeze.cli.main import main
from cogfreeze.cli.terminal import TerminalReport
from cogfreeze.cli.verbs import build, verify
from cogfreeze.engine.build import BuiltImage
from cogfreeze.engine.differences import Difference
from cogfreeze.engine.verify import Verdict
from cogfreeze.lock import file as lock_file
from cogfreeze.recipe.model import RECIPE_VERSION
from cogfreeze.recipe.runtime_files import runtime_digest

GOLDEN = Path(__file__).parents[1] / "golden"
PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return ""
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A golden case as a project of this cogfreeze's."""
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / "system-packages-by-hash", folder, ignore=shutil.ignore_patterns("Dockerfile"))
    (folder / "predict.py").write_text(PREDICT)
    lock = lock_file.read(folder / "cog.lock")
    tools = replace(lock.tools, recipe=RECIPE_VERSION, runtime=runtime_digest(bundled.RUNTIME))
    lock_file.write(folder / "cog.lock", replace(lock, tools=tools))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cog(capsys):
    """Run a verb; return exit status, stdout, and the lines of stderr."""

    def run(*words):
        status = main([*words])
        said = capsys.readouterr()
        return status, said.out, said.err.splitlines()

    return run


def test_the_dockerfile_needs_no_network_no_engine_and_no_clock(project, tmp_path):
    """The same text in a process that can reach nothing, on another day, in another time zone."""
    command = [sys.executable, "-m", "cogfreeze.cli.main", "dockerfile"]
    unreachable = "http://127.0.0.1:9"
    nothing = {
        "PATH": str(tmp_path),
        "DOCKER_HOST": "unix:///nowhere",
        "TZ": "Asia/Kathmandu",
        "HOME": str(tmp_path),
    }
    nothing |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), unreachable)
    here, there = (
        subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True).stdout
        for environment in (os.environ, os.environ | nothing)
    )

    assert here == there
    assert here.startswith("# syntax=docker/dockerfile:")


def test_dockerfile_only_is_the_same(project, cog):
    assert cog("build", "--dockerfile-only") == cog("dockerfile")


def test_the_folder_that_it_writes_holds_the_dockerfile_that_it_prints(project, cog, tmp_path):
    _, text, _ = cog("dockerfile")
    status, out, lines = cog("dockerfile", "-o", str(tmp_path / "out"))

    assert (status, out, lines) == (0, "", [f"wrote {tmp_path}/out/Dockerfile and its context"])
    assert (tmp_path / "out/Dockerfile").read_text() == text
    assert json.loads((tmp_path / "out/openapi.json").read_text())["info"]["title"] == "Cog"


@pytest.mark.parametrize("place", ["out", "../out"])
def test_a_context_that_it_wrote_is_in_no_image_and_holds_the_projects_files_alone(project, cog, place):
    before = {path.name for path in project.iterdir()} - {"cog.lock"}
    for _ in range(2):
        assert cog("dockerfile", "-o", place)[0] == 0
        code = project / place / "code"
        assert {path.relative_to(code).as_posix() for path in code.rglob("*")} <= before
        assert not (code / ".cog").exists()


def test_the_builtin_frontend_takes_one_line_away(project, cog):
    _, pinned, _ = cog("dockerfile")
    _, builtin, _ = cog("dockerfile", "--syntax", "builtin")

    assert pinned.split("\n", 2)[2] == builtin


def test_separate_weights_have_a_layer_of_their_own(project, cog, tmp_path):
    (project / "model.bin").write_bytes(bytes(10 * 1024 * 1024))
    (project / "small.bin").write_bytes(bytes(10))
    cog("dockerfile", "--separate-weights", "-o", str(tmp_path / "out"))

    assert (
        "COPY --link --from=weights /layer/ /\nCOPY --link --from=code"
        in (tmp_path / "out/Dockerfile").read_text()
    )
    assert [path.name for path in (tmp_path / "out/weights").iterdir()] == ["model.bin"]
    assert not (tmp_path / "out/code/model.bin").exists()
    assert (tmp_path / "out/code/small.bin").exists()


def test_an_openapi_document_may_be_given(project, cog, tmp_path):
    (tmp_path / "schema.json").write_text('{"openapi": "3.0.2", "mine": 1}')
    _, text, _ = cog("dockerfile", "--openapi-schema", str(tmp_path / "schema.json"))
    assert 'LABEL run.cog.openapi_schema="{\\"openapi\\":\\"3.0.2\\",\\"mine\\":1}"' in text

    (tmp_path / "schema.json").write_text("no JSON")
    status, _, lines = cog("dockerfile", "--openapi-schema", str(tmp_path / "schema.json"))
    assert status == 2
    assert lines[-1] == "hint: `cog schema` prints the project's"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "-t", "Not A Name"], "`Not A Name` is not an image name"),
        (["build", "-t", "--privileged"], None),
        (["build", "--expect", "latest"], "`latest` is not a digest"),
        (
            ["build", "--output", "type=oci,dest=x", "-t", "a"],
            "`--output` stores no image that could be tagged or pushed",
        ),
        (["build", "--output", "type=oci"], "`--output` cannot write to stdout, which has the report"),
        (["build", "--output", "-"], "`--output` cannot write to stdout, which has the report"),
        (["build", "--output", "type=docker,dest=-"], "`--output` cannot write to stdout, which has the report"),
        (["build", "--builder", "mine"], "`--builder` needs `--output`"),
        (["build", "--secret", "hunter2"], "a `--secret` has the wrong form"),
        (["lock", "--syntax", "builtin"], "`--syntax` needs `--record`"),
        (["lock", "--secret", "id=a,env=B"], "`--secret` needs `--record`"),
        (["lock", "--record", "--check"], "`--record` and `--check` cannot be used together"),
        (["lock", "--record", "--dry-run"], "`--record` and `--dry-run` cannot be used together"),
        (["exec"], "there is no command to run"),
        (["exec", "-e", "1=2", "true"], "`1` is not a variable name"),
        (["exec", "-p", "web", "true"], "`web` is not a port to publish"),
        (["run"], "there is no command to run"),
        (["run", "-o", "x"], "`--output` needs a prediction"),
        (["run", "-i", "a=b", "python", "-V"], "a prediction takes no command and no port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_is_off_is_refused_before_anything_is_done(project, cog, words, message):
    status, out, lines = cog(*words)

    assert (status, out) == (2, "")
    if message:
        assert lines[0] == f"error[CF900]: {message}"
    assert not (project / ".cog").exists()


def test_another_platform_than_the_locks_is_refused(project, cog):
    status, _, lines = cog("dockerfile", "--platform", "linux/arm64")

    assert (status, lines) == (
        2,
        [
            "error[CF200]: cog.lock is for `linux/amd64`, not `linux/arm64`",
            "hint: add `linux/arm64` to `build.platforms`, then run `cog lock`",
        ],
    )


def test_a_build_never_chooses_another_base_image(project, cog):
    status, _, lines = cog("build", "--use-cuda-base-image", "true")

    assert status == 1
    assert lines == [
        "error[CF201]: cog.lock is stale: its base image `python:3.11-slim-bookworm` is not a CUDA image",
        "hint: run `cog lock --use-cuda-base-image true` and commit the result",
    ]
    assert cog("build", "--use-cuda-base-image", "false", "--dockerfile-only")[0] == 0


def test_what_has_no_effect_here_is_explained(project, cog, monkeypatch):
    monkeypatch.setenv("COGLET_WHEEL", "/tmp/coglet.whl")
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    _, _, lines = cog("build", "--use-cog-base-image", "--dockerfile-only")

    assert lines == [
        "warning: `--use-cog-base-image` has no effect: the base image is the locked one",
        "hint: projects with the same base image share its layers anyway",
        "warning: `COGLET_WHEEL` has no effect: the image's server is the locked one",
        "warning: `DOCKER_BUILDKIT=0` has no effect: images are built by BuildKit",
    ]


@pytest.mark.parametrize("verb", ["build", "verify", "dockerfile", "exec", "run"])
def test_a_stale_lock_is_refused_with_its_reason(project, cog, verb):
    (project / "cog.yaml").write_text(
        (project / "cog.yaml").read_text().replace("- libgl1\n", "- libgl1\n    - ffmpeg\n")
    )
    words = [verb, "true"] if verb in ("exec", "run") else [verb]
    status, out, lines = cog(*words)

    assert (status, out) == (1, "")
    assert lines[0] == "error[CF201]: cog.lock is stale: `build.system_packages`: `ffmpeg` is new"


@pytest.mark.parametrize("verb", ["build", "verify"])
def test_without_docker_one_error_names_the_way_that_needs_none(project, cog, monkeypatch, tmp_path, verb):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, lines = cog(verb)

    assert (status, out) == (2, "")
    assert lines == [
        "error[CF500]: `docker` is not installed",
        "hint: install Docker; `cog dockerfile -o DIR` writes everything that an engine on another machine needs",
    ]


def test_lock_prints_the_fix_for_each_command_that_fetches(project, cog):
    text = (project / "cog.yaml").read_text()
    commands = "".join(
        f"    - {command}\n"
        for command in (
            "curl -L https://example.org/v1/model.tgz | tar xz -C /opt",
            "echo quiet",
            "{command: wget https://example.org/a, network: true}",
            "apt-get install -y jq",
        )
    )
    assert "  run:" not in text
    (project / "cog.yaml").write_text(text.replace("build:\n", f"build:\n  run:\n{commands}"))
    status, _, lines = cog("lock")

    assert status == 0
    first = next(index for index, line in enumerate(lines) if line.startswith("warning: build.run[0]"))
    assert "\n".join(lines[first:]) == (
        "warning: build.run[0]: `curl -L https://example.org/v1/model.tgz | tar xz -C /opt` downloads with"
        " `curl` and will fail, because commands have no network\n"
        "hint: write `{command: cat /inputs/model.tgz | tar xz -C /opt, inputs: [{url:"
        " https://example.org/v1/model.tgz, target: /inputs/model.tgz}]}`; `cog doctor --fix` writes this\n"
        "warning: build.run[3]: `apt-get install -y jq` downloads with `apt` and will fail, because commands have"
        " no network\n"
        "hint: declare `jq` in `system_packages`; remove the command; `cog doctor --fix` writes this\n"
        "warning: commands of `build.run` call programs that the image lacks: `wget`\n"
        "hint: add them to `system_packages`; `cog doctor --fix` writes this"
    )


def test_verify_tells_compression_from_content():
    """One engine never gives it; where it does, the diff IDs decide, and the error says so."""
    ids = ("sha256:" + "c" * 64,)
    verdict = Verdict(
        digests=("sha256:a", "sha256:b"),
        layers=(ids, ids),
        differences=(),
        settings=(),
        engine="docker 28.5.2, buildx 0.29.1",
        varied=False,
    )
    error = verify._differ(verdict)
    assert error.message == (
        "two builds from scratch gave sha256:a and sha256:b; all files and the configuration are equal, only the"
        " compression differs"
    )
    assert error.hint.startswith("the engine (docker 28.5.2, buildx 0.29.1) compresses; ")

    error = verify._differ(replace(verdict, settings=("config.Env[1]",)))
    assert error.message.splitlines()[1] == (
        "  configuration: `config.Env[1]`: the engine took it from the build's environment; please report it"
    )


def difference(path, **more):
    return Difference(layer="layer `system`", path=path, what="content", cause="chance", fix="nothing", **more)


def test_verify_shows_files_with_one_cause_together():
    """166 files of one database are one cause, with three of them as examples."""
    verdict = Verdict(
        digests=("sha256:a", "sha256:b", "sha256:a"),
        layers=(("a",), ("b",), ("a",)),
        differences=(
            *(
                difference(f"/db/{number}", package="db (postinst)", first="byte 3: 00 and 01")
                for number in range(166)
            ),
            difference("/etc/x"),
        ),
        settings=(),
        engine="docker 28.5.2, buildx 0.29.1",
        varied=False,
    )
    assert verify._differ(verdict).message.splitlines() == [
        "3 builds from scratch gave sha256:a (2 times) and sha256:b; they differ in:",
        "  layer `system`: 166 files by db (postinst)",
        "    /db/0: content, first in byte 3: 00 and 01",
        "    /db/1: content, first in byte 3: 00 and 01",
        "    /db/2: content, first in byte 3: 00 and 01",
        "    and 163 more files",
        "    cause: chance",
        "    fix: nothing",
        "  layer `system`:",
        "    /etc/x: content",
        "    cause: chance",
        "    fix: nothing",
    ]


@pytest.mark.parametrize("times", ["1", "0", "-3", "x", "51"])
def test_verify_builds_at_least_twice(capsys, times):
    assert main(["verify", f"--times={times}"]) == 2
    assert "is not a number from 2 to 50" in capsys.readouterr().err


def test_build_lists_what_a_container_has_to_create(capsys):
    image = BuiltImage(
        names=("model",),
        digest="sha256:a",
        config="sha256:b",
        layers=(),
        engine="docker 28.5.2",
        frontend=None,
        reproducible=True,
        at_start=("SSH host keys (openssh-server): ssh-keygen -A",),
    )
    build._tell(image, TerminalReport(), as_json=False)

    assert (
        "not in the image, create it when a container starts: SSH host keys (openssh-server): ssh-keygen -A\n"
        in capsys.readouterr().err
    )
