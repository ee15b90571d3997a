"""HTTP sessions: certificates, retries and clear errors.

Proxies and netrc are used as `requests` does. Credentials in an address are never shown.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from cogfreeze.errors import NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from cogfreeze.settings import Settings

# Seconds to connect, and between two reads.
TIMEOUT = (10, 60)
_BUSY = (429, 500, 502, 503, 504)


class StatusError(NetworkError):
    """A server answered with an error status.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(NetworkError):
    """No answer came: unknown host, connection refused, timeout, untrusted certificate."""


def redacted(url: str) -> str:
    """Return an address for messages: without credentials, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def http_session(settings: Settings) -> requests.Session:
    """Return a session that uses the machine's CA certificates and retries transient failures.

    Trust: `COG_CA_BUNDLE`, else `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, else `SSL_CERT_FILE` or the system's
    store, else the certificates that came with `requests`. A request that is answered 429 or 5xx is repeated after
    `Retry-After` (a minute at most) or with growing pauses. Safe for several threads.

    Raises:
        UsageError: `COG_CA_BUNDLE` is not a file.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    if settings.ca_bundle and not settings.ca_bundle.is_file():
        raise UsageError(
            f"`COG_CA_BUNDLE` is not a file: `{settings.ca_bundle}`",
            hint="set it to a file of PEM certificates",
        )

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
            if settings.offline:
                raise UnreachableError(
                    f"not fetched, because of `--offline`: {redacted(str(request.url))}",
                    hint="run it once without `--offline`; what it fetches is cached",
                )
            return super().send(request, **named)

        def merge_environment_settings(self, *arguments: Any, **named: Any) -> Any:
            merged = super().merge_environment_settings(*arguments, **named)
            # `requests` prefers its own variables to the session's bundle; ours is more specific.
            return {**merged, "verify": str(settings.ca_bundle)} if settings.ca_bundle else merged

    made = Session()
    made.verify = _system_store() or True
    retry = Retry(
        total=8,
        connect=1,
        read=2,
        status=5,
        other=0,
        backoff_factor=0.5,
        backoff_max=20,
        backoff_jitter=0.5,
        status_forcelist=_BUSY,
        raise_on_status=False,
        retry_after_max=60,
    )
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=retry, pool_connections=16, pool_maxsize=16))
    made.headers["User-Agent"] = "cogfreeze"
    return made


def _system_store() -> str | None:
    """Return the machine's file or folder of trusted certificates, or None if it has none."""
    store = ssl.get_default_verify_paths()
    if store.cafile or not store.capath:
        return store.cafile
    return store.capath if any(Path(store.capath).glob("*.0")) else None


def get_bytes(web: requests.Session, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the whole body of a URL.

    Raises:
        StatusError: the server answered with 400 or above.
        UnreachableError: no answer came.
    """
    with explaining_failures(url):
        answer = web.get(url, headers=dict(headers or {}), timeout=TIMEOUT)
        require_success(answer)
        return answer.content


def require_success(answer: requests.Response) -> None:
    """Raise StatusError if the answer is an error."""
    if answer.status_code < 400:
        return
    hints = {
        401: "the server requires credentials: add them to your netrc file",
        403: "the server denies access to this machine or these credentials",
        407: "the proxy requires credentials: add them to the address in `HTTPS_PROXY`",
        429: "the server limits the rate of requests: try again later, or use a mirror",
    }
    hint = hints.get(answer.status_code)
    if hint is None and answer.status_code >= 500:
        hint = "the server has a problem: try again later, or use a mirror"
    reason = f" {answer.reason}" if answer.reason else ""
    raise StatusError(
        f"{redacted(answer.url)} answered {answer.status_code}{reason}", status=answer.status_code, hint=hint
    )


@contextmanager
def explaining_failures(url: str) -> Iterator[None]:
    """Turn the exceptions of `requests` in the block into a NetworkError with a clear message."""
    import requests

    try:
        yield
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
    ):
        raise UsageError(
            f"not an HTTP URL: `{redacted(url)}`", hint="it must begin with http:// or https://"
        ) from None
    except requests.RequestException as error:
        what, hint = _words(error)
        # From None: the chained text has the whole address, including credentials.
        raise UnreachableError(f"cannot reach {redacted(url)}: {what}", hint=hint) from None


def _words(error: Exception) -> tuple[str, str]:
    """Return why no answer came, and what to do."""
    import requests
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here", (
            "behind a company proxy, set `COG_CA_BUNDLE` to the file of its certificates"
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer", "check `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`"
    if isinstance(error, requests.exceptions.Timeout):
        return "it timed out", "check the network, or try again later"
    if isinstance(reason, NameResolutionError):
        return "unknown host", "check the address, the network and DNS"
    if isinstance(reason, NewConnectionError):
        return "the connection was refused", "check that the address is right and the network is up"
    return "the connection was lost", "check the network, or try again"
