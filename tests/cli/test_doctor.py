"""`cog doctor` against a registry, an index and an archive on loopback: what it finds, and what it fixes."""

import json

import pytest

from cogfreeze.cli.main import main
from cogfreeze.doctor import repair
from cogfreeze.resolve.apt import archive as archive_module
from tests.cli.test_lock import lab, needs_apt  # noqa: F401  # a fixture
from tests.unit.resolve.made_archive import stanza

COG_YAML = """\
# my model
build:
  python_version: "3.11"
  fast: false
  system_packages:
    - libffi7  # for ctypes
    - ffmpeg libsm6
  run:
    - pip install six
    - wget -q "https://example.com/$(uname -m)/tool" -O /usr/local/bin/tool && chmod +x /usr/local/bin/tool
    - curl -sSL https://example.com/install.sh | bash
predict: predict.py:Predictor
"""
FIXED = """\
# my model
build:
  python_version: "3.11"
  system_packages:
    - libffi8  # for ctypes
    - ffmpeg
    - libsm6
    - curl
    - ca-certificates
  python_packages:
    - six
  run:
    - command: install -D -m 644 /inputs/tool /usr/local/bin/tool && chmod +x /usr/local/bin/tool
      inputs:
        - url: https://example.com/x86_64/tool
          target: /inputs/tool
    - command: curl -sSL https://example.com/install.sh | bash
      network: true
predict: predict.py:Predictor
"""


@pytest.fixture(autouse=True)
def online_afterwards(monkeypatch):
    """`--offline` sets a variable of the process, which must not reach other tests."""
    monkeypatch.setenv("COG_OFFLINE", "")


@pytest.fixture
def doctor(lab, capsys):  # noqa: F811
    names = ("libffi8", "ffmpeg", "libsm6", "curl", "ca-certificates")
    lab.archive.packages["bookworm"] = [stanza(name) for name in names]
    (lab.folder / "cog.yaml").write_text(COG_YAML)

    def run(*words):
        archive_module._releases.cache_clear()
        capsys.readouterr()
        status = main(["doctor", "--json", *words])
        document = json.loads(capsys.readouterr().out)
        project = [each for each in document["checks"] if each["name"] in ("project", "predictor", "run", "system packages", "lock")]  # fmt: skip  # noqa: E501
        return status, project, document

    return run


@needs_apt
def test_every_failure_has_a_cure(doctor):
    status, checks, document = doctor()
    assert status == 1
    failures = [each for each in document["checks"] if each["status"] == "failed"]
    assert [each["name"] for each in failures if each in checks] == [
        "run",
        "run",
        "run",
        "system packages",
        "lock",
    ]
    assert all(each["cure"] for each in failures)
    services = {each["name"]: each["status"] for each in document["checks"]}
    assert (services["registry"], services["archive"], services["uv"]) == ("ok", "ok", "ok")


@needs_apt
def test_fix_writes_the_safe_fixes_keeps_comments_and_shows_the_diff(doctor, lab):  # noqa: F811
    _, checks, document = doctor("--fix")
    assert (lab.folder / "cog.yaml").read_text() == FIXED
    assert [each["name"] for each in checks if each["status"] == "failed"] == ["lock"]  # which nobody has made yet
    lines = document["diff"].splitlines()
    assert {"-    - libffi7  # for ctypes", "+    - libffi8  # for ctypes"} <= set(lines)
    assert sorted(path.name for path in lab.folder.iterdir()) == ["cog.yaml", "predict.py"]
    _, _, again = doctor("--fix")
    assert again["diff"] == ""


@needs_apt
def test_without_fix_nothing_is_written(doctor, lab):  # noqa: F811
    doctor()
    assert (lab.folder / "cog.yaml").read_text() == COG_YAML


def test_a_file_that_can_not_be_read_has_a_line_for_each_mistake(doctor, lab):  # noqa: F811
    (lab.folder / "cog.yaml").write_text("build:\n  gpu: maybe\n  pyton_version: '3.11'\n")
    status, checks, _ = doctor("--offline")
    assert status == 1
    assert [each["status"] for each in checks] == ["failed", "failed", "skipped"]
    assert "did you mean `python_version`?" in checks[1]["cure"]


def test_a_requirements_file_takes_what_commands_install(doctor, lab):  # noqa: F811
    (lab.folder / "requirements.txt").write_text("# pinned\nnumpy==1.26.4\nsix==1.0\n")
    text = "build:\n  python_requirements: requirements.txt\n  run: [pip install six==2.0 idna, echo done]\n"
    (lab.folder / "cog.yaml").write_text(text + "predict: predict.py:Predictor\n")
    _, _, document = doctor("--fix", "--offline")
    assert (lab.folder / "requirements.txt").read_text() == "# pinned\nnumpy==1.26.4\nsix==2.0\nidna\n"
    assert "  run: [echo done]\n" in (lab.folder / "cog.yaml").read_text()
    assert "+six==2.0" in document["diff"]


def test_a_fix_that_would_break_the_file_is_not_written(doctor, lab, monkeypatch):  # noqa: F811
    monkeypatch.setattr(repair, "fix_all", lambda project, *_: project.texts.update({"cog.yaml": "build: 1\n"}))
    doctor("--fix", "--offline")
    assert (lab.folder / "cog.yaml").read_text() == COG_YAML


@pytest.mark.parametrize("text", ["build: [\n", "- a list\n", "build: 1\n", "a: &a [*a]\n", "\x00", "{}", ""])
def test_a_file_that_is_not_a_mapping_is_left_as_it_is(doctor, lab, text):  # noqa: F811
    (lab.folder / "cog.yaml").write_text(text)
    doctor("--fix", "--offline")
    assert (lab.folder / "cog.yaml").read_text() == text


def test_line_ends_and_permissions_stay(doctor, lab):  # noqa: F811
    path = lab.folder / "cog.yaml"
    path.write_bytes(COG_YAML.replace("\n", "\r\n").encode())
    path.chmod(0o600)
    doctor("--fix", "--offline")
    data = path.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 0
    assert b"    - six\r\n" in data
    assert path.stat().st_mode & 0o777 == 0o600


def test_people_get_one_line_a_check_and_its_cure_below(lab, capsys):  # noqa: F811
    (lab.folder / "cog.yaml").write_text(COG_YAML)
    assert main(["doctor", "--offline"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok       project          cog.yaml is valid"
    at = next(index for index, line in enumerate(lines) if line.startswith("FAILED   run"))
    assert lines[at] == (
        "FAILED   run              build.run[0]: `pip install six` uses the network (`pip`), which commands lack"
    )
    assert lines[at + 1].strip() == (
        "→ declare `six` in `python_packages`; remove the command; `cog doctor --fix` writes this"
    )


@pytest.mark.parametrize(
    ("driver", "capability", "failures"),
    [
        ("580.82.07", "9.0", []),
        ("470.129.06", "9.0", ["driver"]),
        ("580.82.07", "6.1", ["torch"]),
        ("580.82.07", "12.0", []),
    ],
)
def test_the_gpu_is_held_against_the_locks_cuda_and_kernels(tmp_path, monkeypatch, driver, capability, failures):
    from dataclasses import replace

    from cogfreeze.doctor.gpu import gpu_checks
    from tests.unit.lock.sample import LOCK

    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho 'NVIDIA H100, {driver}, {capability}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    platform = LOCK.platforms[0]
    torch = replace(platform.python.wheels[0], name="torch", version="2.9.1+cu128", index="pytorch-cu128")
    lock = replace(LOCK, platforms=(replace(platform, python=replace(platform.python, wheels=(torch,))),))
    checks = [*gpu_checks(lock, wanted=True)]
    assert [each.name for each in checks if each.status == "failed"] == failures
    assert all(each.cure for each in checks if each.status == "failed")


def test_a_project_for_gpus_on_a_machine_without_one_is_warned(tmp_path, monkeypatch):
    from cogfreeze.doctor.gpu import gpu_checks

    monkeypatch.setenv("PATH", str(tmp_path))
    assert [each.status for each in gpu_checks(None, wanted=True)] == ["warning"]
    assert [*gpu_checks(None, wanted=False)] == []
