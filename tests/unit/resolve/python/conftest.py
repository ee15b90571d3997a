import pytest

from cogfreeze.settings import Settings
from tests.unit.resolve.python.index_server import served


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index on loopback that this machine has for its default one, and nothing kept from before."""
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
