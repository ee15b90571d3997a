"""A registry's answers are hashed by us; credentials go where docker would send them, and nowhere else."""

from __future__ import annotations

import base64
import json
import os
import re

import pytest
from docker.auth import INDEX_NAME, INDEX_URL

from cogfreeze.errors import CogError, IntegrityError, NetworkError, ResolveError, UsageError
from cogfreeze.resolve.base.registry import INDEX_MEDIA_TYPES, Reference, Repository
from cogfreeze.settings import Settings
from tests.unit.resolve.loopback import Answer, serving
from tests.unit.resolve.made_registry import Registry, layer

DEFAULT = INDEX_NAME


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry with one image behind an index, and no credentials of this machine."""
    made = Registry()
    amd64 = made.image("library/python", "amd64", layer({"a": "b"}))
    made.index("library/python", "3.11", linux_amd64=amd64)
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with serving(made) as (url, log):
        made.url, made.log = url, log
        yield made


@pytest.fixture
def ask(registry, tmp_path):
    """Get a tag's document: by default through the mirror, or with a reference's own host."""

    def run(text="python:3.11", **settings):
        settings = Settings(cache=tmp_path, **{"registry_mirror": registry.url, **settings})
        reference = Reference.parse(text)
        with Repository(reference, settings) as repository:
            return repository.manifest(reference.digest or reference.tag)

    return run


def refused(ask, *arguments, error=CogError, **settings):
    with pytest.raises(error) as caught:
        ask(*arguments, **settings)
    return caught.value


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "name"),
    [
        ("python", None, "library/python", "latest", "python:latest"),
        ("python:3.11-slim", None, "library/python", "3.11-slim", "python:3.11-slim"),
        ("nvidia/cuda:12", None, "nvidia/cuda", "12", "nvidia/cuda:12"),
        (f"{DEFAULT}/library/python:3", None, "library/python", "3", f"{DEFAULT}/library/python:3"),
        (f"{DEFAULT}/python:3", None, "library/python", "3", f"{DEFAULT}/python:3"),
        ("localhost/x", "localhost", "x", "latest", "localhost/x:latest"),
        ("localhost:5000/a/b:c", "localhost:5000", "a/b", "c", "localhost:5000/a/b:c"),
        ("registry.example.com/x", "registry.example.com", "x", "latest", "registry.example.com/x:latest"),
        (f"python@sha256:{'0' * 64}", None, "library/python", None, "python"),
        (f"h:1/x:y@sha256:{'0' * 64}", "h:1", "x", "y", "h:1/x:y"),
    ],
)
def test_a_reference_means_what_docker_takes_it_for(text, host, repository, tag, name):
    parsed = Reference.parse(text)
    assert (parsed.host, parsed.repository, parsed.tag, parsed.name) == (host, repository, tag, name)
    assert parsed.digest == (f"sha256:{'0' * 64}" if "@" in text else None)


def test_the_digest_is_of_the_bytes_that_came(ask, registry):
    document = ask()
    assert document.media_type in INDEX_MEDIA_TYPES
    _, body = registry.manifests["library/python:3.11"]
    assert document.content == json.loads(body)
    assert f"library/python@{document.digest}" in registry.manifests
    assert "application/vnd.oci.image.index.v1+json" in registry.log[0].headers["accept"]


def test_bytes_that_differ_from_the_registrys_own_digest_are_refused(ask, registry):
    registry.headers["Docker-Content-Digest"] = f"sha256:{'1' * 64}"
    error = refused(ask, error=IntegrityError)
    assert re.fullmatch(
        rf"the registry's manifest of `python:3.11` has the digest sha256:[0-9a-f]{{64}}, not sha256:{'1' * 64}",
        str(error),
    )
    assert error.hint == "the registry, a mirror or a proxy changed it"


def test_other_bytes_than_those_of_the_digest_asked_for_are_refused(ask, registry):
    digest = ask().digest
    registry.changed[digest] = b"{}"
    registry.headers["Docker-Content-Digest"] = ""
    assert "has the digest sha256:44136fa355b3" in str(refused(ask, f"python@{digest}", error=IntegrityError))


def test_a_tag_that_is_not_there_is_named(ask, registry):
    error = refused(ask, "python:3.99", error=ResolveError)
    assert str(error) == "the registry has no `python:3.99`"
    assert error.hint == "check the name and tag; a mirror may not have every image"


def test_a_token_is_fetched_where_the_registry_says_and_brought_along(ask, registry):
    registry.token = "secret-token"
    assert ask().digest
    assert [each.path.partition("?")[0] for each in registry.log] == [
        "/v2/library/python/manifests/3.11", "/token", "/v2/library/python/manifests/3.11"
    ]  # fmt: skip
    assert "authorization" not in registry.log[1].headers


def test_docker_logins_credentials_are_shown_to_the_token_service(ask, registry, tmp_path):
    registry.token, registry.user = "secret-token", "me:pass"
    host = registry.url.removeprefix("http://")
    auths = {host: {"auth": "bWU6cGFzcw=="}}
    (tmp_path / "docker/config.json").write_text(json.dumps({"auths": auths}))
    assert ask(f"{host}/library/python:3.11").digest


def test_an_identity_token_is_exchanged(ask, registry, tmp_path):
    registry.token = "secret-token"
    host = registry.url.removeprefix("http://")
    auths = {host: {"auth": "", "identitytoken": "long-lived"}}
    (tmp_path / "docker/config.json").write_text(json.dumps({"auths": auths}))
    assert ask(f"{host}/library/python:3.11").digest
    assert registry.posted == {
        "grant_type": ["refresh_token"], "refresh_token": ["long-lived"], "client_id": ["cogfreeze"],
        "service": ["registry"], "scope": ["repository:x:pull"],
    }  # fmt: skip


def test_a_credential_helper_is_asked(ask, registry, tmp_path, monkeypatch):
    registry.basic = "me:pass"
    host = registry.url.removeprefix("http://")
    helper = tmp_path / "docker-credential-made"
    helper.write_text('#!/bin/sh\ncat > /dev/null\necho \'{"Username": "me", "Secret": "pass"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "docker/config.json").write_text(json.dumps({"credHelpers": {host: "made"}}))
    assert ask(f"{host}/library/python:3.11").digest


def test_a_credential_helper_that_fails_matters_only_where_credentials_are_wanted(ask, registry, tmp_path):
    host = registry.url.removeprefix("http://")
    (tmp_path / "docker/config.json").write_text(json.dumps({"credHelpers": {host: "nonesuch"}}))
    registry.token = "for everybody"
    assert ask(f"{host}/library/python:3.11").digest
    registry.user = "me:pass"
    error = refused(ask, f"{host}/library/python:3.11", error=ResolveError)
    assert error.hint.startswith(
        f"check the name; if it is private, run `docker login {host}` (docker's credentials can't be read: "
    )


@pytest.mark.parametrize("way", ["token", "basic"])
def test_an_image_that_may_not_be_read_names_the_login(ask, registry, way):
    registry.token, registry.user = ("t", "me:pass") if way == "token" else (None, None)
    registry.basic = "me:pass" if way == "basic" else None
    host = registry.url.removeprefix("http://")
    error = refused(ask, f"{host}/library/python:3.11", error=ResolveError)
    assert (
        str(error) == f"`{host}/library/python:3.11` does not exist at `{host}`, or this machine may not read it"
    )
    assert error.hint == f"check the name; if it is private, run `docker login {host}`"
    assert refused(ask, error=ResolveError).hint == error.hint  # the mirror is that host


@pytest.mark.parametrize("way", ["token", "basic"])
def test_a_mirror_gets_its_own_credentials_and_never_docker_hubs(ask, registry, tmp_path, way):
    registry.token, registry.user = ("t", "me:pass") if way == "token" else (None, None)
    registry.basic = "me:pass" if way == "basic" else None
    given = {"auth": base64.b64encode(b"me:pass").decode()}
    config = tmp_path / "docker/config.json"
    config.write_text(json.dumps({"auths": {INDEX_URL: given}}))
    refused(ask, error=ResolveError)
    assert not any("authorization" in each.headers for each in registry.log)
    config.write_text(json.dumps({"auths": {registry.url.removeprefix("http://"): given}}))
    assert ask().digest


def test_a_token_is_not_carried_to_another_host(ask, registry):
    """A blob's answer may redirect to a store elsewhere: the token stays here."""
    registry.token = "secret-token"
    with serving(lambda _: Answer(body=b"{}")) as (elsewhere, log):
        target = f"{elsewhere.replace('127.0.0.1', 'localhost')}/blob"

        def respond(asked):
            answer = Registry.__call__(registry, asked)
            if "/blobs/" in asked.path and answer.status == 200:
                return Answer(307, headers={"Location": target})
            return answer

        with serving(respond) as (url, _):
            settings = Settings(cache=None, registry_mirror=url)
            with Repository(Reference.parse("python:3.11"), settings) as repository:
                digest = repository.manifest("3.11").content["manifests"][0]["digest"]
                config = repository.manifest(digest).content["config"]["digest"]
                with pytest.raises(IntegrityError) as caught:
                    repository.blob(config)
    assert str(caught.value) == f"the registry's bytes for {config} of `python:3.11` do not match the digest"
    assert [("authorization" in each.headers) for each in log] == [False]


@pytest.mark.parametrize("mirror", ["http://mirror.example.com", "ftp://127.0.0.1", "mirror"])
def test_a_mirror_that_anyone_on_the_way_could_play_is_refused(ask, mirror):
    error = refused(ask, registry_mirror=mirror, error=UsageError)
    assert str(error) == f"`COG_REGISTRY_MIRROR` is not an https address: `{mirror}`"
    assert error.hint == "plain http is allowed only on loopback"


def test_a_token_service_without_tls_gets_no_password(ask, registry):
    registry.token, registry.realm = "t", "http://token.example.com/token"
    assert str(refused(ask, error=UsageError)) == (
        "the registry's token service is not an https address: `http://token.example.com/token`"
    )


def test_a_mirror_stands_in_for_the_default_registry_alone(ask, registry):
    assert refused(ask, "127.0.0.1:1/library/python:3.11", error=NetworkError).message.startswith(
        "cannot reach http://127.0.0.1:1/v2/library/python/manifests/3.11: "
    )
    assert registry.log == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_a_server_that_is_no_registry_is_said_in_words(tmp_path, body):
    with serving(lambda _: Answer(body=body)) as (url, _):
        settings = Settings(cache=tmp_path, registry_mirror=url)
        with (
            Repository(Reference.parse("python:3.11"), settings) as repository,
            pytest.raises(NetworkError) as caught,
        ):
            repository.manifest("3.11")
    assert str(caught.value) == f"{url}/v2/library/python/manifests/3.11 does not answer like a registry"
