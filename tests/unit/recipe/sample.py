"""A project and a lock with one of everything that a recipe shows, for the tests of the recipe."""

from dataclasses import replace

from cogfreeze.lock.model import Lock, Wheel
from cogfreeze.project.model import Build, Project, RunCommand, SecretMount
from tests.unit.lock.sample import LOCK as SMALL
from tests.unit.lock.sample import A, C

MIB = 1024 * 1024


def wheel(name, *, size=1000, index="pypi", version="1.0"):
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return Wheel(name=name, version=version, file=file, sha256=A, size=size, index=index)


def with_python(lock: Lock, **changes) -> Lock:
    (platform,) = lock.platforms
    return replace(lock, platforms=(replace(platform, python=replace(platform.python, **changes)),))


def with_base(lock: Lock, **changes) -> Lock:
    (platform,) = lock.platforms
    return replace(lock, platforms=(replace(platform, base=replace(platform.base, **changes)),))


def without_apt(lock: Lock) -> Lock:
    (platform,) = lock.platforms
    return replace(lock, platforms=(replace(platform, apt=None, base=replace(platform.base, packages=None)),))


LOCK = with_python(
    replace(SMALL, files=()),
    wheels=(
        wheel("torch", size=800 * MIB, index="pytorch-cu128", version="2.5.1+cu128"),
        wheel("torchvision", size=100 * 1024, index="pytorch-cu128"),
        wheel("numpy", size=20 * 1024),
        wheel("pillow", size=4 * 1024),
    ),
    runtime=(wheel("uv", version="0.13.8"), wheel("dumb-init"), wheel("trio"), wheel("h11")),
)

PROJECT = Project(
    file="cog.yaml",
    image="cog-sample",
    predict="predict.py:Predictor",
    environment=(("GREETING", 'a "b" $HOME \\ c'),),
    build=Build(
        python_version="3.11",
        run=(
            RunCommand(command="echo hello >/usr/share/hello"),
            RunCommand(command="pip install x", secrets=(SecretMount(id="pip", target="/etc/pip.conf"),)),
        ),
    ),
)

SCHEMA = '{"openapi": "3.0.2"}'
PLATFORM = "linux/amd64"

__all__ = ["LOCK", "PLATFORM", "PROJECT", "SCHEMA", "A", "C", "wheel", "with_base", "with_python", "without_apt"]
