"""What is locked for apt is what the real apt-get in the real base image installs."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cogfreeze.lock.packages import PACKAGE_LIST_COMMAND, installed
from cogfreeze.report import Silent
from cogfreeze.resolve.apt import archive, solver
from cogfreeze.resolve.apt import closure as apt
from cogfreeze.resolve.base import image
from cogfreeze.resolve.fetch.download import fetch_all
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
    "g++ libc6-dev:amd64",
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
    return archive.default_snapshot("debian:bookworm", settings, datetime.now(UTC))


@pytest.fixture(scope="module")
def base(settings):
    return image.resolve_base(BASE, "linux/amd64", "the test's", settings, Silent(), need_packages=True)


def start_in_base(script: str) -> subprocess.Popen[str]:
    """Run a script in the base image, on the machine's network."""
    command = ["docker", "run", "--rm", "--network=host", "--entrypoint", "sh", BASE, "-euc", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def printed(run: subprocess.Popen[str]) -> str:
    text = run.communicate()[0]
    assert run.returncode == 0
    return text


def simulation(settings, snapshot) -> str:
    """A script that points the base's apt at the snapshot and simulates the installation of every set."""
    pockets = {"bookworm": "debian", "bookworm-updates": "debian", "bookworm-security": "debian-security"}
    sources = "\n".join(
        f"deb {settings.debian_snapshot}/{archive}/{snapshot} {suite} main" for suite, archive in pockets.items()
    )
    sets = "\n".join(
        f"echo 'SET {each}'; apt-get -s --no-install-recommends install {each} | grep ^Inst" for each in SETS
    )
    return f"""
        rm -rf /etc/apt/sources.list.d/*; echo '{sources}' > /etc/apt/sources.list
        apt-get -q -o Acquire::Check-Valid-Until=false update > /dev/null
        {sets}
    """


def test_the_locked_closure_is_what_apt_get_installs_on_the_base(settings, snapshot, base, monkeypatch):
    """Name, version and architecture, for every set: zero differences."""
    record, status = base
    simulated = start_in_base(simulation(settings, snapshot))
    # The lists are the same for all sets: fetched, checked and unpacked once.
    releases = archive.releases(record.distribution, snapshot, settings, Silent())
    lists = archive.package_lists(releases, ["amd64"], snapshot, settings, Silent())
    monkeypatch.setattr(archive, "package_lists", lambda *_: lists)
    locked = {}
    for each in SETS:
        closure = apt.resolve_apt(
            each.split(), base=record, status=status, platform="linux/amd64", snapshot=snapshot,
            settings=settings, report=Silent(),
        )  # fmt: skip
        locked[each] = {(deb.name, deb.version, deb.architecture) for deb in closure.packages}
    simulated_sets: dict[str, set[tuple[str, str, str]]] = {}
    for line in printed(simulated).splitlines():
        if line.startswith("SET "):
            current = simulated_sets.setdefault(line[4:], set())
        else:
            name, version, architecture = re.match(r"Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\S+)\]\)", line).groups()
            current.add((name.partition(":")[0], version, architecture))
    assert {each: locked[each] ^ simulated_sets[each] for each in SETS} == {each: set() for each in SETS}
    assert min(map(len, simulated_sets.values())) > 0


def test_names_and_versions_alone_give_the_closure_of_the_whole_list(settings, snapshot, base, monkeypatch):
    """As the catalogue has them, where no registry can be asked."""
    record, status = base
    releases = archive.releases(record.distribution, snapshot, settings, Silent())
    lists = archive.package_lists(releases, ["amd64"], snapshot, settings, Silent())
    monkeypatch.setattr(archive, "package_lists", lambda *_: lists)
    bare = "\n".join(
        f"Package: {each.name}\nStatus: install ok installed\nArchitecture: {each.architecture}\n"
        f"Version: {each.version}\n"
        for each in installed(status)
    )
    for names in (["git"], ["cmake", "pkg-config"], ["systemd-sysv"]):
        known, listed = (
            apt.resolve_apt(
                names, base=one, status=text, platform="linux/amd64", snapshot=snapshot, settings=settings,
                report=Silent(),
            )
            for one, text in ((record, status), (replace(record, unconfirmed=("packages",)), bare))
        )  # fmt: skip
        assert known == listed, names


def test_the_package_list_digest_is_what_a_shell_in_the_image_computes(base):
    assert printed(start_in_base(PACKAGE_LIST_COMMAND)) == base[0].packages.removeprefix("sha256:") + "\n"


def test_without_apt_get_on_the_machine_the_base_images_own_decides(
    settings, snapshot, base, monkeypatch, tmp_path
):
    """The same closure, from apt-get in a container that has no network, whoever the image runs as."""
    host = settings.registry_mirror.removeprefix("http://")
    reference = f"{host}/cogfreeze-test/nobody:{uuid.uuid4().hex}"
    (tmp_path / "Dockerfile").write_text(f'FROM {BASE}\nUSER 65534\nENTRYPOINT ["/none"]\n')
    build = ["docker", "buildx", "build", "--push", "--quiet", "--provenance=false", "--tag", reference]
    subprocess.run([*build, str(tmp_path)], check=True, capture_output=True)
    nobodys, _ = image.resolve_base(reference, "linux/amd64", "", settings, Silent(), need_packages=False)

    def resolve(base=base):
        return apt.resolve_apt(
            ["libgl1"], base=base[0], status=base[1], platform="linux/amd64", snapshot=snapshot,
            settings=settings, report=Silent(),
        )  # fmt: skip

    expected = resolve()
    monkeypatch.setattr(solver, "_own_version", lambda: None)
    assert resolve() == expected
    assert resolve((nobodys, base[1])) == expected


def test_another_platform_than_the_machines_locks_too(settings, snapshot, base):
    """Debian's arm64, from a base of which we only say that it has a C library."""
    status = "Package: libc6\nStatus: install ok installed\nArchitecture: arm64\nVersion: 2.36-9\n"
    closure = apt.resolve_apt(
        ["libgl1"], base=base[0], status=status, platform="linux/arm64", snapshot=snapshot,
        settings=settings, report=Silent(),
    )  # fmt: skip
    assert {deb.architecture for deb in closure.packages} == {"arm64", "all"}
    assert closure.packages[0].path.endswith("_arm64.deb")


def test_the_locked_files_install_offline(settings, snapshot, base, tmp_path):
    """Every .deb of a closure is fetched, checked, and enough for apt-get without any network."""
    closure = apt.resolve_apt(
        ["fonts-dejavu-core"], base=base[0], status=base[1], platform="linux/amd64", snapshot=snapshot,
        settings=settings, report=Silent(),
    )  # fmt: skip
    paths = fetch_all(apt.deb_artifacts(closure, settings), settings, Silent())
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
