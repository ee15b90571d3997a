"""A signed archive and a package index on loopback, for the tests that need one."""

from __future__ import annotations

import pytest

from cogfreeze.resolve.apt import signatures
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import served
from tests.unit.resolve.loopback import serving
from tests.unit.resolve.made_archive import SUITES, Archive, Arranged, key


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """The keyring folder in place of cogfreeze's own: it knows the made archive's key alone."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "debian.asc").write_text(str(key().extract_certificate()))
    monkeypatch.setattr(signatures, "KEYS", folder)
    return folder


@pytest.fixture
def archive(tmp_path, keys):
    """An archive with nothing in it yet, and a client of it."""
    made = Archive(packages={suite: [] for suite in SUITES})
    with serving(made) as (url, log):
        settings = Settings(cache=tmp_path / "cache", debian_snapshot=url)
        yield Arranged(archive=made, settings=settings, url=url, log=log)


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index on loopback, the default one of this machine, with empty caches."""
    with served() as index:
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        yield index


@pytest.fixture
def settings(tmp_path):
    return Settings(cache=tmp_path / "cache")
