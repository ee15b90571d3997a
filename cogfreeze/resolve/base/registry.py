"""A client of the OCI distribution API that hashes every answer.

The digests that a registry reports are never trusted: manifests, configs and layers are hashed as they arrive.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cogfreeze.errors import IntegrityError, NetworkError, ResolveError, UsageError
from cogfreeze.grammar import IMAGE_REFERENCE
from cogfreeze.resolve.fetch import TIMEOUT, StatusError, explaining_failures, redacted, require_success
from cogfreeze.resolve.fetch import http_session as network_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from cogfreeze.settings import Settings

INDEX_MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*INDEX_MEDIA_TYPES, *_MANIFESTS))
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An image reference, parsed.

    Attributes:
        host: the registry's host and port; None means Docker's default registry.
        repository: `library/python`.
        tag: None if only a digest is given.
        name: `name:tag` (or `name`, if only a digest is given) as written, with `latest` filled in.
    """

    host: str | None
    repository: str
    tag: str | None
    digest: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse `[host/]name[:tag][@sha256:…]`.

        Raises:
            Refused: it is not an image reference; the project's reader checks this first.
        """
        named, _, digest = IMAGE_REFERENCE.check(text).partition("@")
        path, _, tag = named.rpartition(":") if ":" in named.rpartition("/")[2] else (named, "", "")
        first, _, rest = path.partition("/")
        host: str | None = None
        if rest and ("." in first or ":" in first or first == "localhost"):
            host, path = first, rest
        if host is not None and _is_default(host):
            host = None
        if host is None and "/" not in path:
            path = f"library/{path}"
        tag = tag or ("" if digest else "latest")
        name = named if tag == "" or ":" in named.rpartition("/")[2] else f"{named}:{tag}"
        return cls(host=host, repository=path, tag=tag or None, digest=digest or None, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON document of the registry, and the digest of its bytes."""

    digest: str
    media_type: str
    content: Mapping[str, Any]


class Repository:
    """One repository of one registry. Use as a context manager; not for several threads."""

    def __init__(self, reference: Reference, settings: Settings) -> None:
        self._reference = reference
        base = _base(reference, settings)
        self._base = f"{base}/v2/{reference.repository}"
        # Whose credentials to use: a mirror gets its own, never those of the registry that it mirrors.
        mirror = reference.host is None and settings.registry_mirror
        self._login = urlsplit(base).netloc.rpartition("@")[2] if mirror else reference.host
        self._web = network_session(settings)
        self._auth: requests.auth.AuthBase | None = None
        self._trouble = ""  # why docker's credentials could not be read

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()

    def manifest(self, at: str) -> Document:
        """Return the manifest or index of a tag or digest.

        Raises:
            ResolveError: it does not exist, or this machine may not read it.
            IntegrityError: its bytes do not match the requested or the reported digest.
            NetworkError: the registry can't be reached.
        """
        try:
            with self._get(f"manifests/{at}", {"Accept": _ACCEPT}) as answer:
                body = answer.content
        except StatusError as error:
            raise self._refusal(error) from None
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        promised = at if _DIGEST.fullmatch(at) else answer.headers.get("Docker-Content-Digest", digest)
        if _DIGEST.fullmatch(promised) and promised != digest:
            raise IntegrityError(
                f"the registry's manifest of `{self._reference.name}` has the digest {digest}, not {promised}",
                hint="the registry, a mirror or a proxy changed it",
            )
        content = _json(body, answer.url)
        media_type = content.get("mediaType") or answer.headers.get("Content-Type", "").partition(";")[0]
        return Document(digest=digest, media_type=media_type, content=content)

    def blob(self, digest: str) -> Mapping[str, Any]:
        """Return a small JSON blob, such as an image's config.

        Raises:
            IntegrityError: its bytes do not match the digest.
            NetworkError: it can't be fetched.
        """
        with self.open(digest) as (answer, _):
            body = answer.content
        if "sha256:" + hashlib.sha256(body).hexdigest() != digest:
            raise wrong_blob(self._reference, digest)
        return _json(body, answer.url)

    @contextmanager
    def open(self, digest: str) -> Iterator[tuple[requests.Response, Reference]]:
        """Open a blob as a stream. The caller checks the digest (`wrong_blob`)."""
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(
                f"`{self._reference.name}` names a blob by `{digest}`, which is not a SHA-256 digest"
            )
        with self._get(f"blobs/{digest}", {"Accept-Encoding": "identity"}) as answer:
            yield answer, self._reference

    def date(self) -> str | None:
        """Ask the registry whether it is one, and return its `Date` header.

        Raises:
            NetworkError: it can't be reached, or does not answer like a registry.
        """
        url = f"{self._base.partition('/v2/')[0]}/v2/"
        with explaining_failures(url):
            answer = self._web.get(url, timeout=TIMEOUT)
        if answer.status_code != 401:  # that asks for a token, which only a registry does
            require_success(answer)
        return answer.headers.get("Date")

    @contextmanager
    def _get(self, path: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        url = f"{self._base}/{path}"
        with explaining_failures(url):
            answer = self._web.get(url, headers=headers, auth=self._auth, stream=True, timeout=TIMEOUT)
            if answer.status_code == 401:  # no token yet, or an expired one
                challenge = answer.headers.get("WWW-Authenticate", "")
                answer.close()
                self._auth = self._authenticate(challenge)
                answer = self._web.get(url, headers=headers, auth=self._auth, stream=True, timeout=TIMEOUT)
            with answer:
                require_success(answer)
                yield answer

    def _authenticate(self, challenge: str) -> requests.auth.AuthBase | None:
        """Answer the challenge of a 401, with docker's credentials for the registry if there are any."""
        from requests.auth import HTTPBasicAuth

        user, password, identity = self._credentials()
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return HTTPBasicAuth(user, password) if user else None
        parts = dict(_CHALLENGE.findall(rest))
        realm = parts.pop("realm", "")
        if scheme.lower() != "bearer" or not realm:
            return None
        _require_safe(realm, "the registry's token service")
        question = {key: parts[key] for key in ("service", "scope") if key in parts}
        with explaining_failures(realm):
            if identity:
                form = {
                    "grant_type": "refresh_token",
                    "refresh_token": identity,
                    "client_id": "cogfreeze",
                    **question,
                }
                answer = self._web.post(realm, data=form, timeout=TIMEOUT)
            else:
                auth = HTTPBasicAuth(user, password) if user else None
                answer = self._web.get(realm, params=question, auth=auth, timeout=TIMEOUT)
        if answer.status_code in (401, 403):
            raise self._refusal(StatusError("", status=answer.status_code))
        require_success(answer)
        said = _json(answer.content, realm)
        return _bearer(str(said.get("token") or said.get("access_token") or ""))

    def _credentials(self) -> tuple[str, str, str]:
        """Return docker's user, password and identity token for the registry; empty if it has none.

        A broken credential helper is no error, since public images need none; it is mentioned if the registry
        refuses access.
        """
        from docker import auth
        from docker.errors import DockerException

        try:
            with warnings.catch_warnings(action="ignore"):
                found = auth.load_config().resolve_authconfig(self._login) or {}
        except DockerException as error:
            self._trouble = f" (docker's credentials can't be read: {error})"
            found = {}
        found = {key.lower(): value for key, value in found.items()}
        return found.get("username") or "", found.get("password") or "", found.get("identitytoken") or ""

    def _refusal(self, error: StatusError) -> ResolveError | StatusError:
        """Return the error that a failed answer means for the image."""
        name = self._reference.name
        where = "the registry" if self._reference.host is None else f"`{self._reference.host}`"
        if error.status == 404:
            return UnknownImageError(
                f"{where} has no `{name}`", hint="check the name and tag; a mirror may not have every image"
            )
        if error.status in (401, 403):
            login = f"docker login {self._login}" if self._login else "docker login"
            return ResolveError(
                f"`{name}` does not exist at {where}, or this machine may not read it",
                hint=f"check the name; if it is private, run `{login}`{self._trouble}",
            )
        return error


class UnknownImageError(ResolveError):
    """The registry answers and does not have the image."""


def wrong_blob(reference: Reference, digest: str) -> IntegrityError:
    """Return the error of a blob whose bytes do not match its digest."""
    return IntegrityError(
        f"the registry's bytes for {digest} of `{reference.name}` do not match the digest",
        hint="the registry, a mirror or a proxy changed it",
    )


def _base(reference: Reference, settings: Settings) -> str:
    """Return the base URL of a reference's registry; a mirror replaces only the default registry."""
    if reference.host is None:
        if settings.registry_mirror:
            _require_safe(settings.registry_mirror, "`COG_REGISTRY_MIRROR`")
        return settings.registry_mirror or f"https://{_default_host()}"
    return f"{'http' if _is_loopback(reference.host) else 'https'}://{reference.host}"


def _default_host() -> str:
    """The host of Docker's default registry, as Docker's own client names it."""
    from docker.auth import INDEX_URL

    return urlsplit(INDEX_URL).netloc


def _is_default(host: str) -> bool:
    """Return whether a host is the default registry: its domain or a host below it."""
    domain = _default_host().partition(".")[2]
    return host == domain or host.endswith(f".{domain}")


def _require_safe(url: str, what: str) -> None:
    """Refuse plain http to another machine, where an attacker could change digests or read a password."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.netloc.rpartition("@")[2])):
        return
    raise UsageError(
        f"{what} is not an https address: `{redacted(url)}`", hint="plain http is allowed only on loopback"
    )


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _bearer(token: str) -> requests.auth.AuthBase:
    from requests.auth import AuthBase

    class Bearer(AuthBase):
        """A token, as an `auth`, so that netrc does not replace it and redirects do not carry it."""

        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

    return Bearer()


def _json(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise NetworkError(
            f"{redacted(url)} does not answer like a registry",
            hint="check that the address is a registry's",
        )
    return content
