"""`cog lock` with its flags, against a registry, an index and an archive on loopback."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from cogfreeze.cli.main import main
from cogfreeze.errors import IntegrityError, LockStale
from cogfreeze.lock import file as lock_file
from cogfreeze.resolve.apt import archive as archive_module
from cogfreeze.resolve.apt import signatures
from cogfreeze.resolve.runtime import sdk as sdk_wheel
from cogfreeze.settings import Settings
from tests.unit.resolve.index.compiled import compiled
from tests.unit.resolve.index_server import served, wheel
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_archive import SNAPSHOT, SUITES, Archive, installed, key, stanza
from tests.unit.resolve.made_builds import listed
from tests.unit.resolve.made_registry import OS_RELEASE, Registry, layer
from tests.unit.resolve.python.test_source_builds import BACKEND, COMPUTED, DYNAMIC, FILES, PYPROJECT, write

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not on this machine")

LIBC = installed("libc6", Essential="yes")
NOWHERE = "http://127.0.0.1:9"
PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return ""
"""
SLIM = "python:3.11-slim-bookworm"
CUDA = "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"


class Lab:
    """A project's folder, and a small world around it."""

    def __init__(self, folder, registry, index, archive, capsys):
        self.folder, self.registry, self.index, self.archive, self.capsys = (
            folder,
            registry,
            index,
            archive,
            capsys,
        )
        self.path = folder / "cog.lock"

    def publish(self, repository, tag, *layers):
        """Push a tag, in place of what it was; returns the digest."""
        return self.registry.index(repository, tag, linux_amd64=self.registry.image(repository, "one", *layers))

    def declare(self, *lines, packages=(), system=()):
        lists = {"python_packages": packages, "system_packages": system}
        text = "".join(f"  {line}\n" for line in lines)
        text += "".join(f"  {key}: {json.dumps(list(values))}\n" for key, values in lists.items() if values)
        (self.folder / "cog.yaml").write_text(
            f'build:\n  python_version: "3.11"\n{text}predict: predict.py:Predictor\n'
        )

    def lock(self, *words, status=0):
        """Run `cog lock`; return its stdout, and the lines of its talk."""
        archive_module._releases.cache_clear()
        self.capsys.readouterr()
        answer = main(["lock", *words])
        said = self.capsys.readouterr()
        assert answer == status, said.err
        return SimpleNamespace(out=said.out, talk=said.err.splitlines())

    def refused(self, *words):
        talk = self.lock(*words, status=1).talk
        return talk[-2].partition(": ")[2], talk[-1].removeprefix("hint: ")

    @property
    def locked(self):
        return lock_file.read(self.path).platforms[0]

    def versions(self):
        return {wheel.name: wheel.version for wheel in self.locked.python.wheels}


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    folder, keys = tmp_path / "project", tmp_path / "keys"
    for each in (folder, keys):
        each.mkdir()
    (folder / "predict.py").write_text(PREDICT)
    (keys / "debian.asc").write_text(str(key().extract_certificate()))
    monkeypatch.setattr(signatures, "KEYS", keys)
    monkeypatch.chdir(folder)
    registry, archive = Registry(), Archive(packages={suite: [] for suite in SUITES})

    def any_date(asked):
        asked.path = re.sub(r"\d{8}T\d{6}Z", SNAPSHOT, asked.path)
        return archive(asked)

    cpython = b"a build of CPython"

    def any_build(_asked):
        return Answer(body=cpython)

    with (
        serving(registry) as (mirror, _),
        serving(any_date) as (snapshots, _),
        served() as index,
        serving(any_build) as (builds, _),
    ):
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)
        settings = {
            "COG_REGISTRY_MIRROR": mirror,
            "COG_DEBIAN_SNAPSHOT": snapshots,
            "COG_PYTHON_MIRROR": builds,
            "UV_PYTHON_DOWNLOADS_JSON_URL": listed(
                tmp_path / "builds.json", {"cpython-3.11.9-linux-x86_64-gnu": cpython}
            ),
            "COG_CACHE_DIR": str(tmp_path / "cache"),
            "COG_TORCH_INDEX": index.url,
            "DOCKER_CONFIG": str(tmp_path),
            "UV_DEFAULT_INDEX": f"{index.url}/simple",
            "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
            "UV_HTTP_RETRIES": "0",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        lab = Lab(folder, registry, index, archive, capsys)
        lab.publish(
            "library/python",
            "3.11-slim-bookworm",
            layer({"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": LIBC}),
        )
        lab.declare()
        yield lab


def publish_cuda(lab):
    text = 'ID=ubuntu\nVERSION_ID="24.04"\n'
    lab.publish("nvidia/cuda", CUDA.partition(":")[2], layer({"etc/os-release": text}))


# --- the base and its reason ---


def test_the_base_and_its_reason_are_said_when_it_is_chosen_and_kept_in_the_lock(lab):
    told = f"linux/amd64: base image {SLIM}: the slim image of Python 3.11"
    assert told in lab.lock().talk
    assert (lab.locked.base.reference, lab.locked.base.reason) == (SLIM, "the slim image of Python 3.11")
    assert lab.lock().talk == ["cog.lock is current: nothing changed"]
    assert told in lab.lock("--upgrade-base").talk


def test_a_cuda_base_can_be_asked_for_and_stays_until_another_is(lab):
    publish_cuda(lab)
    lab.declare("gpu: true", 'cuda: "12.8"')
    asked = "`--use-cuda-base-image {}` asks for it; `build.cuda` is 12.8"
    lab.lock("--use-cuda-base-image", "false")
    assert (lab.locked.base.reference, lab.locked.base.reason) == (SLIM, asked.format("false"))
    assert '[inputs.options]\nuse_cuda_base_image = "false"\n' in lab.path.read_text()
    assert lab.lock("--check").talk == ["cog.lock is current"]
    assert lab.lock().talk == ["cog.lock is current: nothing changed"]


def test_other_platforms_can_be_asked_for_and_stay_until_others_are(lab):
    lab.index.add("simple", "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    lab.index.add("simple", "app-1.0-cp311-cp311-manylinux_2_17_aarch64.whl")
    system = layer({"etc/os-release": OS_RELEASE})
    one, two = (
        lab.registry.image("library/python", each, system, platform=f"linux/{each}") for each in ("amd64", "arm64")
    )
    lab.registry.index("library/python", "3.11-slim-bookworm", linux_amd64=one, linux_arm64=two)
    lab.declare(packages=["app"])

    def locked():
        return [each.platform for each in lock_file.read(lab.path).platforms]

    lab.lock()
    amd = lab.locked
    lab.lock("--platform", "linux/arm64", "--platform", "linux/amd64")
    assert locked() == ["linux/amd64", "linux/arm64"]
    assert lab.locked == amd
    arm = lock_file.read(lab.path).for_platform("linux/arm64")
    assert [wheel.file for wheel in arm.python.wheels] == ["app-1.0-cp311-cp311-manylinux_2_17_aarch64.whl"]
    assert lab.lock("--check").talk == ["cog.lock is current"]
    assert lab.lock().talk == ["cog.lock is current: nothing changed"]
    lab.lock("--upgrade")
    assert locked() == ["linux/amd64", "linux/arm64"]
    lab.lock("--platform", "linux/arm64")
    assert locked() == ["linux/arm64"]
    lab.lock("--platform", "linux/amd64")
    assert locked() == ["linux/amd64"]
    assert "options" not in lab.path.read_text()
    assert lab.lock("--platform", "amd64", status=2).talk == [
        "error[CF900]: `amd64` is not a platform that can be built",
        "hint: did you mean `linux/amd64`?",
    ]


def test_other_packages_that_need_another_cuda_move_the_base(lab):
    """Only the packages are declared anew; the base follows, and the new reason is said."""
    file = "onnxruntime_gpu-1.22.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    lab.index.add("simple", file, extras=["cuda", "cudnn"])
    lab.publish("nvidia/cuda", "12.3.2-cudnn9-runtime-ubuntu22.04", layer({"etc/os-release": OS_RELEASE}))
    lab.declare("gpu: true", packages=["onnxruntime-gpu[cuda,cudnn]==1.22.0"])
    lab.lock()
    assert lab.locked.base.reference == SLIM
    lab.declare("gpu: true", packages=["onnxruntime-gpu==1.22.0"])
    reason = (
        "`onnxruntime-gpu==1.22.0` is built for CUDA 12.2 and cuDNN 9; the base has CUDA 12.3, whose libraries"
        " are compatible"
    )
    chosen = "nvidia/cuda:12.3.2-cudnn9-runtime-ubuntu22.04"
    assert f"linux/amd64: base image {chosen}: {reason}" in lab.lock().talk
    assert (lab.locked.base.reference, lab.locked.base.reason) == (chosen, reason)
    assert lab.locked.python.interpreter.release.startswith("cpython-3.11.")


# --- what moves ---


def test_upgrade_base_takes_what_the_tag_is_now(lab):
    lab.lock()
    before = lab.locked.base.digest
    text = OS_RELEASE + "VERSION=new\n"
    after = lab.publish("library/python", "3.11-slim-bookworm", layer({"etc/os-release": text}))
    assert lab.lock().talk == ["cog.lock is current: nothing changed"]
    change = f"  base image digest: {before[7:19]} → {after[7:19]} (the tag names another image now)"
    assert change in lab.lock("--upgrade-base").talk
    assert lab.locked.base.digest == after


@needs_apt
def test_upgrade_apt_moves_the_archives_date_and_nothing_else_does(lab):
    lab.archive.packages["bookworm"] = [stanza("tool", "1.0")]
    lab.declare(system=["tool"])
    lab.lock()
    today = f"{datetime.now(UTC):%Y%m%d}T000000Z"
    assert lab.locked.apt.snapshot == today
    lab.path.write_text(lab.path.read_text().replace(today, SNAPSHOT))
    lab.archive.packages["bookworm"] = [stanza("tool", "2.0"), stanza("other", "1.0")]
    lab.declare(system=["tool", "other"])
    lab.lock()
    assert lab.locked.apt.snapshot == SNAPSHOT
    before = lab.locked
    lab.archive.packages["bookworm"] = [stanza("tool", "3.0"), stanza("other", "1.0")]
    lab.lock("--upgrade-apt")
    assert lab.locked.apt.snapshot == today
    assert {deb.name: deb.version for deb in lab.locked.apt.packages} == {"other": "1.0", "tool": "3.0"}
    assert (lab.locked.base, lab.locked.python) == (before.base, before.python)


@pytest.fixture
def two_packages(lab):
    """Two packages locked at 1.0, of which the index has 1.1 and 2.0 too."""
    for name in ("left", "right"):
        lab.index.add("simple", f"{name}-1.0-py3-none-any.whl")
    lab.declare(packages=["left", "right"])
    lab.lock()
    for name in ("left", "right"):
        for version in ("1.1", "2.0"):
            lab.index.add("simple", f"{name}-{version}-py3-none-any.whl")
    shutil.rmtree(lab.folder.parent / "uv-cache")
    return lab


@pytest.mark.parametrize(
    ("words", "versions"),
    [
        ((), {"left": "1.0", "right": "1.0"}),
        (("--upgrade-package", "left"), {"left": "2.0", "right": "1.0"}),
        (("--upgrade-package", "left==1.1"), {"left": "1.1", "right": "1.0"}),
        (("--upgrade-package", "left==1.1", "--upgrade-package", "right"), {"left": "1.1", "right": "2.0"}),
        (("--upgrade",), {"left": "2.0", "right": "2.0"}),
    ],
)
def test_packages_move_only_as_asked(two_packages, words, versions):
    two_packages.lock(*words)
    assert two_packages.versions() == versions


@pytest.mark.parametrize(
    ("date", "version"), [("2026-01-31", "1.0"), ("2026-02-10", "1.1"), ("2026-02-10T00:00:00Z", "1.0")]
)
def test_what_was_published_later_can_be_left_out(two_packages, date, version):
    index = two_packages.index
    days = {"1.0": "2026-01-01", "1.1": "2026-02-10", "2.0": "2026-03-01"}
    index.dates = {file: f"{days[file.split('-')[1]]}T12:00:00Z" for file in index.wheels["simple"]}
    two_packages.lock("--upgrade", "--exclude-newer", date)
    assert two_packages.versions() == {"left": version, "right": version}


@pytest.mark.parametrize("date", ["yesterday", "2024-13-45", "2024-02-30", "2024-1-1", "2024-01-01T25:00:00Z"])
def test_what_is_no_date_is_refused(two_packages, date):
    assert two_packages.lock("--exclude-newer", date, status=2).talk == [
        f"error[CF900]: `--exclude-newer {date}` is not a date",
        "hint: write it as YYYY-MM-DD",
    ]


@pytest.mark.parametrize("words", [["--upgrade"], ["--dry-run"], ["--upgrade-package", "left"], ["--ours"]])
def test_a_check_is_asked_for_alone(two_packages, words):
    assert two_packages.lock("--check", *words, status=2).talk == [
        f"error[CF900]: `--check` and `{words[0]}` cannot be used together",
        "hint: use one of them",
    ]


def test_json_says_when_nothing_was_written(two_packages):
    two_packages.lock()
    assert json.loads(two_packages.lock("--json").out)["written"] is False
    assert json.loads(two_packages.lock("--upgrade", "--dry-run", "--json").out)["written"] is False


def test_a_dry_run_says_what_would_change_and_writes_nothing(two_packages):
    before = two_packages.path.read_bytes()
    talk = two_packages.lock("--dry-run", "--upgrade-package", "left").talk
    assert any(line.startswith("    left 1.0 → 2.0, upgraded, ") for line in talk)
    assert talk[-1] == "cog.lock would be written"
    assert two_packages.path.read_bytes() == before


def test_a_dry_run_exits_with_1_if_asked_and_something_would_change(two_packages):
    two_packages.lock("--dry-run", "--exit-code", "--upgrade-package", "left", status=1)
    two_packages.lock("--dry-run", "--upgrade-package", "left")
    two_packages.lock("--dry-run", "--exit-code")


def test_a_stale_lock_is_one_json_object_with_its_reasons_and_the_error(two_packages):
    two_packages.declare(packages=["left", "other"])
    said = json.loads(two_packages.lock("--check", "--json", status=1).out)
    assert said["current"] is False
    assert len(said["reasons"]) == 1
    assert [each["code"] for each in said["errors"]] == ["CF201"]


def test_a_first_lock_lists_what_it_chose_and_how_long_it_took(lab):
    lab.index.add("simple", "app-1.0-py3-none-any.whl", requires=["part"])
    lab.index.add("simple", "part-3.0-py3-none-any.whl")
    lab.declare(packages=["app"])
    lab.path.unlink(missing_ok=True)
    talk = lab.lock().talk
    start = next(index for index, line in enumerate(talk) if re.fullmatch(r"resolved in [0-9.]+ s", line))
    assert talk[start + 1 : start + 3] == [" + app==1.0", " + part==3.0"]
    assert talk[-1] == "wrote cog.lock"


def test_json_says_what_changed_and_what_is_locked(two_packages):
    said = json.loads(two_packages.lock("--json", "--upgrade-package", "left").out)
    base = two_packages.locked.base
    (change,) = said.pop("diff")["platforms"][0]["packages"]
    assert (change["name"], change["change"]) == ("left", "upgraded")
    assert (change["before"]["version"], change["after"]["version"]) == ("1.0", "2.0")
    assert said == {
        "written": True,
        "platforms": [
            {
                "platform": "linux/amd64",
                "base": f"{SLIM}@{base.digest}",
                "reason": "the slim image of Python 3.11",
                "unconfirmed": [],
                "apt": 0,
                "python": 2,
            }
        ],
    }


# --- after a merge ---


@pytest.mark.parametrize(("side", "version"), [("--ours", "1.0"), ("--theirs", "2.0")])
def test_a_merge_is_resolved_from_one_side(two_packages, side, version):
    ours = two_packages.path.read_text()
    two_packages.lock("--upgrade")
    theirs = two_packages.path.read_text()
    lines = []
    for left, right in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        lines += [left] if left == right else ["<<<<<<< HEAD", left, "=======", right, ">>>>>>> other"]
    two_packages.path.write_text("\n".join(lines) + "\n")
    assert two_packages.lock(side).talk[-1] == "wrote cog.lock"
    assert two_packages.versions() == {"left": version, "right": version}
    assert two_packages.path.read_text() == (ours if side == "--ours" else theirs)


@pytest.mark.parametrize("words", [[], ["--ours"], ["--theirs"], ["--check"]])
@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"<<<<<<< a\n", b"\0", None], ids=str)
def test_a_lock_that_is_none_is_refused_and_stays(two_packages, data, words):
    two_packages.path.unlink()
    if data is None:
        two_packages.path.mkdir()
    else:
        two_packages.path.write_bytes(data)
    assert two_packages.lock(*words, status=2).talk[0].startswith("error[CF200]: cog.lock")
    assert two_packages.path.is_dir() if data is None else two_packages.path.read_bytes() == data


def test_a_checkout_with_other_line_ends_is_current(two_packages):
    two_packages.path.write_bytes(two_packages.path.read_bytes().replace(b"\n", b"\r\n"))
    assert two_packages.lock("--check").talk == ["cog.lock is current"]


# --- another SDK ---


def sdk(folder, file="cog-9.9-py3-none-any.whl", *, files=None):
    path = folder.parent / file
    path.write_bytes(wheel(file, files=files or {"cog/server/http.py": b"", "cog/__init__.py": b""}))
    return path


def test_a_wheel_may_replace_the_sdk_and_stays_until_the_runtime_is_upgraded(lab, monkeypatch):
    path = sdk(lab.folder)
    lab.lock()
    own = lab.path.read_bytes()
    monkeypatch.setenv("COG_SDK_WHEEL", str(path))
    assert any(line.startswith("    cog 9.9, added, ") for line in lab.lock().talk)
    locked = lab.locked.python.sdk
    assert (locked.file, locked.sha256) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    assert str(path.parent) not in lab.path.read_text()
    for value in (str(path), ""):
        monkeypatch.setenv("COG_SDK_WHEEL", value)
        assert lab.lock().talk == ["cog.lock is current: nothing changed"]
    lab.lock("--upgrade-runtime")
    assert lab.path.read_bytes() == own


@pytest.mark.parametrize(
    ("file", "files", "message"),
    [
        ("left-1.0-py3-none-any.whl", None, "is a wheel of `left`"),
        ("cog-9.9-cp311-cp311-manylinux_2_17_x86_64.whl", None, "is not for every Python and machine"),
        (
            "cog-9.9-py3-none-any.whl",
            {"cog/__init__.py": b""},
            "has no `cog/server/http.py`, by which an image is started",
        ),
    ],
)
def test_what_is_no_sdk_is_refused(lab, monkeypatch, file, files, message):
    monkeypatch.setenv("COG_SDK_WHEEL", str(sdk(lab.folder, file, files=files)))
    talk = lab.lock(status=2).talk
    assert talk == [
        f"error[CF900]: `{file}`, which `COG_SDK_WHEEL` names, {message}",
        "hint: name a wheel of the `cog` SDK",
    ]
    assert not lab.path.exists()


def test_a_build_with_another_sdk_than_the_locks_is_refused(lab, monkeypatch):
    lab.lock()
    settings = replace(Settings.from_environment(), sdk_wheel=sdk(lab.folder))
    with pytest.raises(LockStale) as caught:
        sdk_wheel.fetch_sdk(lab.locked.python.sdk, settings)
    assert str(caught.value) == (
        "cog.lock is stale: `COG_SDK_WHEEL` names `cog-9.9-py3-none-any.whl`, and the lock has none"
    )
    assert caught.value.hint == "run `cog lock` with `COG_SDK_WHEEL` set and commit the result, or unset it"


def test_a_locked_sdk_that_is_not_on_this_machine_is_named(lab, monkeypatch):
    monkeypatch.setenv("COG_SDK_WHEEL", str(sdk(lab.folder)))
    lab.lock()
    settings = replace(Settings.from_environment(), sdk_wheel=None)
    (path,) = sdk_wheel.fetch_sdk(lab.locked.python.sdk, settings).values()
    path.unlink()
    with pytest.raises(IntegrityError) as caught:
        sdk_wheel.fetch_sdk(lab.locked.python.sdk, settings)
    assert str(caught.value) == (
        "the SDK `cog-9.9-py3-none-any.whl` with the SHA-256 that was locked is not on this machine"
    )
    assert caught.value.hint == (
        "name it in `COG_SDK_WHEEL`, or go back to this cogfreeze's own: `cog lock --upgrade-runtime`"
    )


# --- interrupted, and several at once ---


def process(folder):
    command = [sys.executable, "-m", "cogfreeze.cli.main", "lock", "--upgrade"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("silent", ["COG_REGISTRY_MIRROR", "COG_DEBIAN_SNAPSHOT", "UV_DEFAULT_INDEX"])
def test_an_interrupt_leaves_the_old_lock_and_waits_for_no_server(two_packages, monkeypatch, silent):
    """A real process waits for a registry, an archive or an index that never answers, and gets a real SIGINT."""
    if silent == "COG_DEBIAN_SNAPSHOT":
        two_packages.declare(packages=["left", "right"], system=["tool"])
    before = two_packages.path.read_bytes()
    asked, done = threading.Event(), threading.Event()

    def silence(_asked):
        asked.set()
        done.wait(60)
        return Answer(404)

    with serving(silence) as (url, _):
        monkeypatch.setenv(silent, url)
        run = process(two_packages.folder)
        try:
            assert asked.wait(60)
            # As a terminal does, to uv too.
            run.send_signal(signal.SIGINT)
            _, talk = run.communicate(timeout=20)
        finally:
            done.set()
            run.kill()
    assert run.returncode == 130
    assert talk.splitlines()[-1] == "interrupted"
    assert "Traceback" not in talk
    assert two_packages.path.read_bytes() == before
    assert {path.name for path in two_packages.folder.iterdir()} == {"cog.lock", "cog.yaml", "predict.py"}


def test_several_at_once_in_one_folder_write_one_whole_lock(two_packages):
    runs = [process(two_packages.folder) for _ in range(3)]
    assert [(run.communicate(timeout=120)[1], run.returncode)[1] for run in runs] == [0, 0, 0]
    assert two_packages.versions() == {"left": "2.0", "right": "2.0"}
    assert two_packages.lock("--check").talk == ["cog.lock is current"]
    assert {path.name for path in two_packages.folder.iterdir()} == {"cog.lock", "cog.yaml", "predict.py"}


# --- the same bytes ---


def test_the_order_of_what_is_declared_and_offered_changes_no_byte(lab):
    """Either of two packages can be had at its newest, and which one is not left to who stands first."""
    files = {
        "left-2.0": ["shared<2"], "left-1.0": [], "right-2.0": ["shared>=2"], "right-1.0": [],
        "shared-1.0": [], "shared-2.0": [], "plain-1.0": [],
    }  # fmt: skip
    texts = set()
    for order in (list, lambda given: list(reversed(given))):
        lab.index.wheels.clear()
        for name in order(list(files)):
            lab.index.add("simple", f"{name}-py3-none-any.whl", requires=files[name])
        for names in (["left", "right", "shared"], ["right", "shared", "left"], ["shared", "right", "left"]):
            lines = order(["plain==1.0", "plain>=1", "left", "right"])
            (lab.folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
            lab.declare("python_requirements: requirements.txt")
            lab.path.unlink(missing_ok=True)
            lab.lock()
            by_file = lab.path.read_text()
            lab.declare(packages=names)
            lab.path.unlink()
            lab.lock()
            texts.add((by_file, lab.path.read_text()))
    assert len(texts) == 1


# --- what is wrong although every part is fine ---


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not on this machine")
def test_a_wheel_compiled_on_a_newer_distribution_is_refused_until_it_is_accepted(lab, tmp_path):
    file = "app-1.0-cp311-cp311-linux_x86_64.whl"
    lab.index.add("simple", file, files={"app/fast.so": compiled(tmp_path, "2.38")})
    lab.declare(packages=["app"])
    assert lab.refused() == (
        f"`app/fast.so` in `{file}` needs the symbol version GLIBC_2.38, and the base image has glibc 2.36",
        (
            "build `app` on an older distribution, or choose a newer `build.base_image`; or accept it with"
            " `build.allow: [glibc]`"
        ),
    )
    assert not lab.path.exists()
    lab.declare("allow: [glibc]", packages=["app"])
    lab.lock()
    assert lab.versions() == {"app": "1.0"}


# --- what the machine's owner sets ---


def test_a_settings_file_says_what_variables_say(lab, monkeypatch, tmp_path):
    names = ["COG_REGISTRY_MIRROR", "COG_TORCH_INDEX", "COG_CACHE_DIR"]
    settings = {name: os.environ[name] for name in names}
    for name in names:
        monkeypatch.delenv(name)
    lines = [f'{name.removeprefix("COG_").lower()} = "{value}"\n' for name, value in settings.items()]
    file = tmp_path / "config/cogfreeze/settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("".join(lines))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    lab.index.add("cpu", "torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl")
    lab.declare(packages=["torch==2.6.0"])
    lab.lock()
    assert [wheel.index for wheel in lab.locked.python.wheels] == ["pytorch-cpu"]
    assert lab.locked.base.unconfirmed == ()
    assert (tmp_path / "cache").is_dir()

    file.write_text("".join(lines) + 'debian_snapshots = "https://mirror.example"\n')
    talk = lab.lock("--upgrade", status=2).talk
    assert talk == [
        f"error[CF110]: {file}:4: there is no setting `debian_snapshots`",
        "hint: did you mean `debian_snapshot`?",
    ]


# --- when the network is not there ---


@needs_apt
def test_an_archive_that_cannot_be_reached_names_the_variable_for_a_mirror(lab, monkeypatch):
    lab.declare(system=["tool"])
    monkeypatch.setenv("COG_DEBIAN_SNAPSHOT", NOWHERE)
    message, hint = lab.refused()
    assert re.fullmatch(
        r"cannot reach http://127\.0\.0\.1:9/debian\S*/InRelease: the connection was refused", message
    )
    assert hint == (
        "check that the address is right and the network is up; or set `COG_DEBIAN_SNAPSHOT` to a mirror"
    )


def test_a_registry_that_cannot_be_reached_names_the_variable_for_a_mirror(lab, monkeypatch):
    monkeypatch.setenv("COG_REGISTRY_MIRROR", NOWHERE)
    lab.declare("base_image: debian:unheard-of")
    message, hint = lab.refused()
    assert message == (
        "cannot reach http://127.0.0.1:9/v2/library/debian/manifests/unheard-of: the connection was refused"
    )
    assert hint == (
        "check that the address is right and the network is up; or set `COG_REGISTRY_MIRROR` to a mirror."
        " The catalogue has no `debian:unheard-of`"
    )


def test_a_lock_of_schema_1_is_current_and_cog_lock_upgrades_it(lab, monkeypatch):
    """It gains what each package requires; versions and files stay, and without a network so does the lock."""
    lab.index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib>=1"])
    lab.index.add("simple", "lib-1.0-py3-none-any.whl")
    lab.declare(packages=["app"])
    lab.lock()
    new = lab.path.read_text()
    old = new.replace("schema = 2", "schema = 1").replace(', requires = ["lib>=1"]', "")
    lab.path.write_text(old)
    lab.index.add("simple", "lib-2.0-py3-none-any.whl")

    lab.lock("--check")
    assert lab.path.read_text() == old
    talk = lab.lock().talk
    assert "the lock has schema 1: it is written in schema 2, which records what each package requires" in talk
    assert lab.path.read_text() == new


def git(*words):
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *words], check=True, capture_output=True)


@pytest.fixture
def branched(lab):
    """A repository whose lock has an old numba and an old numpy, with a line between them."""
    lab.index.add("simple", "numba-0.50.0-py3-none-any.whl", requires=["numpy"])
    lab.index.add("simple", "numba-0.61.0-py3-none-any.whl", requires=["numpy<2.2"])
    for version in ("2.1.3", "2.4.6"):
        lab.index.add("simple", f"numpy-{version}-py3-none-any.whl")
    lab.index.add("simple", "number_between-1.0-py3-none-any.whl")
    lab.declare(packages=["numba", "number-between", "numpy"])
    lab.lock("--upgrade-package", "numba==0.50.0", "--upgrade-package", "numpy==2.1.3")
    git("init", "-q", "-b", "main")
    git("add", "cog.yaml", "cog.lock", "predict.py")
    git("commit", "-qm", "first")
    return lab


def merge(lab, *commands):
    """Run each `cog lock` on a branch of its own, and merge the branches without a conflict."""
    for number, words in enumerate(commands):
        git("checkout", "-q", "-b", f"branch-{number}", "main")
        lab.lock(*words)
        git("commit", "-qam", f"branch {number}")
    git("checkout", "-q", "main")
    for number, _ in enumerate(commands):
        git("merge", "-q", f"branch-{number}")


def line_of(lab, name):
    lines = lab.path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f'{{name = "{name}"' in line)


def test_a_clean_merge_of_two_good_locks_that_do_not_fit_is_refused_by_every_verb(branched, capsys):
    """Each branch moved one package. git sees no conflict, and the image would fail at `import numba`."""
    merge(branched, ["--upgrade-package", "numpy"], ["--upgrade-package", "numba==0.61.0"])
    assert branched.versions() == {"numba": "0.61.0", "number-between": "1.0", "numpy": "2.4.6"}
    message = (
        f"the locked packages do not fit together: cog.lock:{line_of(branched, 'numba')}: `numba` 0.61.0 requires"
        f" `numpy<2.2`, and cog.lock:{line_of(branched, 'numpy')} has `numpy` 2.4.6"
    )
    for verb in (["lock", "--check"], ["dockerfile"], ["build"], ["serve", "--local"], ["predict", "--local"]):
        capsys.readouterr()
        assert main(verb) == 1
        assert f"error[CF202]: {message}\n" in capsys.readouterr().err

    talk = branched.lock().talk
    assert (
        "`numba` 0.61.0 requires `numpy<2.2`, and the lock has `numpy` 2.4.6: they are resolved together again"
        in talk
    )
    branched.lock("--check")
    fitting = branched.versions()
    assert fitting in (
        {"numba": "0.61.0", "number-between": "1.0", "numpy": "2.1.3"},
        {"numba": "0.50.0", "number-between": "1.0", "numpy": "2.4.6"},
    )


def test_a_clean_merge_of_two_good_locks_that_fit_is_current(branched):
    branched.index.add("simple", "number_between-2.0-py3-none-any.whl")
    merge(branched, ["--upgrade-package", "number-between"])
    branched.lock("--check")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("numpy-2.1.3", "numpy-2.1.2"), "`numpy==2.1.3` is declared, and cog.lock:{} has `numpy` 2.1.2"),
        (None, "`numba` 0.50.0 requires `numpy`, and the lock has no `numpy`"),
    ],
)
def test_a_lock_that_was_edited_to_look_current_is_refused(branched, edit, message):
    branched.declare(packages=["numba", "number-between", *(["numpy==2.1.3"] if edit else [])])
    branched.lock()
    text = branched.path.read_text()
    if edit:
        text = text.replace(*edit).replace('version = "2.1.3"', 'version = "2.1.2"')
    else:
        text = "".join(line for line in text.splitlines(keepends=True) if '{name = "numpy"' not in line)
    branched.path.write_text(text)
    said, _hint = branched.refused("--check")
    assert message.format(line_of(branched, "numpy") if edit else "") in said


def test_json_of_a_lock_that_does_not_fit_names_each_clash(branched):
    merge(branched, ["--upgrade-package", "numpy"], ["--upgrade-package", "numba==0.61.0"])
    (reason,) = json.loads(branched.lock("--check", "--json", status=1).out)["reasons"]
    assert "`numba` 0.61.0 requires `numpy<2.2`" in reason


def test_a_local_wheel_that_was_rebuilt_under_its_name_makes_the_lock_stale(lab, capsys):
    """Whatever the cache has: the bytes in the project are what counts, for every verb."""
    (lab.folder / "wheels").mkdir()
    path = lab.folder / "wheels/app-1.0-py3-none-any.whl"
    path.write_bytes(wheel(path.name))
    lab.index.add("simple", "lib-1.0-py3-none-any.whl")
    lab.declare(packages=["./wheels/app-1.0-py3-none-any.whl"])
    lab.lock()
    lab.lock("--check")

    path.write_bytes(wheel(path.name, requires=["lib"]))
    for verb in (["lock", "--check"], ["dockerfile"], ["build"], ["serve", "--local"]):
        capsys.readouterr()
        assert main(verb) == 1
        text = "cog.lock is stale: the file `wheels/app-1.0-py3-none-any.whl` has changed"
        assert f"error[CF201]: {text}\n" in capsys.readouterr().err

    talk = lab.lock().talk
    assert "the file `wheels/app-1.0-py3-none-any.whl` has changed: it is locked again" in talk
    assert lab.versions() == {"app": "1.0", "lib": "1.0"}
    assert lab.locked.python.wheels[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    lab.lock("--check")


def test_a_local_folder_whose_code_or_dependencies_changed_makes_the_lock_stale(lab):
    for name in ("lib", "other"):
        lab.index.add("simple", f"{name}-1.0-py3-none-any.whl")
    lab.index.add("simple", "backend-1.0-py3-none-any.whl", files={"backend.py": BACKEND})
    write(lab.folder / "libs/app")
    (lab.folder / "requirements.txt").write_text("-e ./libs/app\n")
    lab.declare("python_requirements: requirements.txt", "allow_sdist: [app]")
    lab.lock()
    first = lab.locked.python
    (lab.folder / "libs/app/app.py").write_text("changed = True\n")
    assert lab.refused("--check")[0].endswith("the folder `libs/app` of `app` has changed")
    lab.lock()
    second = lab.locked.python
    assert (second.wheels, second.build) == (first.wheels, first.build)
    assert second.sources[0].sha256 != first.sources[0].sha256

    write(lab.folder / "libs/app", {**FILES, "pyproject.toml": PYPROJECT.replace('"lib"', '"other"')})
    (lab.folder / "libs/app/PKG-INFO").write_text(
        FILES["PKG-INFO"].replace("Requires-Dist: lib", "Requires-Dist: other")
    )
    lab.lock("--check", status=1)
    lab.lock()
    assert lab.versions() == {"other": "1.0"}
    lab.lock("--check")


def test_source_whose_name_only_its_metadata_tells_is_current_once_it_is_locked(lab):
    lab.index.add("simple", "lib-1.0-py3-none-any.whl")
    lab.index.add("simple", "computed-1.0-py3-none-any.whl", files={"computed.py": COMPUTED})
    write(lab.folder / "libs/app", {**FILES, "pyproject.toml": DYNAMIC})
    (lab.folder / "requirements.txt").write_text("./libs/app\n")
    lab.declare("python_requirements: requirements.txt")
    assert "`app` 1.0 is locked from source" in "\n".join(lab.lock().talk)
    lab.lock("--check")
    assert [(each.name, each.version) for each in lab.locked.python.sources] == [("app", "1.0")]


def test_what_the_project_itself_depends_on_is_part_of_freshness(lab):
    for name in ("lib", "tool"):
        lab.index.add("simple", f"{name}-1.0-py3-none-any.whl")
    project = '[project]\nname = "mine"\nversion = "1"\ndependencies = ["lib"{}]\n'
    (lab.folder / "pyproject.toml").write_text(project.format(""))
    (lab.folder / "requirements.txt").write_text("-e .\n")
    lab.declare("python_requirements: requirements.txt")
    lab.lock()
    lab.lock("--check")
    (lab.folder / "pyproject.toml").write_text(project.format(', "tool"'))
    said, hint = lab.refused("--check")
    assert said.endswith("pyproject.toml: `tool` is declared, and the lock has no `tool`")
    assert hint.startswith("run `cog lock`")
    lab.lock()
    assert lab.versions() == {"lib": "1.0", "tool": "1.0"}
    (lab.folder / "pyproject.toml").write_text(project.format(""))
    lab.lock("--check", status=1)
    lab.lock()
    assert lab.versions() == {"lib": "1.0"}
