"""Layers that are shared, and the traps that would make them differ."""

import json
import re
import shutil
import tarfile
import time

import pytest

from cogfreeze.lock import file as lock_file

pytestmark = pytest.mark.engine


def changed(before, after):
    """Return the numbers of the layers that differ."""
    return [number for number, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1]


def test_a_changed_line_of_code_changes_the_code_layer_alone(new_project, built):
    folder = new_project()
    before = built(folder)["layers"]
    (folder / "predict.py").write_text((folder / "predict.py").read_text().replace("upper", "lower"))
    after = built(folder)["layers"]

    assert changed(before, after) == [len(before) - 1]


@pytest.fixture
def named(cog):
    """Return an image's layers by the names of the stages that made them."""

    def name(folder, image):
        copied = re.findall(
            r"^COPY --link --from=(\S+) /layer/ /$", cog(folder, "dockerfile").stdout, re.MULTILINE
        )
        below = len(image["layers"]) - len(copied)
        names = [*(f"below {number}" for number in range(below)), *copied]
        return dict(zip(names, image["layers"], strict=True))

    return name


def test_projects_share_the_layers_of_the_wheels_that_they_share(ocr, ocr_image, built, new_project, named):
    """The same wheel in another project, beside other packages, is the same layer: pushed and pulled once."""
    example = named(ocr, ocr_image)
    lock = lock_file.read(ocr / "cog.lock").platforms[0]
    pins = [
        f"{each.name}=={each.version}" for each in lock.python.wheels if each.name in ("opencv-python", "numpy")
    ]
    project = new_project(f"python_packages: {json.dumps([*pins, 'six==1.16.0'])}")
    other = named(project, built(project, name="cogfreeze-test-other"))

    assert {name for name in example if example[name] == other.get(name)} == {
        *("below 0", "below 2"),  # the base image, and the empty layer of WORKDIR
        *("package-numpy", "package-opencv-python", "standard-library", "server", "runtime"),
    }


def test_a_bumped_small_package_changes_its_group_and_the_record_alone(
    ocr, ocr_image, built, cog, named, tmp_path
):
    folder = tmp_path / "ocr"
    shutil.copytree(ocr, folder, ignore=shutil.ignore_patterns(".cog"))
    answer = cog(folder, "lock", "--upgrade-package", "six==1.16.0")
    assert answer.returncode == 0, answer.stderr
    before, after = named(ocr, ocr_image), named(folder, built(folder, name="cogfreeze-test-bumped"))

    assert {name for name in before if before[name] != after[name]} == {"packages", "record"}


def test_every_time_of_a_layer_is_fixed(ocr, exported):
    """One that is not would be that of the build; what a package brings from its archive is older."""
    layers, _ = exported(ocr)
    own = layers[1:]

    for number, layer in enumerate(own):
        newest = max((entry.mtime for entry in layer), default=0)
        # The system's layer holds files of packages, at the times of their archives.
        assert newest <= (time.time() - 3600 if number == 0 else 315532800)


def test_a_file_with_two_names_is_two_files_in_the_image(new_project, exported):
    """A clone of the project would have two; the image must not tell who shared bytes."""
    folder = new_project(files=[("weights.bin", "weights")])
    (folder / "same.bin").hardlink_to(folder / "weights.bin")
    layers, _ = exported(folder)

    entries = {entry.name: entry for layer in layers[1:] for entry in layer if entry.name.endswith(".bin")}
    assert {name: entry.type for name, entry in entries.items()} == {
        "src/weights.bin": tarfile.REGTYPE,
        "src/same.bin": tarfile.REGTYPE,
    }


def test_modes_do_not_depend_on_who_checked_it_out(new_project, built, shell):
    folder = new_project(files=[("run.sh", "#!/bin/sh\n")])
    (folder / "run.sh").chmod(0o755)
    one = built(folder)["digest"]
    (folder / "run.sh").chmod(0o700)
    (folder / "predict.py").chmod(0o600)
    folder.chmod(0o700)
    image = built(folder)

    assert image["digest"] == one
    assert shell(image["names"][0], "stat -c %a /src/run.sh /src/predict.py /src") == "755\n644\n755\n"


def test_links_of_the_base_survive_the_copied_layers(ocr_image, shell):
    """A real `/bin` or `/lib` in a copied layer would take the place of the link to `/usr`."""
    assert shell(ocr_image["names"][0], "readlink /bin /lib /sbin") == "usr/bin\nusr/lib\nusr/sbin\n"


def test_mount_points_leave_no_trace(new_project, exported):
    """What a command sees mounted is in no layer, and its parent folders keep their times."""
    folder = new_project("run:\n  - ls -la /run/command.sh /run >/dev/null\n")
    layers, _ = exported(folder)
    names = [entry.name for layer in layers[1:] for entry in layer]

    assert not [name for name in names if "command.sh" in name or name.startswith(("dev/", "proc/", "sys/"))]


def test_files_that_a_command_leaves_in_tmp_stay_as_with_cog(new_project, built, shell):
    folder = new_project("run:\n  - echo one >/tmp/kept\n  - cat /tmp/kept >/usr/share/kept\n")

    assert shell(built(folder)["names"][0], "cat /usr/share/kept; stat -c %Y /tmp/kept /usr/share/kept /tmp") == (
        "one\n315532800\n315532800\n315532800\n"
    )
