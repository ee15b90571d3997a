"""What uv sees of this machine."""

from pathlib import Path

from cogfreeze.resolve.python import uv
from cogfreeze.settings import Settings


def test_uv_sees_where_and_how_to_fetch_and_nothing_that_changes_the_answer():
    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "UV_DEFAULT_INDEX": "a",
        "UV_INDEX": "b",
        "UV_INDEX_TEAM_PASSWORD": "c",
        "UV_KEYRING_PROVIDER": "subprocess",
        "UV_CACHE_DIR": "/cache",
        "UV_HTTP_TIMEOUT": "3",
        "UV_CONSTRAINT": "x",
        "UV_OVERRIDE": "x",
        "UV_RESOLUTION": "lowest",
        "UV_PRERELEASE": "allow",
        "UV_EXCLUDE_NEWER": "2001-01-01",
        "UV_TORCH_BACKEND": "auto",
        "UV_NO_BINARY": "1",
        "UV_PYTHON": "3.8",
        "UV_WORKING_DIR": "/",
        "VIRTUAL_ENV": "/venv",
    }
    settings = Settings(cache=Path("/nowhere"), ca_bundle=Path("/company.pem"))
    assert uv.uv_environment(settings, given) == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "UV_DEFAULT_INDEX": "a",
        "UV_INDEX": "b",
        "UV_INDEX_TEAM_PASSWORD": "c",
        "UV_KEYRING_PROVIDER": "subprocess",
        "UV_CACHE_DIR": "/cache",
        "UV_HTTP_TIMEOUT": "3",
        "SSL_CERT_FILE": "/company.pem",
        "GIT_SSL_CAINFO": "/company.pem",
    }


def test_the_uv_that_runs_is_the_one_that_the_lock_names(tmp_path):
    answer = uv.run_uv(["--version"], folder=tmp_path, settings=Settings(cache=tmp_path))
    assert answer.text.startswith(f"uv {uv.uv_version()} ")
