"""The cache: what is unused goes, what is in use stays, and nothing of anybody else's is touched."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cogfreeze.errors import CogError
from cogfreeze.local import cache
from cogfreeze.settings import Settings

ROOT = Path(__file__).parents[3]
OLD, RECENT = 40 * cache.DAY, 20 * cache.DAY


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=tmp_path / "cache")


def environment(settings, name, age):
    """An environment that was last used `age` seconds ago."""
    home = settings.cache / "envs" / (name * 32)
    (home / "venv").mkdir(parents=True)
    (home / "venv" / "file").write_bytes(b"x" * 5000)
    used = home.with_name(f"{home.name}.use")
    used.touch()
    then = time.time() - age
    os.utime(used, (then, then))
    return home


def download(settings, name, age):
    folder = settings.cache / "sha256" / (name * 64)
    folder.mkdir(parents=True)
    (folder / "a.whl").write_bytes(b"y" * 9000)
    then = time.time() - age
    os.utime(folder / "a.whl", (then, then))
    return folder


def test_what_was_not_used_for_30_days_goes_and_the_rest_stays(settings):
    old, recent = environment(settings, "a", OLD), environment(settings, "b", RECENT)
    unread, read = download(settings, "c", OLD), download(settings, "d", RECENT)
    removed = cache.prune(settings, days=30)
    assert not old.exists()
    assert not unread.exists()
    assert (recent / "venv" / "file").exists()
    assert (read / "a.whl").exists()
    assert removed.entries == 2
    assert removed.size >= 14000
    assert [each.name for each in (settings.cache / "envs").iterdir() if "removed" in each.name] == []


HOLDER = """
import sys, time
from pathlib import Path
from cogfreeze.local import cache
from cogfreeze.settings import Settings
settings = Settings(cache=Path(sys.argv[1]))
cache.hold(settings)
cache.use(settings.cache / "envs" / ("a" * 32))
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_run(settings):
    """Another process that uses the environment `a`; it ends when its stdin is closed."""
    command = [sys.executable, "-c", HOLDER, str(settings.cache)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holding\n"
    yield process
    process.communicate(timeout=60)


def test_what_another_run_uses_is_neither_pruned_nor_cleaned(settings, other_run):
    home = environment(settings, "a", OLD)
    os.utime(home.with_name(f"{home.name}.use"), (0, 0))
    assert cache.prune(settings, days=30).kept == (home,)
    with pytest.raises(CogError, match="another run of cog is using the cache"):
        cache.clean(settings)
    assert (home / "venv" / "file").exists()
    other_run.communicate(timeout=60)
    assert cache.prune(settings, days=30).kept == ()
    assert not home.exists()


def test_a_server_that_takes_the_place_of_its_starter_keeps_its_environment(settings):
    """`cog serve --local` becomes the server by exec; the lock lives on in it."""
    home = environment(settings, "a", OLD)
    code = HOLDER.replace(
        'print("holding", flush=True)\nsys.stdin.read()',
        "import os\nos.execv(sys.executable, [sys.executable, '-c', \"print('holding', flush=True); input()\"])",
    )
    command = [sys.executable, "-c", code, str(settings.cache)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holding\n"
    os.utime(home.with_name(f"{home.name}.use"), (0, 0))
    assert cache.prune(settings, days=30).kept == (home,)
    process.communicate(b"\n", timeout=60)
    assert cache.prune(settings, days=30).entries == 1


def test_cleaning_leaves_what_is_not_the_caches(settings):
    environment(settings, "a", 0)
    download(settings, "b", 0)
    mine = settings.cache / "envs" / "my notes"
    mine.write_text("mine")
    (settings.cache / "thesis.tex").write_text("mine")
    assert cache.clean(settings).entries == 2
    left = {str(path.relative_to(settings.cache)) for path in settings.cache.rglob("*") if path.is_file()}
    assert left == {"envs/my notes", "thesis.tex", ".in-use"}


def test_a_link_in_the_place_of_a_part_is_not_followed(settings, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ("a" * 32)).mkdir(parents=True)
    settings.cache.mkdir()
    (settings.cache / "envs").symlink_to(elsewhere)
    cache.clean(settings)
    assert (elsewhere / ("a" * 32)).is_dir()


def test_read_only_folders_are_removed_too(settings):
    home = environment(settings, "a", OLD)
    (home / "venv").chmod(0o500)
    cache.prune(settings, days=30)
    assert not home.exists()


def test_a_cache_that_is_not_there_is_clean(settings):
    assert cache.clean(settings).entries == 0
    assert cache.prune(settings, days=30).entries == 0
    assert cache.sizes(settings) == []


def test_sizes_are_told_by_part(settings):
    environment(settings, "a", 0)
    [(part, size)] = cache.sizes(settings)
    assert part.folder == "envs"
    assert 5000 <= size < 100_000


def test_every_folder_of_the_cache_has_a_part():
    known = {part.folder for part in cache.PARTS}
    for path in (ROOT / "cogfreeze").rglob("*.py"):
        for name in re.findall(r"\bcache\s*/\s*f?\"([a-z0-9]+)", path.read_text()):
            assert name in known, (path, name)
