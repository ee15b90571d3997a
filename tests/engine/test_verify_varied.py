"""The layers don't depend on clock, hash seed or number of cores: built once more with all of them changed.

A container has no clock of its own, so the commands run under a library that tells them another one. That is in
the image's history, so the layers are compared, not the digest.
"""

import base64
from dataclasses import replace

import pytest

from cogfreeze.engine import build, buildx, docker, layers
from cogfreeze.recipe.model import Bind, Run
from cogfreeze.report import Silent

pytestmark = pytest.mark.engine

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
# File times stay real: they are the kernel's, whatever a process is told.
OTHER_CLOCK = "LD_PRELOAD=/tmp/faketime.so FAKETIME=+40d NO_FAKE_STAT=1 FAKETIME_DONT_FAKE_MONOTONIC=1"
OTHER_MACHINE = "PYTHONHASHSEED=417 OMP_NUM_THREADS=7 TZ=Asia/Kathmandu LANG=C.UTF-8"  # nproc heeds the second
INSTALLING = "DEBIAN_FRONTEND=noninteractive apt-get"


class Notes(Silent):
    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


@pytest.fixture
def faketime(new_project, built, shell):
    image = built(new_project("system_packages: [libfaketime]"), name="cogfreeze-test-faketime")
    return base64.b64decode(shell(image["names"][0], f"base64 {LIBRARY}"))


def disguised(stage):
    """A stage whose commands are told another clock and another machine."""
    if stage.name in ("debs", "wheels", "image"):
        return stage
    run, *rest = stage.steps
    bind = Bind(source="faketime.so", target="/tmp/faketime.so")
    if stage.name == "system":
        # What our own lines compare is times of files: only what others' packages run is told another clock.
        script = tuple(
            line.replace(INSTALLING, f"{OTHER_CLOCK} {OTHER_MACHINE} {INSTALLING}") for line in run.script
        )
        assert script != run.script
    else:
        script = (f"export {OTHER_CLOCK} {OTHER_MACHINE}", *run.script)
    return replace(stage, steps=(replace(run, script=script, mounts=(*run.mounts, bind)), *rest))


def told(stage, line):
    """The same stage, that prints what a command is told."""
    (run,) = stage.steps
    return replace(stage, steps=(Run(script=(*run.script, line), mounts=run.mounts),))


def test_another_clock_hash_seed_and_core_count_give_the_same_layers(ocr, ocr_image, faketime, prepared, tmp_path):
    schema = (ocr / ".cog/build/context/openapi.json").read_text()
    _, _, recipe, files = prepared(ocr, schema)
    varied = replace(recipe, stages=tuple(disguised(stage) for stage in recipe.stages))
    build.write_contexts(varied, files, ocr, tmp_path, Silent(), link=False)
    (tmp_path / "context/faketime.so").write_bytes(faketime)
    output = f"type=oci,tar=false,dest={tmp_path / 'image'}"
    buildx.run(docker.find(), varied, tmp_path, buildx.Options(), Silent(), names=(), outputs=(output,))

    assert list(layers.diff_ids(tmp_path / "image")) == ocr_image["layers"]


def test_the_commands_are_told_another_clock(small, faketime, prepared, tmp_path):
    """The disguise works: without this the test above could not fail."""
    _, _, recipe, files = prepared(small)
    line = 'echo "told $(($(date +%s) - $(stat -c %Y /proc/self/environ))) $(nproc)"'
    stages = (told(disguised(stage), line) if stage.name == "record" else stage for stage in recipe.stages)
    varied = replace(recipe, stages=tuple(stages))
    build.write_contexts(varied, files, small, tmp_path, Silent(), link=False)
    (tmp_path / "context/faketime.so").write_bytes(faketime)
    options, notes = buildx.Options(progress="plain"), Notes()
    output = f"type=oci,tar=false,dest={tmp_path / 'image'}"
    buildx.run(docker.find(), varied, tmp_path, options, notes, names=(), outputs=(output,))

    (line,) = [each for each in notes.said if "| told " in each]
    seconds, cores = line.split("told ")[1].split()
    assert (round(int(seconds) / 86400), cores) == (40, "7")
