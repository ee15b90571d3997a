"""The server that the playground stands in front of."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cogfreeze.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

# Seconds to connect, and for answers that involve no model.
CONNECT = 10.0
PROMPT = 30.0
_METHOD_NOT_ALLOWED = 405


class Target:
    """One server.

    Args:
        url: `http://host:port`, or with a path that all of its routes are below.

    Attributes:
        polls: whether it answers `GET /predictions/{id}`; Cog's own server does not.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.polls = False

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return (urlsplit(self.url).hostname or "") in ("127.0.0.1", "localhost", "::1")

    def _session(self) -> requests.Session:
        """Return a session of its own for each request: threads share none, and nor do cookies."""
        import requests

        session = requests.Session()
        if self.is_loopback:
            # Never use a proxy for a loopback address.
            session.trust_env = False
        return session

    def check(self) -> None:
        """Find out whether a prediction server is there, and what it can do.

        Raises:
            NetworkError: nothing answers, or something else does.
        """
        import requests

        try:
            web = self._session()
            answer = web.get(f"{self.url}/openapi.json", timeout=(CONNECT, PROMPT))
            asked = web.get(f"{self.url}/predictions/{secrets.token_hex(16)}", timeout=(CONNECT, PROMPT))
        except requests.RequestException as error:
            raise NetworkError(
                f"nothing answers at `{self.url}`: {_reason(error)}",
                hint="start the server first, for example with `cog serve`, or name another with `--target`",
            ) from None
        if not _has_inputs(answer):
            raise NetworkError(
                f"`{self.url}` is not a server of predictions: GET /openapi.json answered {answer.status_code}"
                " without a description of inputs",
                hint="name the address of a server that speaks Cog's protocol; if its model is still starting, try"
                " again",
            )
        self.polls = asked.status_code != _METHOD_NOT_ALLOWED

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> requests.Response:
        """Pass a request on and return the answer, whose body has not been read.

        Raises:
            requests.RequestException: it does not answer.
        """
        return self._session().request(
            method,
            self.url + path,
            headers=headers,
            data=body,
            stream=True,
            allow_redirects=False,
            timeout=(CONNECT, None),
        )


def _has_inputs(answer: requests.Response) -> bool:
    try:
        document: Any = answer.json()
        schemas = document["components"]["schemas"]
        return answer.status_code == 200 and bool({"Input", "TrainingInput"} & set(schemas))
    except (ValueError, KeyError, TypeError):
        return False


def _reason(error: Exception) -> str:
    """Return the last part of requests' nested messages: `Connection refused`."""
    text = str(error)
    return (
        text.rpartition("] ")[2].strip("')\" ") if "] " in text else text.partition("(")[0].strip() or "no answer"
    )
