"""What of this machine's uv settings counts: where and how to fetch, and nothing else."""

import os
import ssl
import subprocess
import sys
import tomllib

import pytest

from cogfreeze.errors import NetworkError, ResolveError
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.index import machine
from cogfreeze.resolve.index.machine import Credentials, Index
from cogfreeze.resolve.python import closure
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import served

# What would change a lock, and must not.
DECIDING = (
    'resolution = "lowest"\nexclude-newer = "2001-01-01"\nconstraint-dependencies = ["app<2"]\nno-index = true\n'
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/uv").mkdir(parents=True)
    return tmp_path / "config/uv"


def resolved(folder, settings):
    build = Build(python_version="3.11", python_packages=("app", "lib"))
    made = closure.resolve_python(
        build, folder, "linux/amd64", glibc=None, settings=settings, report=Silent()
    ).wheels
    return {each.name: (each.version, each.index) for each in made}


def test_indexes_of_configuration_files_are_asked_and_their_other_settings_are_not(
    index, settings, tmp_path, home, monkeypatch
):
    for version in ("1.0", "2.0"):
        index.add("simple", f"app-{version}-py3-none-any.whl")
    index.add("team", "lib-1.0-py3-none-any.whl")
    folder = tmp_path / "above/project"
    folder.mkdir(parents=True)
    (folder.parent / "pyproject.toml").write_text("[tool.uv]\n" + DECIDING)
    (home / "uv.toml").write_text(DECIDING + f'[[index]]\nname = "team"\nurl = "{index.url}/team"\n')
    assert resolved(folder, settings) == {"app": ("2.0", "pypi"), "lib": ("1.0", "team")}
    # The default index of a configuration file is the machine's default one: the lock knows no other name for it.
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    (home / "uv.toml").write_text(
        f'[[index]]\nurl = "{index.url}/simple"\ndefault = true\n\n[pip]\nextra-index-url = ["{index.url}/team"]\n'
    )
    assert resolved(folder, settings) == {"app": ("2.0", "pypi"), "lib": ("1.0", "index-1")}


def test_what_is_kept_of_a_configuration_is_written_as_it_was(tmp_path):
    (tmp_path / "uv.toml").write_text(
        DECIDING + 'keyring-provider = "subprocess"\nallow-insecure-host = ["a", "b"]\nsystem-certs = true\n'
        '[[index]]\nname = "a\\"b"\nurl = "https://a/"\nauthenticate = "always"\n[[index]]\nurl = "https://b/"\n'
    )
    kept = machine.uv_configuration(tmp_path, {})
    assert kept == {
        "keyring-provider": "subprocess",
        "allow-insecure-host": ["a", "b"],
        "system-certs": True,
        "index": [{"name": 'a"b', "url": "https://a/", "authenticate": "always"}, {"url": "https://b/"}],
    }
    assert tomllib.loads(machine.configuration_text(kept)) == kept


@pytest.mark.parametrize("text", ["", "index = 3", "tool = 3", "[tool]\nuv = 3", "broken =", "index = [3]", "\0"])
def test_a_broken_configuration_is_uvs_to_complain_of(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert machine.uv_configuration(tmp_path, {"HOME": str(tmp_path)}) == {}


def test_the_environment_says_which_indexes_there_are():
    environment = {
        "UV_INDEX": "https://a/simple team=https://b/simple",
        "UV_EXTRA_INDEX_URL": "https://c/?x=y",
        "UV_DEFAULT_INDEX": "mirror=https://d/simple",
        "UV_NO_CONFIG": "1",
    }
    assert machine.machine_indexes("/nowhere", environment) == (
        Index(url="https://a/simple", extra=True),
        Index(url="https://b/simple", name="team", extra=True),
        Index(url="https://c/?x=y", extra=True),
        Index(url="https://d/simple", name="mirror", default=True),
    )


def test_credentials_go_to_the_host_that_they_were_given_for_and_nowhere_else():
    given = Credentials(
        [Index(url="https://me:p%40ss@a.example/simple"), Index(url="https://b.example:8443/x", name="my-team")],
        ["https://${USER_C}:${TOKEN}@c.example/simple"],
        {"UV_INDEX_MY_TEAM_USERNAME": "you", "UV_INDEX_MY_TEAM_PASSWORD": "s", "USER_C": "c", "TOKEN": "t"},
    )
    assert given.added_to("https://a.example/files/x.whl") == "https://me:p%40ss@a.example/files/x.whl"
    assert given.added_to("https://b.example:8443/x.whl") == "https://you:s@b.example:8443/x.whl"
    assert given.added_to("https://c.example/x.whl") == "https://c:t@c.example/x.whl"
    for other in ("http://a.example/x", "https://a.example.org/x", "https://b.example/x", "file:///a.example/x"):
        assert given.added_to(other) == other
    assert given.added_to("https://own:one@a.example/x") == "https://own:one@a.example/x"


@pytest.mark.parametrize("resolver", ["uv", "pip-tools"])
def test_an_index_with_a_companys_certificate_is_trusted_by_its_bundle(tmp_path, monkeypatch, resolver):
    """The one bundle serves what resolves, what reads wheels' papers, and what fetches."""
    extensions = ("subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
         *(word for each in extensions for word in ("-addext", each)), "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    build = Build(python_version=".".join(map(str, sys.version_info[:2])), python_packages=("app",))
    platform = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[os.uname().machine]

    def lock(**settings):
        own = Settings(cache=tmp_path / "cache", **settings)
        given = {"glibc": (2, 36), "settings": own, "report": Silent(), "resolver": resolver}
        return closure.resolve_python(build, tmp_path, platform, **given).wheels

    with served(context) as index:
        index.add("simple", "app-1.0-py3-none-any.whl")
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        with pytest.raises((NetworkError, ResolveError)):
            lock()
        assert [each.name for each in lock(ca_bundle=tmp_path / "cert.pem")] == ["app"]
