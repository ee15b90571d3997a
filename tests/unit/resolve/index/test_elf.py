"""Wheels whose compiled files need a newer glibc than the base image has, whatever their names say."""

import hashlib
import random
import shutil
import sys
import zipfile

import pytest

from cogfreeze.errors import IntegrityError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.resolve.index import elf
from cogfreeze.resolve.python import checks, closure
from tests.unit.resolve.index.compiled import compiled, for_arm, weak
from tests.unit.resolve.index_server import wheel
from tests.unit.resolve.python.test_resolve import Heard

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not on this machine")

BASE = (2, 36)


@pytest.fixture
def locks(tmp_path, settings):
    """Lock a declaration and check it, as `cog lock` does; returns the findings."""

    def lock(*packages, platform="linux/amd64", glibc=BASE, allow=()):
        build = Build(python_version="3.11", python_packages=packages, allow=allow)
        made = closure.resolve_python(
            build, tmp_path, platform, glibc=glibc, settings=settings, report=Heard()
        ).wheels
        return checks.check_closure(
            made, build, tmp_path, platform, glibc=glibc, settings=settings, report=Heard()
        )

    return lock


def put(folder, file, files):
    (folder / file).write_bytes(wheel(file, files=files))
    return f"./{file}"


def whole(index):
    """What was fetched from the index that is no part of a file."""
    return [line for line in index.requests if line.startswith("GET /files") and "bytes=" not in line]


@pytest.fixture
def newer(tmp_path):
    return compiled(tmp_path, "2.38")


def test_a_wheel_of_the_projects_own_is_not_taken_at_its_word(locks, index, tmp_path, newer):
    file = "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    path = put(tmp_path, file, {"app/fine.so": compiled(tmp_path, "2.17"), "app/newer.so": newer})
    (found,) = locks(path)
    assert found == checks.Finding(
        name="glibc",
        message=f"`app/newer.so` in `{file}` needs the symbol version GLIBC_2.38, and the base image has glibc"
        " 2.36",
        hint="build `app` on an older distribution, or choose a newer `build.base_image`",
    )
    with pytest.raises(ResolveError) as caught:
        checks.enforce_checks([found], Heard())
    assert "or accept it with `build.allow: [glibc]`" in caught.value.hint
    assert locks(path, allow=("glibc",)) == []
    assert locks(path, glibc=(2, 38)) == []
    assert locks(path, glibc=None) == []


def test_executables_are_looked_at_too_in_a_wheel_of_the_projects_own(locks, index, tmp_path, newer):
    path = put(tmp_path, "app-1.0-py3-none-any.whl", {"app-1.0.data/scripts/tool": newer})
    assert [each.message.partition(" in ")[0] for each in locks(path)] == ["`app-1.0.data/scripts/tool`"]


@pytest.mark.parametrize("tag", ["cp311-cp311-linux_x86_64", "py3-none-any"])
def test_a_compiled_wheel_whose_name_promises_no_glibc_is_read(locks, index, settings, newer, tag):
    index.add("simple", f"app-1.0-{tag}.whl", files={"app/lib.so.1": newer})
    assert [each.name for each in locks("app")] == ["glibc"]
    # What was read is kept by the wheel's hash.
    assert len(whole(index)) == 1
    index.requests.clear()
    shutil.rmtree(settings.cache / "sha256")
    assert [each.name for each in locks("app")] == ["glibc"]
    assert whole(index) == []


def test_a_wheel_that_an_index_promises_for_a_glibc_is_not_fetched(locks, index, newer):
    file = "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    index.add("simple", file, files={"app/lib.so": newer})
    index.add("simple", "pure-1.0-py3-none-any.whl", files={"pure/a.py": b""})
    assert locks("app", "pure") == []
    assert whole(index) == []


def test_what_the_loader_does_without_is_not_needed(locks, index, tmp_path, newer):
    path = put(tmp_path, "app-1.0-cp311-cp311-linux_x86_64.whl", {"app/lib.so": weak(newer)})
    assert locks(path) == []


def test_packed_relocations_need_the_loader_that_knows_them(locks, index, tmp_path):
    module = compiled(tmp_path, "ABI_DT_RELR")
    path = put(tmp_path, "app-1.0-cp311-cp311-linux_x86_64.whl", {"app/lib.so": module})
    assert locks(path) == []
    assert "GLIBC_2.36" in locks(path, glibc=(2, 31))[0].message


def test_files_for_another_machine_ask_nothing_of_this_one(locks, index, tmp_path, newer):
    path = put(tmp_path, "app-1.0-py3-none-any.whl", {"app/arm.so": for_arm(newer)})
    assert locks(path) == []
    assert [each.name for each in locks(path, platform="linux/arm64")] == ["glibc"]


def test_what_is_no_whole_elf_file_asks_for_nothing(tmp_path, settings, newer):
    """A fuzzer's view: no traceback, no hang."""
    chance = random.Random(1)
    files = {"empty.so": b"", "magic.so": b"\x7fELF", "half.so": newer[: len(newer) // 2]}
    for number in range(200):
        broken = bytearray(newer)
        for _ in range(chance.randint(1, 12)):
            broken[chance.randrange(16, len(broken))] = chance.randrange(256)
        files[f"{number}.so"] = bytes(broken)
    for name, data in files.items():
        path = tmp_path / "app-1.0-py3-none-any.whl"
        path.write_bytes(wheel(path.name, files={name: data}))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert elf.symbol_versions(path, digest, settings) == elf.cached_symbol_versions(digest, settings)


def test_a_damaged_wheel_is_refused_in_words(tmp_path, settings):
    path = tmp_path / "app-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(IntegrityError, match="is not a wheel"):
        elf.symbol_versions(path, "0" * 64, settings)


def test_a_really_built_extension_says_what_readelf_says(tmp_path, settings):
    """An interpreter's own modules were compiled against a real glibc."""
    import subprocess
    import sysconfig
    from pathlib import Path

    binary = next(iter(sorted(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so"))), Path(sys.executable))
    said = subprocess.run(["readelf", "-V", str(binary)], capture_output=True, text=True, check=True).stdout
    wanted = {
        tuple(map(int, word.removeprefix("GLIBC_").split(".")))[:2]
        for line in said.partition("Version needs section")[2].splitlines()
        for word in line.split()
        if word.startswith("GLIBC_2.")
    }
    path = tmp_path / "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(binary, "app/lib.so")
    (found,) = elf.symbol_versions(path, "1" * 64, settings).values()
    assert found.keys() == wanted
