"""The rules that make packages' scripts equal: their table, and their scripts run on made files."""

import hashlib
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest

from cogfreeze.catalog import system_rules
from cogfreeze.catalog.system_rules import Uncured, at_start, rule_of_path, rules, rules_for
from cogfreeze.engine.differences import causes
from cogfreeze.recipe import scripts

ROOT = Path(__file__).parents[3]
CACERTS = "/etc/ssl/certs/java/cacerts"


def named(name):
    return next(rule for rule in rules() if rule.name == name)


def run(text, folder):
    """Run a rule's script on the files of a folder in place of the root's."""
    for top in ("/etc/", "/var/", "/usr/share/", "/dev/shm/"):
        text = text.replace(f" {top}", f" {folder}{top}").replace(f">{top}", f">{folder}{top}")
        text = text.replace(f"<{top}", f"<{folder}{top}").replace(f'"{top}', f'"{folder}{top}')
    # Nothing of this machine is touched.
    assert not re.search(r"(?:^|[^\w*.)])/(?:etc|var|usr/share|dev/shm)/", text.replace(str(folder), "FOLDER"))
    prelude = "\n".join(scripts.start(315532800)).replace("/dev/shm", f"{folder}/dev/shm")
    (folder / "dev/shm").mkdir(parents=True, exist_ok=True)
    return subprocess.run(["sh", "-eu", "-c", f"{prelude}\n{text}"], check=True, capture_output=True, text=True)


def key_store(entries, password="changeit"):
    """A Java key store (JKS) of trusted certificates: (name, time in ms, bytes)."""
    body = struct.pack(">III", 0xFEEDFEED, 2, len(entries))
    for name, time, certificate in entries:
        body += struct.pack(">IH", 2, len(name)) + name.encode() + struct.pack(">Q", time)
        body += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(certificate)) + certificate
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_rule_has_a_script_of_valid_shell_a_cause_a_cure_and_a_test(rule):
    texts = [text for text in (rule.before, rule.after, rule.rewrite) if text]
    assert texts
    for text in texts:
        assert subprocess.run(["sh", "-n", "-c", text], check=False).returncode == 0
    assert rule.paths
    assert rule.cause
    assert rule.cure
    assert (ROOT / rule.test).is_file()


def test_names_are_unique():
    assert len({rule.name for rule in rules()}) == len(rules())


def test_rules_apply_to_their_packages_alone():
    assert {rule.name for rule in rules_for(["libgl1"])} == {"logs", "caches", "identities", "password-dates"}
    assert {rule.name for rule in rules_for(["postgresql-15"])} - {rule.name for rule in rules_for([])} == {
        "postgresql"
    }
    assert "postgresql" not in {rule.name for rule in rules_for(["postgresql-common", "postgresql-client-15"])}


def test_what_is_left_out_is_listed_with_its_package_and_the_command_that_creates_it():
    assert at_start(["openssh-server", "libgl1", "ssl-cert"]) == (
        "SSH host keys (openssh-server): ssh-keygen -A",
        "a self-signed certificate (ssl-cert): make-ssl-cert generate-default-snakeoil",
    )
    assert at_start(["libgl1"]) == ()


@pytest.mark.parametrize(
    ("path", "name"),
    [("/etc/gitconfig", "git-lfs"), (CACERTS, "java-certificates"), ("/var/lib/mysql/mysql/db.frm", "mariadb")],
)
def test_a_file_leads_to_its_rule(path, name):
    assert rule_of_path(path).name == name
    assert rule_of_path("/usr/bin/python3") is None


def test_git_lfs_keys_are_sorted_and_nothing_else_is_touched(tmp_path):
    config = tmp_path / "etc/gitconfig"
    config.parent.mkdir()
    found = set()
    for keys in ("abcd", "dcba", "bdac"):
        lines = "".join(f"\t{key} = git-lfs {key} -- %f\n" for key in keys)
        config.write_text(f'[user]\n\tz = 1\n\ta = 2\n[filter "lfs"]\n{lines}[core]\n\ty = 1\n\tb = 2\n')
        run(named("git-lfs").rewrite, tmp_path)
        found.add(config.read_text())
    (text,) = found
    assert text.startswith('[user]\n\tz = 1\n\ta = 2\n[filter "lfs"]\n\ta = git-lfs a -- %f\n\tb = ')
    assert text.endswith("[core]\n\ty = 1\n\tb = 2\n")


def test_a_key_store_holds_no_times_is_sorted_and_keeps_its_checksum(tmp_path):
    path = tmp_path / CACERTS.lstrip("/")
    path.parent.mkdir(parents=True)
    certificates = [("debian:a.pem", b"one" * 500), ("debian:b.pem", b"two"), ("debian:c.pem", b"")]
    for order, time in ((certificates, 1_700_000_000_000), (certificates[::-1], 1_800_000_000_001)):
        path.write_bytes(key_store([(name, time, data) for name, data in order]))
        run(named("java-certificates").rewrite, tmp_path)
        assert path.read_bytes() == key_store([(name, 0, data) for name, data in certificates])


@pytest.mark.parametrize("content", [key_store([("a", 5, b"x")], password="secret"), b"PKCS12", b""])
def test_a_key_store_that_is_not_ours_stays_as_it_is(tmp_path, content):
    path = tmp_path / CACERTS.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    run(named("java-certificates").rewrite, tmp_path)
    assert path.read_bytes() == content


def test_the_list_of_tex_files_is_sorted(tmp_path):
    folder = tmp_path / "var/lib/texmf"
    folder.mkdir(parents=True)
    head = "% ls-R -- filename database for kpathsea; do not change this line.\n"
    made = set()
    for blocks in (("./:\nb\na\nx.log", "./b:\nz"), ("./b:\nz", "./:\na\nb")):
        (folder / "ls-R").write_text(head + "\n\n".join(blocks) + "\n")
        run(named("tex").rewrite, tmp_path)
        made.add((folder / "ls-R").read_text())
    assert made == {head + "./:\na\nb\n\n./b:\nz\n"}


def test_a_file_that_the_step_did_not_change_is_left_alone(tmp_path):
    config = tmp_path / "etc/gitconfig"
    config.parent.mkdir()
    config.write_text('[filter "lfs"]\n\tz = 1\n\ta = 2\n')
    os.utime(config, (1, 1))
    run(named("git-lfs").rewrite, tmp_path)
    assert config.read_text() == '[filter "lfs"]\n\tz = 1\n\ta = 2\n'
    assert config.stat().st_mtime == 1


def test_logs_of_the_step_are_emptied_and_others_stay(tmp_path):
    log = tmp_path / "var/log"
    (log / "apt").mkdir(parents=True)
    (log / "mysql").mkdir()
    for name in ("dpkg.log", "apt/history.log", "mysql/error.log", "old"):
        (log / name).write_text("text")
    os.utime(log / "old", (1, 1))
    run(named("logs").rewrite, tmp_path)
    assert sorted(path.name for path in log.rglob("*")) == ["apt", "error.log", "mysql", "old"]
    assert (log / "mysql/error.log").read_text() == ""
    assert (log / "old").read_text() == "text"


def test_days_of_password_changes_are_fixed(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text("root:*:20000:0:99999:7:::\ncog:!:20784:0:99999:7:::\nold:!::0:::::\n")
    (tmp_path / "etc/shadow-").write_text("root:*:20000:0:99999:7:::\n")
    run(named("password-dates").rewrite, tmp_path)
    assert (tmp_path / "etc/shadow").read_text() == (
        "root:*:3652:0:99999:7:::\ncog:!:3652:0:99999:7:::\nold:!::0:::::\n"
    )


def test_a_package_without_a_cure_is_named_with_its_files_and_a_reason(monkeypatch):
    """The table has none today."""
    known = Uncured(packages=("odd-*",), paths=("/var/lib/odd/*",), cause="a random seed", advice="leave it out")
    monkeypatch.setattr(system_rules, "uncured", lambda: (known,))

    assert system_rules.uncured_for(["odd-server", "libgl1"]) == (("odd-server", known),)
    assert system_rules.uncured_for(["libgl1"]) == ()
    assert causes.of_package("/var/lib/odd/seed", "odd-server") == causes.Cause(
        cause="a random seed", fix="leave it out"
    )
    assert causes.of_package("/etc/gitconfig", "git-lfs").fix == (
        "cogfreeze should have fixed it (the keys are sorted): please report it, with the package's name"
    )


@pytest.mark.parametrize(
    "rule", [each for each in rules() if each.name != "mail-name"], ids=lambda each: each.name
)
def test_a_rule_is_quiet_where_its_files_are_not(rule, tmp_path):
    """A package may be of another release, or may not have been configured."""
    (tmp_path / "var/log").mkdir(parents=True)
    for text in (rule.after, rule.rewrite):
        if text and rule.name != "postgresql":
            run(text, tmp_path)
