"""The indexes that uv asks on this machine, and the credentials that they get.

uv has its own knowledge of both; it is read here too, because wheels and their metadata are fetched
by us. Credentials stay in memory: they go to the host that they were given for, and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Of uv's settings, those that say where and how to fetch. The others would change the answer (constraints, dates,
# overrides), and a lock is made from the declaration.
_FETCHING = frozenset(
    {"index", "index-url", "extra-index-url", "find-links", "index-strategy", "keyring-provider"}
    | {"allow-insecure-host", "native-tls", "system-certs", "offline", "no-cache", "cache-dir"}
    | {"concurrent-downloads", "http-proxy", "https-proxy", "no-proxy"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that uv is told of.

    Attributes:
        url: with credentials, if it was written so.
        name: empty where it has none.
        extra: it is asked besides the default one, for every package.
        default: it is asked in place of the public one.
    """

    url: str
    name: str = ""
    extra: bool = False
    default: bool = False


def machine_indexes(folder: Path, environment: Mapping[str, str] = os.environ) -> tuple[Index, ...]:
    """Return the indexes that uv knows when it runs in `folder`: first the environment's, then its files'."""
    return (*_from_environment(environment), *_from_files(uv_configuration(folder, environment)))


def _from_environment(environment: Mapping[str, str]) -> Iterator[Index]:
    for word in environment.get("UV_INDEX", "").split():
        yield replace(_named(word), extra=True)
    for url in environment.get("UV_EXTRA_INDEX_URL", "").split():
        yield Index(url=url, extra=True)
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if default := environment.get(variable):
            yield replace(_named(default), default=True)


def _named(word: str) -> Index:
    found = re.match(r"([\w.-]+)=(?=\w+:)", word)
    return Index(url=word[found.end() :] if found else word, name=found[1] if found else "")


def _from_files(table: Mapping[str, Any]) -> Iterator[Index]:
    for url in table.get("extra-index-url", ()):
        yield Index(url=str(url), extra=True)
    if url := table.get("index-url"):
        yield Index(url=str(url), default=True)
    for entry in table.get("index", ()):
        if isinstance(entry, dict):
            default = bool(entry.get("default"))
            yield Index(
                url=str(entry.get("url", "")),
                name=str(entry.get("name", "")),
                extra=not default and not entry.get("explicit"),
                default=default,
            )


def uv_configuration(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what uv's configuration files say of where and how to fetch, and nothing that they say besides.

    Args:
        folder: where uv would run; the nearest folder above that has a configuration counts, then the user's and
            the system's.
    """
    kept: dict[str, Any] = {}
    for table in _configurations(folder, environment):
        # The older options stand at the top or below `pip`.
        for key, value in {**table, **table.get("pip", {})}.items():
            if key not in _FETCHING:
                continue
            kept[key] = [*kept.get(key, ()), *value] if isinstance(value, list) else kept.get(key, value)
    return kept


def configuration_text(table: Mapping[str, Any]) -> str:
    """Return a configuration as TOML."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if key != "index"]
    for entry in table.get("index", ()):
        lines += ["[[index]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    return "".join(f"{line}\n" for line in lines)


def _configurations(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if environment.get("UV_NO_CONFIG"):
        return
    if named := environment.get("UV_CONFIG_FILE"):
        yield from filter(None, [_table(Path(named))])
        return
    beside = (base / name for base in (folder, *folder.parents) for name in ("uv.toml", "pyproject.toml"))
    yield from islice(filter(None, map(_table, beside)), 1)
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config")
    shared = [Path(each) for each in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    yield from filter(None, map(_table, [home / "uv/uv.toml", *(each / "uv/uv.toml" for each in shared)]))
    yield from filter(None, [_table(Path("/etc/uv/uv.toml"))])


def _table(path: Path) -> dict[str, Any]:
    """Read a configuration file; nothing where there is none, or a broken one."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    for key in ("tool", "uv") if path.name == "pyproject.toml" else ():
        table = table.get(key, {})
        if not isinstance(table, dict):
            return {}
    return table


class Credentials:
    """What to say to which host.

    Args:
        known: the indexes of this machine.
        declared: the addresses in requirements files, in which `${NAME}` stands for a variable.
    """

    def __init__(
        self, known: Iterable[Index], declared: Iterable[str] = (), environment: Mapping[str, str] = os.environ
    ) -> None:
        self._by_host: dict[str, tuple[str, str]] = {}
        for index in (*known, *(Index(url=_expanded(url, environment)) for url in declared)):
            given = _given(index, environment)
            if given:
                self._by_host.setdefault(_host(index.url), given)

    def added_to(self, url: str) -> str:
        """Return the address with its host's credentials, or as it is (`~/.netrc` is read by the session)."""
        parts = urlsplit(url)
        given = self._by_host.get(_host(url))
        if given is None or parts.scheme not in ("http", "https") or parts.username:
            return url
        user = ":".join(quote(each, safe="") for each in given)
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))


def _expanded(url: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([A-Z0-9_]+)\}", lambda found: environment.get(found[1], found[0]), url)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _given(index: Index, environment: Mapping[str, str]) -> tuple[str, str] | None:
    parts = urlsplit(index.url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if index.name:
        variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", index.name.upper())
        user = user or environment.get(f"{variable}_USERNAME", "")
        password = password or environment.get(f"{variable}_PASSWORD", "")
    if user and not password and environment.get("UV_KEYRING_PROVIDER") == "subprocess":
        password = _from_keyring(index.url, user)
    return (user, password) if user or password else None


def _from_keyring(url: str, user: str) -> str:
    """Ask the `keyring` command, as uv does: for the address, then for the host."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    for service in (bare, parts.netloc.rpartition("@")[2]):
        try:
            done = subprocess.run(
                ["keyring", "get", service, user],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return ""
        if done.returncode == 0:
            return done.stdout.rstrip("\n")
    return ""
