"""System packages whose scripts make other files in every build: two builds of them are equal, and complete.

One project has all of them, and only the step that installs them is built, twice. `make repro` has more packages,
which take too long for every run of the tests.
"""

import re
from dataclasses import replace

import pytest

from cogfreeze.engine import build, buildx, docker, layers, verify
from cogfreeze.engine.differences import differences
from cogfreeze.report import Silent

pytestmark = pytest.mark.engine

# Of `benchmarks/repro/projects.py`, what is quick to install.
PACKAGES = (
    "git-lfs, default-jre-headless, postgresql, mariadb-server, postfix, sasl2-bin, openssh-server, ssl-cert,"
    " redis-server, cron, dbus, man-db, fontconfig"
)


@pytest.fixture(scope="module")
def hard(new_project):
    return new_project(f"system_packages: [{PACKAGES}]")


@pytest.fixture
def layouts(hard, prepared, tmp_path):
    """The step built twice from scratch, the second time with another host name."""
    _, _, whole, files = prepared(hard)
    recipe = verify._system_step(whole)
    made = []
    for name, host in (("first", None), ("second", "elsewhere")):
        folder = tmp_path / name
        build.write_contexts(recipe, files, hard, folder, Silent())
        options = replace(
            buildx.Options(), no_cache=True, hostname=host, shm_size=verify._SHM_SIZE + 4096 * len(made)
        )
        made.append(verify._exported(docker.find(), recipe, folder, options, Silent(), compressed=False))
    return recipe, made


def test_packages_known_to_differ_are_equal_and_complete(layouts):
    recipe, made = layouts
    assert [f"{each.path}: {each.first}" for each in differences(recipe, made)] == []
    assert layers.diff_ids(made[0]) == layers.diff_ids(made[1])

    found = {}
    for digest in layers.blobs(made[0])[-2:]:
        found |= layers.entries(made[0], digest)
    wanted = {"etc/gitconfig", "etc/ssl/certs/java/cacerts", "etc/postfix/main.cf"}
    read = {}
    for digest in layers.blobs(made[0])[-2:]:
        read |= layers.contents(made[0], digest, paths=wanted)
    keys = re.findall(rb"^\t(\w+) = ", read["etc/gitconfig"], re.MULTILINE)
    assert keys == [b"clean", b"process", b"required", b"smudge"]
    assert read["etc/ssl/certs/java/cacerts"].startswith(b"\xfe\xed\xfe\xed")
    assert read["etc/ssl/certs/java/cacerts"].count(b"debian:") > 100
    assert b"elsewhere" not in read["etc/postfix/main.cf"]
    assert b"buildkitsandbox" not in read["etc/postfix/main.cf"]
    # What a container creates when it starts, and what nothing needs.
    gone = (
        r"(var/lib|etc)/postgresql/\d+/main|var/lib/mysql/.|etc/ssh/ssh_host_|.*snakeoil|etc/(aliases\.db|sasldb2)$"
        r"|var/.*\.log$"
    )
    assert [path for path in found if re.match(gone, path)] == []
    assert "var/lib/mysql" in found
    assert "etc/postgresql-common/createcluster.d/cogfreeze.conf" not in found


def test_the_image_says_what_a_container_has_to_create(hard, prepared):
    *_, recipe, _ = prepared(hard)
    assert recipe.at_start == (
        "the database of mail aliases (postfix): newaliases",
        "SSH host keys (openssh-server): ssh-keygen -A",
        "a self-signed certificate (ssl-cert): make-ssl-cert generate-default-snakeoil",
        "the database cluster (postgresql-15): pg_createcluster $(ls /usr/lib/postgresql) main",
        "the data folder (mariadb-server): mariadb-install-db --user=mysql",
    )
    (labels,) = (
        dict(step.value) for step in recipe.stages[-1].steps if getattr(step, "instruction", "") == "LABEL"
    )
    assert labels["run.cogfreeze.at-start"].startswith(
        '["the database of mail aliases (postfix): newaliases","SSH host keys'
    )
