"""`cog lock --record` writes what came of the lock, and later builds of the same files are held to it."""

import json
import shutil
from dataclasses import replace

import pytest

from cogfreeze.lock import file as lock_file

pytestmark = pytest.mark.engine

NAME = "cogfreeze-test-recorded"
BUILD = ("build", "--syntax", "builtin", "-t", NAME)
RECORD = ("lock", "--record", "--syntax", "builtin")


def recorded(folder, name="cog.lock"):
    return lock_file.read(folder / name).platforms[0].image


@pytest.fixture(scope="module")
def kept(new_project, cog):
    """A project whose lock has a record."""
    folder = new_project(files=[("weights.bin", "weights")])
    answer = cog(folder, *RECORD)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.endswith("wrote cog.lock\n")
    return folder


@pytest.fixture
def folder(kept, tmp_path):
    """A copy of it, as a colleague would check it out."""
    return shutil.copytree(kept, tmp_path / "checkout", ignore=shutil.ignore_patterns(".cog"))


def rewritten(folder, **changes):
    """Change the record, as another engine's would differ."""
    lock = lock_file.read(folder / "cog.lock")
    part = lock.platforms[0]
    lock_file.write(folder / "cog.lock", lock.with_record(part.platform, replace(part.image, **changes)))


def test_the_record_is_the_image_that_a_build_gives_elsewhere_too(folder, cog):
    answer = cog(folder, *BUILD, "--json")
    image = json.loads(answer.stdout)
    record = recorded(folder)

    assert answer.returncode == 0, answer.stderr
    assert (image["record"], image["digest"], image["layers"]) == ("equal", record.digest, list(record.layers))
    assert (image["engine"], image["frontend"]) == (record.engine, record.frontend)


def test_a_record_makes_no_lock_stale_and_is_no_part_of_the_image(folder, cog, shell):
    before = (folder / "cog.lock").read_bytes()
    assert cog(folder, "lock", "--check", variables={"DOCKER_HOST": "unix:///nowhere"}).returncode == 0
    assert cog(folder, "lock").returncode == 0
    assert (folder / "cog.lock").read_bytes() == before

    assert cog(folder, *BUILD).returncode == 0
    inside = lock_file.dumps(lock_file.read(folder / "cog.lock").without_records())
    assert shell(NAME, "cat /opt/cog/cog.lock") == inside
    assert "made_from" not in inside
    # Recorded once more, it is the same to the byte: nothing goes round in a circle.
    assert cog(folder, *RECORD).returncode == 0
    assert (folder / "cog.lock").read_bytes() == before


def test_other_files_are_told_apart_and_not_held_to_it(folder, cog, docker):
    (folder / "predict.py").write_text((folder / "predict.py").read_text().replace("upper", "lower"))
    answer = cog(folder, *BUILD, "--json")

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["record"] == "other-files"
    assert (
        "cog.lock records an image of other files or options, so it was not compared;"
        " `cog lock --record` records this one\n"
    ) in answer.stderr

    assert cog(folder, *RECORD).returncode == 0
    assert json.loads(cog(folder, *BUILD, "--json").stdout)["record"] == "equal"


def test_a_choice_of_the_command_line_is_another_image(folder, cog):
    answer = cog(folder, *BUILD, "--separate-weights", "--json")

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["record"] == "other-files"


def test_what_breaks_the_promise_is_refused_with_the_layer_named_and_nothing_named(new_project, cog, docker):
    folder = new_project("run:\n  - date +%s.%N >/opt/stamp\n")
    assert cog(folder, *RECORD).returncode == 0
    before = (folder / "cog.lock").read_bytes()
    answer = cog(folder, "build", "--syntax", "builtin", "--no-cache", "-t", "cogfreeze-test-broken")

    assert answer.returncode == 1
    assert answer.stdout == ""
    error, hint = answer.stderr.splitlines()[-2:]
    assert error.startswith("error[CF411]: the image is sha256:")
    assert f"the lock records {recorded(folder).digest} for the same files" in error
    assert error.endswith("; different: command `build.run[0]: date +%s.%N >/opt/stamp`")
    assert hint == (
        "hint: `cog verify` lists the files that differ and why; if you meant the change: `cog lock --record`"
    )
    docker("image", "inspect", "cogfreeze-test-broken", status=1)
    assert "cog-expected" not in docker("image", "ls")
    assert (folder / "cog.lock").read_bytes() == before


def test_of_another_engine_the_layers_decide(folder, cog):
    """Another release's gzip gives another digest: here one is written that this engine can't have given."""
    rewritten(folder, engine="docker 20.0, buildx 0.13", digest=f"sha256:{'0' * 64}")
    answer = cog(folder, *BUILD, "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["record"] == "equal-layers"
    assert (
        "another engine made the record in cog.lock: the layers' diff IDs are equal, and only the" in answer.stderr
    )

    exported = cog(folder, "build", "--syntax", "builtin", "--output", f"type=oci,dest={folder.parent}/image.tar")
    assert exported.returncode == 0, exported.stderr
    assert "it is another engine's, and an export has no diff IDs" in exported.stderr

    layers = recorded(folder).layers
    rewritten(folder, layers=(*layers[:-1], f"sha256:{'0' * 64}"))
    answer = cog(folder, *BUILD)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-2].endswith(
        "the record's by docker 20.0, buildx 0.13; different: layer `code`"
    )


def test_a_lock_that_changes_loses_the_record_and_says_so(folder, cog):
    text = (folder / "cog.yaml").read_text()
    (folder / "cog.yaml").write_text(text.replace("predict:", "  python_packages: [six==1.17.0]\npredict:"))
    answer = cog(folder, "lock")

    assert answer.returncode == 0, answer.stderr
    assert recorded(folder) is None
    assert answer.stderr.endswith(
        "the lock changed, so its recorded image was removed; `cog lock --record` records the new one\n"
    )


def test_where_nothing_can_be_built_nothing_is_written(folder, cog, new_project):
    before = (folder / "cog.lock").read_bytes()
    answer = cog(folder, *RECORD, variables={"DOCKER_HOST": "unix:///nowhere"})
    assert answer.returncode == 2
    assert answer.stderr.startswith("error[CF500]: the Docker engine does not answer: ")
    assert (folder / "cog.lock").read_bytes() == before

    failing = new_project("run:\n  - exit 7\n")
    answer = cog(failing, *RECORD)
    assert (answer.returncode, recorded(failing)) == (1, None)
    assert "error[CF400]: build.run[0]: the command failed with exit status 7" in answer.stderr

    open_to_all = new_project("run:\n  - command: echo\n    network: true\n")
    answer = cog(open_to_all, *RECORD)
    assert (answer.returncode, recorded(open_to_all)) == (1, None)
    assert "error[CF410]: a command may use the network, so the same files may give another image" in answer.stderr


def test_the_lock_of_another_declaration_in_the_folder_records_too(folder, cog):
    (folder / "cog.yaml").rename(folder / "cog.cpu.yaml")
    (folder / "cog.lock").rename(folder / "cog.cpu.lock")
    for _ in range(2):
        answer = cog(folder, *RECORD, "-f", "cog.cpu.yaml")
        assert answer.returncode == 0, answer.stderr
    image = json.loads(cog(folder, *BUILD, "--json", "-f", "cog.cpu.yaml").stdout)

    assert image["record"] == "equal"
    assert image["digest"] == recorded(folder, "cog.cpu.lock").digest
