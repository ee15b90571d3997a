"""Two builds from nothing give one image; and where they don't, `cog verify` says which file, and why."""

import json
import re
import shutil

import pytest

pytestmark = pytest.mark.engine

HINT = (
    "hint: fix each cause, then run `cog verify` again; `--system` repeats the system packages alone, `--times N`"
    " finds rare differences"
)


def test_the_example_is_the_same_bit_for_bit_under_other_circumstances(ocr, ocr_image, cog):
    """Another context path, umask, modes, file times, host name, and an emptied cache between the two."""
    answer = cog(ocr, "verify", "--syntax", "builtin", "--varied")

    assert answer.returncode == 0, answer.stderr
    # Both builds, and the one that is in the engine's store.
    assert answer.stdout.split() == [ocr_image["digest"]] * 2
    said = answer.stderr.splitlines()
    between = [line for line in said if line.startswith(("building", "emptying"))]
    assert between == [
        "building from scratch, 1 of 2",
        "emptying the build cache",
        "building from scratch, 2 of 2",
    ]
    assert (
        said[-1] == "equal: two builds from scratch, under different conditions, gave the same image, bit for bit"
    )
    assert not list((ocr / ".cog").glob("verify-*"))


def test_a_folder_may_have_any_name_and_what_a_killed_verification_left_is_removed(
    new_project, built, cog, tmp_path
):
    project = new_project()
    image = built(project)
    folder = tmp_path / "a, b=\"c\" 'd' é $x"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".cog"))
    left = folder / ".cog/verify-left"
    left.mkdir(parents=True)
    answer = cog(folder, "verify", "--syntax", "builtin")

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [image["digest"]] * 2
    assert not left.exists()


def test_a_planted_time_is_found_and_named(new_project, cog):
    folder = new_project("run:\n  - date +%s.%N >/opt/stamp; echo same >/opt/same\n")
    answer = cog(folder, "verify", "--syntax", "builtin")

    assert answer.returncode == 1
    assert answer.stdout == ""
    lines = answer.stderr[answer.stderr.index("error[CF410]") :].splitlines()
    assert lines[0].startswith("error[CF410]: two builds from scratch gave sha256:")
    assert lines[0].endswith("; they differ in:")
    # The one file that differs, and not the one beside it.
    assert lines[1] == "  command `build.run[0]: date +%s.%N >/opt/stamp; echo same >/opt/same`:"
    assert re.fullmatch(r"    /opt/stamp: content, first in line 1: `[0-9.]+` and `[0-9.]+`", lines[2])
    assert lines[3:] == [
        "    cause: a time, host name or random value",
        "    fix: write a fixed value, or remove the file at the end of the same command: `rm /opt/stamp`",
        HINT,
    ]


def test_what_differs_is_reported_as_json_too(new_project, cog):
    folder = new_project("run:\n  - hostname >/opt/host\n")
    answer = cog(folder, "verify", "--syntax", "builtin", "--varied", "--json")
    report = json.loads(answer.stdout)

    assert answer.returncode == 1
    assert report["equal"] is False
    assert [(each["path"], each["what"]) for each in report["differences"]] == [("/opt/host", "content")]
    assert len(set(report["digests"])) == 2


def test_without_being_asked_the_circumstances_stay_the_same_and_the_cache_is_left_alone(new_project, cog):
    """What depends on the host's name alone is one image here, and another one with `--varied`."""
    folder = new_project("run:\n  - hostname >/opt/host\n")
    answer = cog(folder, "verify", "--syntax", "builtin", "--json")
    verdict = json.loads(answer.stdout)

    assert answer.returncode == 0, answer.stderr
    assert (verdict["equal"], verdict["varied"], verdict["differences"]) == (True, False, [])
    assert "emptying" not in answer.stderr
    assert answer.stderr.endswith("equal: two builds from scratch gave the same image, bit for bit\n")
