"""`cog ci`: one command, one comment, one JSON, one SARIF, and exit statuses that tell the findings apart."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from cogfreeze.lock import file as lock_file
from cogfreeze.review import ci
from cogfreeze.review.changes import diff
from tests.cli.test_lock import lab  # noqa: F401  # the fixture

from .advisories import packed
from .pairs import LOCK, PAIRS, wheel, wheels
from .repository import Repository

INTEGRATIONS = Path(__file__).parents[2] / "integrations"
SCHEMA = json.loads((Path(__file__).parent / "sarif-subset.json").read_text())
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not on this machine")


@pytest.fixture
def project(lab, monkeypatch, capsys, tmp_path):  # noqa: F811
    """A project whose lock is committed on `main`, with a database of advisories."""
    for name in ("left", "urllib3"):
        lab.index.add("simple", f"{name}-1.0-py3-none-any.whl")
    lab.index.add("simple", "urllib3-2.2.3-py3-none-any.whl")
    lab.declare(packages=["left", "urllib3==1.0"])
    lab.lock()
    repository = Repository(lab.folder, monkeypatch, capsys)
    repository.commit()
    repository.lab, repository.database = lab, str(packed(tmp_path / "db"))
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    return repository


def run(project, *words, status=0):
    """Run `cog ci`; return what it wrote."""
    folder = project.folder.parent
    files = [str(folder / name) for name in ("comment.md", "all.json", "all.sarif")]
    options = ["--comment", files[0], "--json", files[1], "--sarif", files[2], "--database", project.database]
    project.cog("ci", *options, *words, status=status)
    comment, document, sarif = (Path(file).read_text() for file in files)
    jsonschema.Draft7Validator(SCHEMA).validate(json.loads(sarif))
    return comment, json.loads(document), json.loads(sarif)


@needs_git
def test_nothing_found_is_said_in_one_comment(project):
    comment, document, sarif = run(project)
    assert comment.startswith("<!-- cogfreeze-ci -->\n## `cog.lock`: nothing found\n")
    assert "Nothing changed." in comment
    assert (document["status"], sarif["runs"][0]["results"]) == (0, [])
    assert {each["name"]: each["passed"] for each in document["checks"]} == {
        "lock": True,
        "origins": True,
        "audit": True,
        "licenses": None,
    }


@needs_git
def test_a_stale_lock_is_1(project):
    project.lab.declare(packages=["left"])
    comment, document, _ = run(project, status=1)
    assert "review needed" in comment
    assert document["checks"][0]["findings"] == ["`build.python_packages`: `urllib3==1.0` is gone"]


@needs_git
def test_a_poisoned_lock_is_3_and_in_sarif_at_its_line(project):
    lock = lock_file.read(project.lock_path)
    part = lock.platforms[0]
    evil = tuple(replace(each, sha256="e" * 64) if each.name == "left" else each for each in part.python.wheels)
    project.write(replace(lock, platforms=(replace(part, python=replace(part.python, wheels=evil)),)))
    comment, document, sarif = run(project, status=3)
    assert "> **Look at this first**" in comment
    assert document["diff"]["dangers"][0]["rule"] == "other-hash"
    lines = project.lock_path.read_text().splitlines()
    found = {each["ruleId"]: each["locations"][0]["physicalLocation"] for each in sarif["runs"][0]["results"]}
    assert 'name = "left"' in lines[found["differs"]["region"]["startLine"] - 1]
    assert 'name = "left"' in lines[found["other-hash"]["region"]["startLine"] - 1]
    assert found["differs"]["artifactLocation"]["uri"] == "cog.lock"


@needs_git
def test_a_vulnerability_is_4_from_the_severity_that_fails(project):
    project.lab.declare(packages=["left", "urllib3==2.2.3"])
    project.lab.lock()
    _, document, sarif = run(project, status=4)
    assert document["checks"][2]["findings"] == [
        "CVE-2025-50181, critical: urllib3 2.2.3: fixed in 2.5.0: `cog lock --upgrade-package urllib3`"
    ]
    assert [each["ruleId"] for each in sarif["runs"][0]["results"]] == ["CVE-2025-50181"]
    run(project, "--fail-on", "never")
    run(project, "--skip", "audit")


@needs_git
def test_a_licence_that_is_not_accepted_is_5(project):
    with (project.folder / "cog.yaml").open("a") as file:
        file.write("review:\n  licenses_allow: [MIT]\n")
    comment, document, _ = run(project, status=5)
    assert "| the licences are accepted | **no**" in comment
    assert "left 1.0: unknown: it has no SPDX name, so nothing allows it" in document["checks"][3]["findings"]


@needs_git
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "nowhere"), "there is no revision `nowhere`"),
        (("--comment", "no/such/folder.md"), "there is no folder for"),
        (("--build", "--verify"), "`--verify`"),
        (("--skip", "diff"), "`--skip`"),
    ],
)
def test_what_cannot_be_used_is_2(project, words, said):
    assert said in project.cog("ci", "--database", project.database, *words, status=2).talk


@needs_git
def test_the_target_is_what_the_ci_says(project, monkeypatch):
    monkeypatch.setenv("GITHUB_BASE_REF", "develop")
    assert "there is no revision `origin/develop`" in project.cog("ci", status=2).talk
    project.git("update-ref", "refs/remotes/origin/develop", "main")
    _, document, _ = run(project)
    assert document["diff"]["before"] == "cog.lock at origin/develop"


def checks(**failed):
    return tuple(ci.Check(name=name, passed=not failed.get(name), summary="x") for name in ci.STATUSES)


def test_every_failure_has_an_exit_status_of_its_own_and_the_first_counts():
    assert len({*ci.STATUSES.values(), 0, 2}) == len(ci.STATUSES) + 2
    for name, status in ci.STATUSES.items():
        assert ci.exit_status(checks(**{name: True})) == status
    assert ci.exit_status(checks(audit=True, lock=True)) == 1
    assert ci.exit_status(checks()) == 0


def test_a_comment_stays_below_what_code_hosts_take_and_is_closed():
    many = wheels(LOCK, *(wheel(f"package-{number}", "1.0", 1000, 5000 + number) for number in range(2000)))
    text = ci.comment(checks(), diff(LOCK, many), "cog.lock")
    assert len(text) < 65_000
    assert text.count("<details>") == text.count("</details>")
    assert text.endswith("This is cut here; `cog diff` shows the rest.\n")


def test_hostile_words_stay_within_their_code_spans():
    evil = "`|<img src=x onerror=alert(1)>|`@everyone"
    failed = ci.Check(name="lock", passed=False, summary=evil, findings=(evil,))
    before, after = PAIRS["hostile-words-in-the-declaration"]
    text = ci.comment((failed,), diff(before, after), evil)
    for line in text.splitlines():
        if "<img" in line:
            assert "`` `" in line.replace("\\|", "|")


# --- the ready workflows ---


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("github/action.yml", "vendor.github-actions"),
        ("github/workflow.yml", "vendor.github-workflows"),
        ("gitlab/cog-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_a_workflow_is_valid_by_its_hosts_schema(file, schema):
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(INTEGRATIONS / file)]
    if "gitlab" in file:
        words += ["--data-transform", "gitlab-ci"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stdout


def test_the_workflow_has_no_permission_but_those_that_it_needs():
    workflow = yaml.safe_load((INTEGRATIONS / "github/workflow.yml").read_text())
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["review"]["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
        "security-events": "write",
    }


def test_no_script_of_the_action_holds_an_expression_that_a_pull_request_could_fill():
    action = yaml.safe_load((INTEGRATIONS / "github/action.yml").read_text())
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_scripts_of_the_workflows_are_shell_and_find_the_comment_by_its_marker():
    action = yaml.safe_load((INTEGRATIONS / "github/action.yml").read_text())
    job = yaml.safe_load((INTEGRATIONS / "gitlab/cog-ci.yml").read_text())["cog-lock"]
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step] + job["script"]
    for script in scripts:
        answer = subprocess.run(
            ["bash", "-n"], input=script, capture_output=True, text=True, check=False, timeout=60
        )
        assert answer.returncode == 0, answer.stderr
    assert sum(ci.MARKER in script for script in scripts) == 2


def test_the_github_comment_is_posted_once_and_then_replaced(tmp_path):
    """The script itself, with a `gh` that keeps comments in a file."""
    action = yaml.safe_load((INTEGRATIONS / "github/action.yml").read_text())
    (script,) = [
        step["run"] for step in action["runs"]["steps"] if step.get("name") == "Comment on the pull request"
    ]
    program = tmp_path / "gh"
    program.write_text(
        '#!/bin/bash\necho "$@" >> "$LOG"\n'
        'if [[ "$*" == *--jq* ]]; then cat "$KNOWN"; fi\n'
    )  # fmt: skip
    program.chmod(0o755)
    (tmp_path / "cog-ci.md").write_text(f"{ci.MARKER}\nhello\n")
    known, log = tmp_path / "known", tmp_path / "log"
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_REPOSITORY": "a/b",
        "NUMBER": "7",
        "KNOWN": str(known),
        "LOG": str(log),
    }
    for ids, wanted in (
        ("", "repos/a/b/issues/7/comments -F"),
        ("42\n", "--method PATCH repos/a/b/issues/comments/42"),
    ):
        known.write_text(ids)
        log.write_text("")
        subprocess.run(["bash", "-e", "-c", script], env=environment, check=True, timeout=60)
        assert wanted in log.read_text()
