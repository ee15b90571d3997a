"""A signed archive on loopback, for the tests that need one."""

from __future__ import annotations

import pytest

from cogfreeze.resolve import openpgp
from cogfreeze.settings import Settings
from tests.unit.resolve.loopback import serving
from tests.unit.resolve.made_archive import SUITES, Archive, Arranged, key


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """The keyring folder in place of cogfreeze's own: it knows the made archive's key alone."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "debian.asc").write_text(str(key().extract_certificate()))
    monkeypatch.setattr(openpgp, "KEYS", folder)
    return folder


@pytest.fixture
def archive(tmp_path, keys):
    """An archive with nothing in it yet, and a client of it."""
    made = Archive(packages={suite: [] for suite in SUITES})
    with serving(made) as (url, log):
        settings = Settings(cache=tmp_path / "cache", debian_snapshot=url)
        yield Arranged(archive=made, settings=settings, url=url, log=log)
