"""Layers that are shared, and the traps that would make them differ."""

import shutil
import tarfile
import time

import pytest

pytestmark = pytest.mark.engine


def changed(before, after):
    """Return the numbers of the layers that differ."""
    return [number for number, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1]


def test_a_changed_line_of_code_changes_the_code_layer_alone(new_project, built):
    folder = new_project()
    before = built(folder)["layers"]
    (folder / "predict.py").write_text((folder / "predict.py").read_text().replace("upper", "lower"))
    after = built(folder)["layers"]

    assert len(before) == len(after)
    assert [old == new for old, new in zip(before, after, strict=True)] == [
        *([True] * (len(before) - 2)),
        False,
        True,
    ]


def test_two_projects_share_the_layer_of_a_heavy_wheel(ocr, ocr_image, built, new_project, cog):
    """The same wheel in another project, beside other packages, is the same layer: pushed and pulled once."""
    wheel = next(line for line in (ocr / "cog.lock").read_text().splitlines() if 'name = "opencv-python"' in line)
    version = wheel.split('version = "')[1].split('"')[0]
    other = built(
        new_project(f"python_packages: [opencv-python=={version}, six==1.16.0]"), name="cogfreeze-test-other"
    )

    shared = set(ocr_image["layers"]) & set(other["layers"])
    dockerfile = cog(ocr, "dockerfile").stdout
    assert "COPY --link --from=package-opencv-python /layer/ /" in dockerfile
    # The base, the heavy wheel, the library, server, runtime and the empty layer of WORKDIR.
    assert len(shared) == 6
    assert ocr_image["layers"][2] in shared


def test_a_bumped_small_package_changes_its_group_and_the_record_alone(ocr, ocr_image, built, cog, tmp_path):
    folder = tmp_path / "ocr"
    shutil.copytree(ocr, folder, ignore=shutil.ignore_patterns(".cog"))
    answer = cog(folder, "lock", "--upgrade-package", "six==1.16.0")
    assert answer.returncode == 0, answer.stderr
    bumped = built(folder, name="cogfreeze-test-bumped")["layers"]

    changed = [
        index for index, pair in enumerate(zip(ocr_image["layers"], bumped, strict=True)) if len(set(pair)) > 1
    ]
    names = ["base", "system", "opencv", "packages", "library", "server", "runtime", "record", "code", "workdir"]
    assert [names[index] for index in changed(ocr_image["layers"], bumped)] == ["packages", "record"]


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
