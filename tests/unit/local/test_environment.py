"""An environment made from a lock holds what the lock says, is made once, and never counts as whole by half."""

import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cogfreeze.errors import IntegrityError, LockUnusable, ResolveError, ToolMissing
from cogfreeze.local import environment
from cogfreeze.lock.model import BaseImage, Lock, PlatformLock, Python, Tools
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download
from cogfreeze.resolve.python import closure as python
from cogfreeze.resolve.python.locate import locate_wheels
from cogfreeze.resolve.runtime import server
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import wheel

pytestmark = pytest.mark.slow

BUILD = Build(python_version="3.11", python_packages=("six==1.17.0",))
BASE = BaseImage(reference="a:b", digest="sha256:" + "0" * 64, reason="-", distribution="debian:bookworm")


class Steps(Silent):
    """Keeps what was announced."""

    def __init__(self):
        self.told = []

    def step(self, message, total=None, *, unit=None):
        self.told.append(message)
        return super().step(message, total)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def locked(settings):
    """A lock's part for this machine: one small package from the real index, and the server."""
    platform = environment.this_platform()
    found = python.resolve_python(
        BUILD, Path("/"), platform, glibc=(2, 28), settings=settings, report=Silent()
    ).wheels
    closure = server.runtime_wheels("3.11", platform, glibc=(2, 28))
    return PlatformLock(platform=platform, base=BASE, python=Python(version="3.11", wheels=found, runtime=closure))


def prepare(locked, settings, report=None):
    return environment.prepare(locked, build=BUILD, folder=Path("/"), settings=settings, report=report or Silent())


def run(made, code, *folders):
    variables = {"PYTHONPATH": ":".join(map(str, folders))}
    return subprocess.run([made.python, "-c", code], env=variables, capture_output=True, text=True, check=False)


def test_the_model_has_the_locked_packages_and_the_sdk(locked, settings):
    made = prepare(locked, settings)

    done = run(made, "import six, cog, cogworker, sys; print(six.__version__, *sys.version_info[:2])", made.sdk)

    assert (done.stdout, done.stderr) == ("1.17.0 3 11\n", "")


def test_what_is_locked_as_source_is_built_by_what_is_locked_to_build_it(locked, settings, tmp_path):
    build = Build(python_version="3.11", python_packages=("docopt==0.6.2",), allow_sdist=("docopt",))
    found = python.resolve_python(
        build, tmp_path, locked.platform, glibc=(2, 28), settings=settings, report=Silent()
    )
    assert [each.name for each in found.sources] == ["docopt"]
    packages = replace(locked.python, wheels=found.wheels, sources=found.sources, build=found.build)
    made = environment.prepare(
        replace(locked, python=packages), build=build, folder=tmp_path, settings=settings, report=Silent()
    )

    assert run(made, "import docopt; print(docopt.__version__)").stdout == "0.6.2\n"
    assert "No module" in run(made, "import setuptools").stderr


def test_of_wheels_that_install_the_same_file_the_last_one_by_name_wins(locked, settings, tmp_path):
    for name in ("zz", "aa", "mm"):
        data = wheel(f"{name}-1.0-py3-none-any.whl", files={"shared.py": f"owner = {name!r}\n".encode()})
        (tmp_path / f"{name}-1.0-py3-none-any.whl").write_bytes(data)
    build = Build(
        python_version="3.11", python_packages=tuple(f"./{n}-1.0-py3-none-any.whl" for n in ("zz", "aa", "mm"))
    )
    found = python.resolve_python(
        build, tmp_path, locked.platform, glibc=(2, 28), settings=settings, report=Silent()
    )
    packages = replace(locked.python, wheels=found.wheels)
    made = environment.prepare(
        replace(locked, python=packages), build=build, folder=tmp_path, settings=settings, report=Silent()
    )

    assert run(made, "import shared; print(shared.owner)").stdout == "zz\n"


@pytest.mark.parametrize("name", ["cogserve", "trio", "hypercorn", "msgspec", "uv"])
def test_the_model_cannot_see_the_server(locked, settings, name):
    made = prepare(locked, settings)

    done = run(made, f"import {name}", made.sdk)

    assert done.stderr.endswith(f"ModuleNotFoundError: No module named '{name}'\n")


def test_the_server_has_its_packages(locked, settings):
    made = prepare(locked, settings)

    done = run(made, "import cogserve, trio, hypercorn, msgspec; print('all')", *made.server, made.sdk)

    assert (done.stdout, done.stderr) == ("all\n", "")


def test_the_second_time_nothing_is_made(locked, settings):
    first, steps = prepare(locked, settings), Steps()

    assert prepare(locked, settings, steps) == first
    assert steps.told == []


def test_two_runs_at_once_make_it_once(locked, tmp_path, settings):
    """The second waits for the first; its packages come from the shared download cache."""
    (tmp_path / "sha256").symlink_to(settings.cache / "sha256")
    own, steps, made = Settings(cache=tmp_path), Steps(), []
    threads = [threading.Thread(target=lambda: made.append(prepare(locked, own, steps))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made[0] == made[1] == made[2]
    assert len([step for step in steps.told if step.startswith("installing")]) == 1


def test_what_a_model_writes_into_its_environment_stays_there(locked, tmp_path, settings):
    """No cache shares the file: an environment made anew has what was locked."""
    (tmp_path / "sha256").symlink_to(settings.cache / "sha256")
    own = Settings(cache=tmp_path)
    home = prepare(locked, own).python.parents[2]
    module = home / "venv/lib/python3.11/site-packages/six.py"
    module.write_text("__version__ = 'changed'")
    (home / "done").unlink()

    made = prepare(locked, own)

    assert run(made, "import six; print(six.__version__)").stdout == "1.17.0\n"


def test_what_an_interrupted_run_left_is_made_anew(locked, tmp_path, settings):
    (tmp_path / "sha256").symlink_to(settings.cache / "sha256")
    own = Settings(cache=tmp_path)
    home = prepare(locked, own).python.parents[2]
    (home / "done").unlink()
    (home / "venv/lib/python3.11/site-packages/six.py").unlink()

    made = prepare(locked, own)

    assert run(made, "import six; print(six.__version__)").stdout == "1.17.0\n"


def test_an_interpreter_that_has_gone_is_replaced(locked, tmp_path, settings):
    (tmp_path / "sha256").symlink_to(settings.cache / "sha256")
    own = Settings(cache=tmp_path)
    interpreter = prepare(locked, own).python
    interpreter.unlink()
    interpreter.symlink_to("/no/such/python")

    made = prepare(locked, own)

    assert run(made, "print(1)").stdout == "1\n"


def test_a_wheel_that_is_not_the_locked_one_is_refused(locked, tmp_path):
    [six] = locked.python.wheels
    other = replace(locked, python=replace(locked.python, wheels=(replace(six, sha256="0" * 64),)))

    with pytest.raises(IntegrityError) as caught:
        prepare(other, Settings(cache=tmp_path))

    assert "0" * 64 in str(caught.value)
    assert [*tmp_path.glob("envs/*/done")] == []


def test_a_wheel_for_another_machine_is_told(locked, tmp_path, settings):
    """The hash is right, the wheel does not run here: uv's own reason is given."""
    (tmp_path / "sha256").symlink_to(settings.cache / "sha256")
    platform = {"linux/amd64": "linux/arm64", "linux/arm64": "linux/amd64"}[locked.platform]
    foreign = [each for each in server.runtime_wheels("3.11", platform, glibc=(2, 28)) if each.name == "msgspec"]
    found = locate_wheels(foreign, python="3.11", platform=platform, folder=Path("/"), settings=settings)
    download.fetch_all(found, settings, Silent())
    other = replace(locked, python=replace(locked.python, wheels=tuple(foreign)))

    with pytest.raises(ResolveError) as caught:
        prepare(other, Settings(cache=tmp_path))

    assert caught.value.message.startswith("uv could not install the locked packages: ")
    assert "msgspec" in caught.value.message
    assert "platform" in caught.value.message


def test_a_python_that_nobody_has_is_named(locked, tmp_path):
    other = replace(locked, python=replace(locked.python, version="3.77"))

    with pytest.raises(ToolMissing) as caught:
        prepare(other, Settings(cache=tmp_path))

    assert caught.value.message.startswith("this machine has no Python 3.77, and uv could not download one: ")
    assert caught.value.hint == "install Python 3.77 so that `python3.77` is on the PATH"


@pytest.mark.parametrize(
    ("machine", "hint"),
    [
        ("linux/arm64", "add `linux/arm64` to `build.platforms`, then run `cog lock`"),
        ("darwin/arm64", "remove `--local`: the image runs here with Docker"),
    ],
)
def test_a_lock_without_this_machine_says_what_to_do(machine, hint):
    tools = Tools(cogfreeze="1", uv="1", recipe=1, runtime="-", frontend="-")
    part = PlatformLock(platform="linux/amd64", base=BASE, python=Python(version="3.11"))

    with pytest.raises(LockUnusable) as caught:
        environment.locked_for_this_machine(Lock(tools=tools, inputs=(), platforms=(part,)), machine)

    assert str(caught.value) == f"cog.lock is for `linux/amd64`, but this machine is `{machine}`"
    assert caught.value.hint == hint
