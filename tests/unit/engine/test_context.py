import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from cogfreeze.client.written import remember, written
from cogfreeze.engine import context
from cogfreeze.errors import CogError, IntegrityError, ProjectError, ProjectErrors
from cogfreeze.lock import file
from cogfreeze.recipe.compose import compose
from cogfreeze.report import Silent
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA, wheel, with_python

RECIPE = compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA)


class Warnings(Silent):
    def __init__(self):
        self.said = []

    def warn(self, message, *, hint=None):
        self.said.append(message)

    note = warn


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "cog.yaml").write_text("build: {}\n")
    (folder / "predict.py").write_text("print()\n")
    return folder


@pytest.fixture
def target(tmp_path):
    return tmp_path / "context"


def write(project, target, *, recipe=RECIPE, report=None, link=False):
    context.write(recipe, target, project=project, report=report or Silent(), link=link)


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def code(target):
    return tree(target / "code")


def test_the_context_holds_all_that_the_dockerfile_names(project, target):
    write(project, target)
    found = tree(target)

    assert [name for name in found if not name.startswith("runtime/")] == [
        "Dockerfile",
        "code/cog.yaml",
        "code/predict.py",
        "cog.lock",
        "commands/1.sh",
        "commands/2.sh",
        "lists/debs.sha256",
        "lists/debs.txt",
        "lists/installer.sha256",
        "lists/installer.txt",
        "lists/package-torch.sha256",
        "lists/package-torch.txt",
        "lists/packages-pytorch-cu128.sha256",
        "lists/packages-pytorch-cu128.txt",
        "lists/packages.sha256",
        "lists/packages.txt",
        "lists/server.sha256",
        "lists/server.txt",
        "openapi.json",
    ]
    assert {"runtime/cog/__init__.py", "runtime/cogworker/frames.py", "runtime/cogserve/__init__.py"} <= set(found)


def test_what_dockerignore_names_is_left_out_and_what_it_takes_back_is_not(project, target):
    (project / "data/deep").mkdir(parents=True)
    for name in ("data/a.bin", "data/keep.txt", "data/deep/b.bin", "notes.md"):
        (project / name).write_text(name)
    (project / ".dockerignore").write_text("# what we don't need\ndata\n!data/keep.txt\n*.md\n\n")
    write(project, target)

    assert code(target) == [".dockerignore", "cog.yaml", "data/keep.txt", "predict.py"]


def test_what_is_never_part_of_an_image_is_left_out_even_if_dockerignore_takes_it_back(project, target):
    for name in (".git/config", ".cog/build/lock", "cog.lock", "lib/__pycache__/a.pyc", "lib/a.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    (project / ".dockerignore").write_text("!.git\n!**/__pycache__\n!cog.lock\n!.cog\n")
    write(project, target)

    assert code(target) == [".dockerignore", "cog.yaml", "lib/a.py", "predict.py"]


def test_a_lock_under_another_name_is_no_part_of_an_image_either(project, target):
    """It may record the image, and can't be in it then. Another tool's lock is the project's own file."""
    (project / "cog.gpu.lock").write_text(file.dumps(LOCK))
    (project / "poetry.lock").write_text("# poetry's\n")
    (project / "libs").mkdir()
    (project / "libs/cog.lock").write_text(file.dumps(LOCK))
    write(project, target)

    assert code(target) == ["cog.yaml", "libs/cog.lock", "poetry.lock", "predict.py"]


def test_an_empty_folder_is_part_of_the_image(project, target):
    (project / "empty").mkdir()
    write(project, target)

    assert (target / "code/empty").is_dir()


def test_a_link_inside_the_project_stays_a_link(project, target):
    (project / "models").mkdir()
    (project / "models/current").symlink_to("../predict.py")
    (project / "gone").symlink_to("nothing-here")
    write(project, target)

    assert (target / "code/models/current").readlink() == Path("../predict.py")
    assert (target / "code/gone").readlink() == Path("nothing-here")


def test_links_that_lead_out_are_refused_all_at_once(project, target, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (project / "absolute").symlink_to(tmp_path / "secret")
    (project / "relative").symlink_to("../secret")
    (project / "to-folder").symlink_to("..")

    with pytest.raises(ProjectErrors) as raised:
        write(project, target)
    assert [str(error) for error in raised.value.errors] == [
        f"absolute: the symbolic link points out of the project, to `{tmp_path}/secret`",
        "relative: the symbolic link points out of the project, to `../secret`",
        "to-folder: the symbolic link points out of the project, to `..`",
    ]
    assert raised.value.errors[0].hint == "replace it with a copy, or exclude it in `.dockerignore`"
    assert not target.exists()


def test_a_link_that_leads_out_may_be_left_out(project, target):
    (project / "venv").symlink_to("/usr")
    (project / ".dockerignore").write_text("venv\n")
    write(project, target)

    assert "venv" not in code(target)


def test_a_socket_or_pipe_is_left_out_with_a_warning(project, target):
    os.mkfifo(project / "pipe")
    report = Warnings()
    write(project, target, report=report)

    assert "pipe" not in code(target)
    assert report.said == ["`pipe` is not a file, folder or link: left out of the image"]


def test_a_context_inside_the_project_does_not_hold_itself(project):
    target = project / "out"
    write(project, target)
    write(project, target)

    assert code(target) == ["cog.yaml", "predict.py"]


def test_a_second_context_takes_the_place_of_the_first(project, target):
    write(project, target)
    (project / "predict.py").rename(project / "other.py")
    write(project, target)

    assert code(target) == ["cog.yaml", "other.py"]


def test_a_folder_with_other_things_in_it_is_left_alone(project, target):
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")

    with pytest.raises(CogError) as raised:
        write(project, target)
    assert str(raised.value) == f"`{target}` is not a build context: it contains `thesis.tex`"
    assert raised.value.hint == "choose a new or empty folder"
    assert tree(target) == ["thesis.tex"]


def test_the_engine_can_tell_by_times_what_has_changed(project, target):
    """It keeps a copy of the context and compares times and sizes: a fixed time would hide a changed byte."""
    os.utime(project / "predict.py", (1_000_000_000, 1_000_000_000))
    write(project, target)

    assert (target / "code/predict.py").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("link", [False, True])
def test_a_file_with_two_names_becomes_two_files(project, target, link):
    """An image that kept the link would differ from one that was built from a clone."""
    (project / "second.py").hardlink_to(project / "predict.py")
    write(project, target, link=link)

    assert not (target / "code/predict.py").samefile(target / "code/second.py")


def test_a_linked_context_shares_bytes_with_the_project(project, target):
    write(project, target, link=True)
    assert (target / "code/predict.py").samefile(project / "predict.py")

    write(project, target, link=False)
    assert not (target / "code/predict.py").samefile(project / "predict.py")


def test_a_wheel_of_the_projects_own_is_in_the_context_if_it_is_the_locked_one(project, target):
    import hashlib

    own = wheel("mine", index="local")
    (project / "wheels").mkdir()
    (project / "wheels" / own.file).write_bytes(b"wheel")
    locked = replace(own, sha256=hashlib.sha256(b"wheel").hexdigest())
    write(project, target, recipe=compose(PROJECT, with_python(LOCK, wheels=(locked,)), PLATFORM, schema=SCHEMA))
    assert (target / "local" / own.file).read_bytes() == b"wheel"

    with pytest.raises(IntegrityError) as raised:
        write(project, target, recipe=compose(PROJECT, with_python(LOCK, wheels=(own,)), PLATFORM, schema=SCHEMA))
    assert str(raised.value) == "the project has no `mine-1.0-py3-none-any.whl` with the SHA-256 that was locked"


def test_the_same_project_gives_the_same_context_whatever_the_umask(project, tmp_path):
    write(project, tmp_path / "one")
    before = os.umask(0o077)
    try:
        write(project, tmp_path / "two")
    finally:
        os.umask(before)

    one, two = tmp_path / "one", tmp_path / "two"
    assert tree(one) == tree(two)
    assert [(one / name).read_bytes() for name in tree(one)] == [(two / name).read_bytes() for name in tree(two)]


def test_an_unreadable_file_is_one_clear_error(project, target, monkeypatch):
    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied", str(project / "predict.py"))

    monkeypatch.setattr("shutil.copy2", refuse)
    with pytest.raises(CogError) as raised:
        write(project, target)
    assert "cannot write the build context" in raised.value.message
    assert raised.value.where == str(project / "predict.py")


def test_no_path_of_this_machine_is_in_the_context(project, target):
    write(project, target)
    here = str(project.parent).encode()

    assert not [path for path in target.rglob("*") if path.is_file() and here in path.read_bytes()]


def test_where_there_is_no_room_the_file_that_could_not_be_written_is_named(project, target):
    """A limit on the size of files fails as a full disk does, in the middle of a copy."""
    (project / "weights.bin").write_bytes(bytes(1 << 20))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, limits[1]))
    try:
        with pytest.raises(CogError) as raised:
            write(project, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert raised.value.where == str(target / "code/weights.bin")
    assert raised.value.message == f"cannot write the build context `{target}`: File too large"
    assert raised.value.hint == "check free space and permissions"


def test_what_predict_wrote_is_not_in_the_next_image_unless_somebody_changed_it(project, target):
    for name in ("output.png", "output.json", "mine.png"):
        (project / name).write_text(name)
    remember([project / "output.png", project / "output.json"])
    (project / "output.json").write_text("now it is mine")
    report = Warnings()
    write(project, target, report=report)

    assert code(target) == ["cog.yaml", "mine.png", "output.json", "predict.py"]
    assert report.said == ["`output.png` is an output of `cog predict`: left out of the image"]
    assert written(project) == {"output.png"}


def test_secrets_and_virtual_environments_are_named_before_they_are_in_an_image(project, target):
    files = {
        ".env": "TOKEN=1",
        ".env.example": "TOKEN=",
        "keys/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "keys/public.pem": "-----BEGIN CERTIFICATE-----\n",
        "gcp-credentials.json": '{"type": "service_account", "private_key": "x"}',
        ".netrc": "machine a login b password c",
        "venv/pyvenv.cfg": "home = /usr/bin\n",
        "venv/lib/x.py": "",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True, parents=True)
        (project / name).write_text(text)
    report = Warnings()
    write(project, target, report=report)

    assert report.said == [
        "the image will contain environment files, which often hold secrets: `.env`",
        "the image will contain private keys or credentials: `.netrc`, `gcp-credentials.json`, `keys/id_ed25519`",
        "the image will contain a virtual environment: `venv`",
    ]
    report.said.clear()
    (project / ".dockerignore").write_text(".env\n.netrc\n*.json\nkeys\nvenv\n")
    write(project, target, report=report)
    assert report.said == []


def test_a_file_that_a_command_reads_is_in_the_context_whatever_dockerignore_says(project, target):
    (project / "scripts").mkdir()
    (project / "scripts/a.sh").write_text("ls\n")
    (project / ".dockerignore").write_text("scripts\n")
    recipe = replace(RECIPE, project_inputs=("scripts/a.sh",))
    write(project, target, recipe=recipe)

    assert (target / "project-inputs/scripts/a.sh").read_text() == "ls\n"
    assert "scripts/a.sh" not in code(target)
    for name in ("scripts/none.sh", "scripts"):
        with pytest.raises(ProjectError, match=f"the input `{name}` of a command is not a file of the project"):
            write(project, target, recipe=replace(RECIPE, project_inputs=(name,)))
