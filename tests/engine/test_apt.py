"""What is locked for apt is what the real apt-get in the real base image installs."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND
from cogfreeze.report import Silent
from cogfreeze.resolve import apt, apt_get, image
from cogfreeze.resolve.download import fetch_all
from cogfreeze.settings import Settings

pytestmark = pytest.mark.engine

BASE = "python:3.11-slim-bookworm"
SETS = [
    "ffmpeg",
    "git",
    "libgl1 libglib2.0-0",
    "build-essential",
    "default-jre-headless",
    "fonts-dejavu",
    "curl wget ca-certificates",
    "libsndfile1 sox",
    "tesseract-ocr poppler-utils",
    "libpq-dev libssl-dev",
    "cmake ninja-build pkg-config",
    "python3-minimal",
    "openssh-client rsync",
    "libc6-dev=2.36-9+deb12u14 tzdata",
    "imagemagick ghostscript",
    "libsm6 libxext6 libxrender1",
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    if "ENGINE_REGISTRY" not in os.environ:
        pytest.skip("no engine: see CONTRIBUTING.md")
    return Settings(
        cache=tmp_path_factory.mktemp("cache"),
        registry_mirror=os.environ["ENGINE_REGISTRY"],
        debian_snapshot=os.environ["ENGINE_DEBIAN_SNAPSHOT"],
    )


@pytest.fixture(scope="module")
def snapshot(settings):
    return apt.default_snapshot("debian:bookworm", settings, datetime.now(UTC))


@pytest.fixture(scope="module")
def base(settings):
    return image.resolve(BASE, "linux/amd64", "the test's", settings, Silent(), need_packages=True)


def in_base(script: str) -> str:
    """Run a script in the base image, on the machine's network, and return what it prints."""
    command = ["docker", "run", "--rm", "--network=host", "--entrypoint", "sh", BASE, "-euc", script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_locked_closure_is_what_apt_get_installs_on_the_base(settings, snapshot, base):
    """Name, version and architecture, for every set: zero differences."""
    mirror = settings.debian_snapshot
    sources = "\n".join(
        f"deb {mirror}/{archive}/{snapshot} {suite} main"
        for archive, suite in (
            ("debian", "bookworm"),
            ("debian", "bookworm-updates"),
            ("debian-security", "bookworm-security"),
        )
    )
    script = f"""
        rm -rf /etc/apt/sources.list.d/*; echo '{sources}' > /etc/apt/sources.list
        apt-get -q -o Acquire::Check-Valid-Until=false update > /dev/null
    """
    for each in SETS:
        script += f"echo 'SET {each}'; apt-get -s --no-install-recommends install {each} | grep ^Inst || true\n"
    installed: dict[str, set[tuple[str, str, str]]] = {}
    for line in in_base(script).splitlines():
        if line.startswith("SET "):
            current = installed.setdefault(line[4:], set())
        else:
            name, version, architecture = re.match(r"Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\S+)\]\)", line).groups()
            current.add((name.partition(":")[0], version, architecture))
    record, status = base
    locked = {
        each: {
            (deb.name, deb.version, deb.architecture)
            for deb in apt.resolve(
                each.split(), base=record, status=status, platform="linux/amd64", snapshot=snapshot,
                settings=settings, report=Silent(),
            ).packages
        }
        for each in SETS
    }  # fmt: skip
    assert {each: locked[each] ^ installed[each] for each in SETS} == {each: set() for each in SETS}
    assert min(map(len, installed.values())) > 0


def test_the_package_list_digest_is_what_a_shell_in_the_image_computes(base):
    assert in_base(PACKAGE_LIST_COMMAND) == base[0].packages.removeprefix("sha256:") + "\n"


def test_without_apt_get_on_the_machine_the_base_images_own_decides(settings, snapshot, base, monkeypatch):
    """The same closure, from apt-get in a container that has no network."""

    def resolve():
        return apt.resolve(
            ["libgl1"], base=base[0], status=base[1], platform="linux/amd64", snapshot=snapshot,
            settings=settings, report=Silent(),
        )  # fmt: skip

    expected = resolve()
    which = apt_get.shutil.which
    monkeypatch.setattr(apt_get.shutil, "which", lambda name: None if name == "apt-get" else which(name))
    assert resolve() == expected


def test_the_locked_files_install_offline(settings, snapshot, base, tmp_path):
    """Every .deb of a closure is fetched, checked, and enough for apt-get without any network."""
    closure = apt.resolve(
        ["fonts-dejavu-core"], base=base[0], status=base[1], platform="linux/amd64", snapshot=snapshot,
        settings=settings, report=Silent(),
    )  # fmt: skip
    paths = fetch_all(apt.artifacts(closure, settings), settings, Silent())
    assert [path.name for path in paths.values()] == [Path(deb.path).name for deb in closure.packages]
    container = subprocess.run(
        ["docker", "create", "--network=none", BASE, "sh", "-c",
         "apt-get install -y --no-install-recommends /debs/*.deb >&2 && dpkg-query -W fonts-dejavu-core"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    try:
        for path in paths.values():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        subprocess.run(["docker", "cp", f"{tmp_path}/.", f"{container}:/debs"], check=True, capture_output=True)
        run = subprocess.run(["docker", "start", "-a", container], check=True, capture_output=True, text=True)
        assert run.stdout == f"fonts-dejavu-core\t{closure.packages[0].version}\n"
    finally:
        subprocess.run(["docker", "rm", "-f", container], check=True, capture_output=True)
