import json
from dataclasses import replace

import pytest

from cogfreeze.catalog.addresses import PYTHON_BUILDS, TORCH_INDEX
from cogfreeze.errors import LockUnusable
from cogfreeze.lock.model import Interpreter, LockedFile
from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND
from cogfreeze.project.model import InputFile, RunCommand
from cogfreeze.recipe.compose import compose
from cogfreeze.recipe.model import Add, Bind, Copy, Run, Secret, Setting
from tests.unit.lock.sample import WITH_SOURCES, B
from tests.unit.recipe.sample import (
    LOCK,
    PLATFORM,
    PROJECT,
    SCHEMA,
    A,
    C,
    wheel,
    with_base,
    with_python,
    without_apt,
)

# What each step that is cleaned up begins with.
START = ("started=/dev/shm/started", "touch", "changed()", "export")


def made(project=PROJECT, lock=LOCK, **options):
    return compose(project, lock, PLATFORM, schema=SCHEMA, **options)


def stage(recipe, name):
    return next(each for each in recipe.stages if each.name == name)


def script(recipe, name):
    return "\n".join(line for step in stage(recipe, name).steps if isinstance(step, Run) for line in step.script)


def runs(recipe):
    return [(each.name, step) for each in recipe.stages for step in each.steps if isinstance(step, Run)]


def settings(recipe, instruction):
    return [
        step.value
        for step in recipe.stages[-1].steps
        if isinstance(step, Setting) and step.instruction == instruction
    ]


def with_commands(*commands, **build):
    return replace(PROJECT, build=replace(PROJECT.build, run=commands, **build))


def test_only_the_downloads_have_a_network():
    assert {name for name, run in runs(made()) if run.network} == {"debs", "wheels"}


def test_a_command_has_the_network_only_where_the_project_says_so():
    project = with_commands(RunCommand(command="a"), RunCommand(command="b", network=True))
    recipe = made(project)

    assert [run.network for name, run in runs(recipe) if name == "image"] == [False, True]
    assert recipe.reproducible is False
    assert ("run.cogfreeze.reproducible", "false") in settings(recipe, "LABEL")[0]


def test_network_for_all_is_network_for_every_command_and_for_nothing_else():
    recipe = made(with_commands(RunCommand(command="a"), network=True))

    assert {name for name, run in runs(recipe) if run.network} == {"debs", "wheels", "image"}


def test_every_stage_but_the_image_starts_from_the_pinned_base():
    bases = {each.name: each.base for each in made().stages}

    assert bases.pop("image") == "system"
    assert set(bases.values()) == {f"python:3.11-slim-bookworm@sha256:{A}"}


def test_layers_are_copied_by_link_so_that_one_does_not_depend_on_another():
    copies = [step for step in made().stages[-1].steps if isinstance(step, Copy)]

    assert all(copy.link for copy in copies)
    assert [copy.source_stage for copy in copies] == [
        "package-torch",
        "packages",
        "packages-pytorch-cu128",
        "standard-library",
        "server",
        "runtime",
        "record",
        "code",
    ]


def test_no_layer_lies_over_a_merged_top_folder():
    """A real `/bin` or `/lib` copied by link replaces the link that the base has there, and no shell is left."""
    for _, run in runs(made()):
        text = "\n".join(run.script)
        assert "/layer/bin" not in text
        assert "/layer/lib" not in text
        assert "/layer/sbin" not in text


def test_arguments_stand_in_fetch_stages_alone():
    """An ARG of the image's own stages would enter its history, and a mirror's address its digest."""
    with_arguments = {
        each.name
        for each in made().stages
        for step in each.steps
        if isinstance(step, Setting) and step.instruction == "ARG"
    }

    assert with_arguments == {"debs"}


def test_nothing_is_copied_to_a_folder_that_the_copy_would_have_to_make():
    """Parents that COPY makes have the time of the build, whatever SOURCE_DATE_EPOCH says."""
    targets = {step.target for each in made().stages for step in each.steps if isinstance(step, Copy)}

    assert targets == {"/"}


def test_every_command_that_makes_a_layer_fixes_its_times_last():
    fixing = "-exec touch --no-dereference --date=@315532800 {} +"
    for name, run in runs(made()):
        if name not in ("debs", "wheels", "installer"):
            assert run.script[-1].endswith(fixing), name


def test_commands_come_after_packages_without_the_code():
    steps = made().stages[-1].steps
    first = next(index for index, step in enumerate(steps) if isinstance(step, Run))

    copied = [step.source_stage for step in steps[:first] if isinstance(step, Copy)]
    assert "packages" in copied
    assert "code" not in copied


def test_a_command_lies_in_a_file_and_never_in_our_script():
    recipe = made(with_commands(RunCommand(command="echo 'unclosed")))

    assert "unclosed" not in script(recipe, "image")
    assert [file.text for file in recipe.files if file.path == "commands/1.sh"] == ["echo 'unclosed\n"]


def test_a_secret_is_mounted_for_its_command_and_must_be_there():
    mounts = [run.mounts for name, run in runs(made()) if name == "image"]

    assert mounts[0] == (Bind(source="commands/1.sh", target="/run/command.sh"),)
    assert mounts[1][1] == Secret(id="pip", target="/etc/pip.conf", required=True)


def test_a_mounted_file_is_not_touched():
    """Mounts are read-only: giving a secret or the command's own file another time would fail the build."""
    assert "-path /run/command.sh -o -path /etc/pip.conf" in script(made(), "image")


def test_the_base_is_checked_before_the_closure_is_installed():
    text = script(made(), "system")

    assert text.index(PACKAGE_LIST_COMMAND) < text.index("apt-get install")


def test_without_system_packages_nothing_is_asked_of_apt():
    recipe = made(lock=without_apt(LOCK))

    assert "debs" not in [each.name for each in recipe.stages]
    assert "apt-get" not in script(recipe, "system")
    assert {download.stage for download in recipe.downloads} == {"wheels"}


def test_an_empty_closure_is_no_download():
    """Everything that was asked for is in the base: there is nothing to fetch, and still the base is checked."""
    (platform,) = LOCK.platforms
    lock = replace(LOCK, platforms=(replace(platform, apt=replace(platform.apt, packages=())),))
    recipe = made(lock=lock)

    assert "debs" not in [each.name for each in recipe.stages]
    assert PACKAGE_LIST_COMMAND in script(recipe, "system")


def test_the_image_runs_as_a_user_without_rights():
    assert settings(made(), "USER") == ["1000:1000"]
    assert "useradd --uid 1000" in script(made(), "system")
    assert "chown --recursive --no-dereference 1000:1000 /layer/src" in script(made(), "code")


def test_the_image_runs_as_root_where_the_project_says_so():
    recipe = made(replace(PROJECT, build=replace(PROJECT.build, user="root")))

    assert settings(recipe, "USER") == ["0:0"]
    assert "useradd" not in script(recipe, "system")


def test_root_without_system_packages_leaves_the_base_as_it_is():
    """But for the folder of the project."""
    project = replace(PROJECT, build=replace(PROJECT.build, user="root"))
    run, home = stage(made(project, without_apt(LOCK)), "system").steps

    assert run.script[-3] == "install --directory --owner=0 --group=0 /src"
    assert run.script[-2].startswith("find / -xdev")
    assert [line.split()[0] for line in run.script[:-3]] == [*START]
    assert home == Setting(instruction="WORKDIR", value="/src")


def test_nothing_after_the_copied_layers_looks_into_them():
    """WORKDIR would, in case it has to make the folder: each build would wait for one tree of all layers."""
    last = [step.instruction for step in made().stages[-1].steps if isinstance(step, Setting)]

    assert set(last) == {"ENV", "LABEL", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}


def test_a_gpu_image_asks_the_container_runtime_for_the_gpu():
    recipe = made(replace(PROJECT, build=replace(PROJECT.build, gpu=True)))

    assert ("NVIDIA_VISIBLE_DEVICES", "all") in settings(recipe, "ENV")[-1]
    assert ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility") in settings(recipe, "ENV")[-1]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("-e .", "/opt/cog/sdk:/src/src"),
        ("--editable=.[gpu]", "/opt/cog/sdk:/src/src"),
        (". ; python_version > '3'", "/opt/cog/sdk:/src/src"),
        ("mine[a] @ file:./", "/opt/cog/sdk:/src/src"),
        ("-e ./libs", "/opt/cog/sdk"),
        ("-e ..", "/opt/cog/sdk"),
        ("./mine-1.0-py3-none-any.whl", "/opt/cog/sdk"),
        ("six", "/opt/cog/sdk"),
    ],
)
def test_a_project_that_is_a_requirement_of_itself_is_imported_from_its_src_folder_too(line, path):
    project = replace(PROJECT, build=replace(PROJECT.build, python_packages=("six", line)))

    assert dict(settings(made(project), "ENV")[-1])["PYTHONPATH"] == path


def test_the_server_finds_its_settings_in_the_environment():
    project = replace(
        PROJECT, train="train.py:train", concurrency=4, server=replace(PROJECT.server, deadline=2.5, queue=0)
    )

    assert dict(settings(made(project), "ENV")[-1]) == {
        "PYTHONPATH": "/opt/cog/sdk",
        "PYTHONUNBUFFERED": "1",
        "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
        "COG_TRAIN_TYPE_STUB": "train.py:train",
        "COG_MAX_CONCURRENCY": "4",
        "COG_QUEUE": "0",
        "COG_MAX_BODY": "104857600",
        "COG_DRAIN": "30",
        "COG_DEADLINE": "2.5",
        "COG_MAX_DOWNLOAD": "1073741824",
        "COG_MAX_OUTPUT": "536870912",
    }


@pytest.mark.parametrize(("declared", "variable"), [(None, None), (1, "1"), (4, "4")])
def test_only_a_declared_concurrency_overrides_the_models_own(declared, variable):
    project = replace(PROJECT, concurrency=declared)

    assert dict(settings(made(project), "ENV")[-1]).get("COG_MAX_CONCURRENCY") == variable
    label = json.loads(dict(settings(made(project), "LABEL")[0])["run.cog.config"])
    assert label.get("concurrency") == ({"max": declared} if declared else None)


def test_a_reaper_is_the_first_process():
    assert settings(made(), "ENTRYPOINT") == [("/opt/cog/bin/dumb-init", "--")]
    assert settings(made(), "CMD") == [("python", "-m", "cog.server.http")]


def test_every_file_of_the_lock_has_its_place_in_a_fetch_stage():
    assert [(download.stage, download.path) for download in made().downloads] == [
        ("debs", "/fetched/libgl1_1.6.0-1_amd64.deb"),
        ("debs", "/fetched/libglvnd0_1.6.0-1_amd64.deb"),
        ("wheels", "/fetched/installer/uv-0.13.8-py3-none-any.whl"),
        ("wheels", "/fetched/package-torch/torch-2.5.1+cu128-py3-none-any.whl"),
        ("wheels", "/fetched/packages/numpy-1.0-py3-none-any.whl"),
        ("wheels", "/fetched/packages/pillow-1.0-py3-none-any.whl"),
        ("wheels", "/fetched/packages-pytorch-cu128/torchvision-1.0-py3-none-any.whl"),
        ("wheels", "/fetched/server/dumb_init-1.0-py3-none-any.whl"),
        ("wheels", "/fetched/server/h11-1.0-py3-none-any.whl"),
        ("wheels", "/fetched/server/trio-1.0-py3-none-any.whl"),
    ]


def test_the_torch_family_comes_from_its_own_index_and_nothing_else_does():
    lines = script(made(), "wheels").splitlines()
    asked = [line for line in lines if "pip download" in line]

    assert [f"--index-url {TORCH_INDEX}/cu128" in line for line in asked] == [False, True, False, True, False]


def test_a_wheel_of_the_projects_own_is_taken_from_the_context():
    recipe = made(lock=with_python(LOCK, wheels=(wheel("mine", index="local"),)))

    assert "/tmp/local/mine-1.0-py3-none-any.whl /fetched/packages-local/" in script(recipe, "wheels")
    assert "pip download" not in script(recipe, "wheels").split("packages-local")[1].split("server")[0]


def test_a_file_that_a_command_names_is_fetched_by_hash_checked_and_mounted():
    url = "https://a.example/model.tar.gz"
    project = with_commands(RunCommand(command="tar xf /m.tgz", inputs=(InputFile(url=url, target="/m.tgz"),)))
    lock = replace(LOCK, files=(LockedFile(url=url, sha256=C, size=3),))
    recipe = made(project, lock)

    assert stage(recipe, "inputs").steps == (Add(url=url, sha256=C, target=f"/fetched/{C}"),)
    assert "sha256sum --check" in script(recipe, "checked-inputs")
    (run,) = (run for name, run in runs(recipe) if name == "image")
    assert run.mounts[1] == Bind(source=f"/layer/{C}", target="/m.tgz", source_stage="checked-inputs")
    assert "-path /run/command.sh -o -path /m.tgz" in run.script[-2]
    assert recipe.downloads[-1].path == f"/fetched/{C}"


def test_a_file_that_a_command_names_and_the_lock_lacks_is_refused():
    url = "https://a.example/b"
    project = with_commands(RunCommand(command="a", inputs=(InputFile(url=url, target="/b"),)))

    with pytest.raises(LockUnusable) as raised:
        made(project)
    assert (str(raised.value), raised.value.hint) == (f"cog.lock has no input `{url}`", "run `cog lock`")


def test_the_builtin_frontend_is_the_only_difference_that_it_makes():
    assert replace(made(), frontend=None) == made(builtin_frontend=True)


def test_another_platform_than_the_locks_is_refused():
    with pytest.raises(LockUnusable) as raised:
        compose(PROJECT, LOCK, "linux/arm64", schema=SCHEMA)

    assert str(raised.value) == "cog.lock is for `linux/amd64`, not `linux/arm64`"
    assert raised.value.hint == "add `linux/arm64` to `build.platforms`, then run `cog lock`"


@pytest.mark.parametrize("name", ["uv", "dumb-init"])
def test_a_lock_without_what_every_image_needs_is_refused(name):
    (platform,) = LOCK.platforms
    runtime = tuple(each for each in platform.python.runtime if each.name != name)

    with pytest.raises(LockUnusable) as raised:
        made(lock=with_python(LOCK, runtime=runtime))
    assert str(raised.value) == f"cog.lock has no `{name}`, which every image needs"


INTERPRETER = Interpreter(
    release="cpython-3.11.16-linux-x86_64-gnu", url="20260101/cpython-3.11.16.tar.gz", sha256=B, size=1
)


def test_a_base_without_python_gets_one_that_every_python_step_uses():
    """It is fetched by hash, unpacked offline, and a layer of its own under all others."""
    recipe = made(lock=with_python(LOCK, interpreter=INTERPRETER))
    (download,) = (each for each in recipe.downloads if each.source == INTERPRETER)
    assert (download.stage, download.path) == ("interpreter", f"/fetched/{B}")
    assert stage(recipe, "interpreter").steps == (
        Add(url=f"{PYTHON_BUILDS}/20260101/cpython-3.11.16.tar.gz", sha256=B, target=f"/fetched/{B}"),
    )
    base = f"python:3.11-slim-bookworm@sha256:{A}"
    assert {each.base: each.name for each in recipe.stages if each.name in ("unpacked-interpreter", "python")} == {
        base: "python"
    }
    on_python = {each.name for each in recipe.stages if each.base == "python"}
    assert {"wheels", "installer", "packages", "server", "standard-library", "runtime"} <= on_python
    assert {each.name for each in recipe.stages if each.base == base} == {
        *("debs", "system", "unpacked-interpreter", "python")
    }
    first = recipe.stages[-1].steps[0]
    assert first == Copy(source="/layer/", target="/", source_stage="unpacked-interpreter", link=True)
    names = [each.name for each in recipe.stages]
    assert names.index("interpreter") < names.index("unpacked-interpreter") < names.index("python")
    assert names.index("python") < min(names.index(name) for name in on_python)


def test_another_architecture_is_made_known_before_its_packages_are_installed():
    (platform,) = LOCK.platforms
    path = "pool/main/z/zlib/zlib1g_1.2.13_i386.deb"
    other = replace(platform.apt.packages[0], name="zlib1g", architecture="i386", path=path)
    debs = (*platform.apt.packages, other)
    foreign = replace(LOCK, platforms=(replace(platform, apt=replace(platform.apt, packages=debs)),))
    lines = script(made(lock=foreign), "system")
    assert lines.index("\ndpkg --add-architecture i386\n") < lines.index("apt-get install")
    assert "--add-architecture" not in script(made(), "system")


def test_a_locked_sdk_takes_the_place_of_ours():
    """It is checked by hash and unpacked where ours would be; worker and server stay."""
    own = replace(wheel("cog", index="local"), sha256=B)
    recipe = made(lock=with_python(LOCK, sdk=own))
    (download,) = (each for each in recipe.downloads if each.source == own)
    assert download.path == f"/fetched/sdk/{own.file}"
    lines = script(recipe, "runtime")
    assert lines.index("sha256sum --check") < lines.index("zipfile -e /tmp/wheels/*.whl /layer/opt/cog/sdk\n")
    assert "/tmp/runtime/cog/." not in lines
    assert "/tmp/runtime/cogworker/." in lines
    assert "/tmp/runtime/cog/." in script(made(), "runtime")


def test_a_base_with_python_has_no_such_stages():
    assert not {"interpreter", "unpacked-interpreter", "python"} & {each.name for each in made().stages}


def test_a_value_that_no_reader_would_let_through_is_refused_here_too():
    with pytest.raises(LockUnusable) as raised:
        made(lock=with_base(LOCK, digest="sha256:123\nRUN evil"))
    assert str(raised.value) == "cog.lock: `sha256:123\\nRUN evil` is not a digest"


def test_source_is_built_without_a_network_from_locked_archives_by_locked_tools():
    python = WITH_SOURCES.platforms[0].python
    recipe = made(lock=with_python(LOCK, sources=python.sources, build=python.build))
    (run,) = stage(recipe, "packages-from-source").steps
    assert not run.network
    text = "\n".join(run.script)
    assert text.index("sha256sum --check --strict --quiet /tmp/sources.sha256") < text.index("uv pip install")
    assert "SOURCE_DATE_EPOCH=315532800 PYTHONHASHSEED=0" in text
    uses = [line for line in text.splitlines() if "/uv " in line]
    assert len(uses) == 4
    assert all("--offline --no-index" in line for line in uses)
    # Where a build would ask git for its version, it is told.
    assert {"build docopt docopt-0.6.2.tar.gz", "build tiny tiny-1.0.zip 1.0"} <= set(run.script)
    files = {each.path: each.text for each in recipe.files}
    assert files["lists/build-tools.sha256"] == f"{C}  setuptools-80.9.0-py3-none-any.whl\n"
    copied = [step.source_stage for step in recipe.stages[-1].steps if isinstance(step, Copy)]
    assert "packages-from-source" in copied
    assert not {"build-tools", "sources"} & set(copied)
    downloads = {each.path: each.source for each in recipe.downloads if each.stage == "sources"}
    assert downloads == {f"/fetched/{each.file}": each for each in python.sources}


def test_a_file_of_the_project_is_an_input_with_a_fixed_mode_and_time():
    """Whatever a checkout gave it: a command may copy it with both."""
    read = RunCommand(command="sh /in/a.sh", inputs=(InputFile(path="scripts/a.sh", target="/in/a.sh"),))
    recipe = made(replace(PROJECT, build=replace(PROJECT.build, run=(read,))))
    (run,) = stage(recipe, "project-inputs").steps
    assert "find /layer -exec touch --no-dereference --date=@315532800 {} +" in run.script
    assert not run.network
    assert recipe.project_inputs == ("scripts/a.sh",)
    (command,) = (step for step in recipe.stages[-1].steps if isinstance(step, Run))
    assert Bind(source="/layer/scripts/a.sh", target="/in/a.sh", source_stage="project-inputs") in command.mounts
    assert "project-inputs" not in {each.name for each in made().stages}


def test_a_command_runs_with_the_home_of_the_model_who_owns_what_it_leaves_there():
    text = "\n".join(runs(made())[-1][1].script)
    assert 'export HOME="$(getent passwd 1000 | cut -d : -f 6)"' in text
    assert '[ "$HOME" = / ] || [ ! -d "$HOME" ]' in text
    assert 'find "$HOME" -xdev -cnewer $started -exec chown --no-dereference 1000:1000 {} +' in text
    as_root = replace(PROJECT, build=replace(PROJECT.build, user="root"))
    text = "\n".join(runs(made(as_root))[-1][1].script)
    assert "export HOME=/root" in text
    assert "chown" not in text


@pytest.mark.parametrize(
    ("command", "runs_it"),
    [
        ("ls", "/bin/sh"),
        ("cat <<END\nhello\nEND", "/bin/sh -e"),
        ("#!/bin/bash\ncat <<< x", "/bin/bash"),
        ("#!/usr/bin/env python3\nprint(1)", "/usr/bin/env python3"),
        ("#!/bin/sh; rm -rf /\nls", "/bin/sh -e"),
    ],
)
def test_a_command_is_run_by_what_its_first_line_names_or_by_sh(command, runs_it):
    recipe = made(replace(PROJECT, build=replace(PROJECT.build, run=(RunCommand(command=command),))))
    (run,) = (step for step in recipe.stages[-1].steps if isinstance(step, Run))
    assert f"(cd / && PYTHONHASHSEED=0 {runs_it} /run/command.sh)" in run.script
    assert {each.path: each.text for each in recipe.files}["commands/1.sh"] == f"{command}\n"


def test_what_compiles_is_built_in_a_stage_with_a_locked_compiler_that_is_not_in_the_image():
    python = WITH_SOURCES.platforms[0].python
    lock = with_python(LOCK, sources=python.sources, build=python.build)
    (platform,) = lock.platforms
    recipe = made(lock=replace(lock, platforms=(replace(platform, build_apt=platform.apt),)))
    names = [each.name for each in recipe.stages]
    assert stage(recipe, "packages-from-source").base == "toolchain"
    (run,) = stage(recipe, "toolchain").steps
    assert not run.network
    assert any(line.startswith("DEBIAN_FRONTEND=noninteractive apt-get install") for line in run.script)
    assert names.index("build-debs") < names.index("toolchain") < names.index("packages-from-source")
    assert {each.base for each in recipe.stages[-1:]} == {"system"}
    assert not {step.source_stage for step in recipe.stages[-1].steps if isinstance(step, Copy)} & {
        "toolchain",
        "build-debs",
    }
    assert {each.stage for each in recipe.downloads} >= {"debs", "build-debs"}


def test_without_source_there_is_no_such_stage():
    assert not {"packages-from-source", "sources"} & {each.name for each in made().stages}
