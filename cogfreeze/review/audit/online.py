"""Asking OSV's API: many packages in one request, then each record once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cogfreeze import atomic
from cogfreeze.catalog import addresses
from cogfreeze.errors import NetworkError
from cogfreeze.resolve.fetch import (
    TIMEOUT,
    explaining_failures,
    get_bytes,
    http_session,
    redacted,
    require_success,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import requests

    from cogfreeze.report import Report
    from cogfreeze.review.audit.records import Query
    from cogfreeze.settings import Settings

# The API's own limit.
_BATCH = 1000
_PARALLEL = 12
_PAGES = 50


def lookup(
    queries: Sequence[Query], settings: Settings, report: Report
) -> dict[Query, tuple[dict[str, Any], ...]]:
    """Return the records that the API has of each package's version.

    Raises:
        NetworkError: the API did not answer, or not as OSV does.
    """
    base = (settings.osv_api or addresses.OSV_API).rstrip("/")
    with report.step(f"asking OSV about {len(queries)} packages"), http_session(settings) as web:
        ids: dict[Query, dict[str, str]] = {query: {} for query in queries}
        waiting: list[tuple[Query, str | None]] = [(query, None) for query in queries]
        for _ in range(_PAGES):
            if not waiting:
                break
            batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
            for (query, _token), result in zip(batch, _batch(web, base, batch), strict=True):
                ids[query] |= {
                    str(each["id"]): str(each.get("modified", ""))
                    for each in result.get("vulns") or ()
                    if isinstance(each, dict) and "id" in each
                }
                if token := result.get("next_page_token"):
                    waiting.append((query, str(token)))
        if waiting:
            raise NetworkError(f"{redacted(base)} gave more than {_PAGES} pages", hint="try again later")
        wanted = {name: modified for found in ids.values() for name, modified in found.items()}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            read = pool.map(lambda each: _record(web, base, each[0], each[1], settings.cache), wanted.items())
            by_id = dict(zip(wanted, read, strict=True))
    return {query: tuple(by_id[name] for name in sorted(found)) for query, found in ids.items()}


def _batch(web: requests.Session, base: str, batch: Sequence[tuple[Query, str | None]]) -> list[dict[str, Any]]:
    url = f"{base}/v1/querybatch"
    body = {
        "queries": [
            {"package": {"ecosystem": query.ecosystem, "name": query.name}, "version": query.version}
            | ({"page_token": token} if token else {})
            for query, token in batch
        ]
    }
    with explaining_failures(url):
        answer = web.post(url, json=body, timeout=TIMEOUT)
        require_success(answer)
    results = _json(answer.content, url).get("results")
    if not isinstance(results, list) or len(results) != len(batch):
        raise NetworkError(f"{redacted(url)} did not answer every question", hint="check `COG_OSV_API`")
    return [each if isinstance(each, dict) else {} for each in results]


def _record(web: requests.Session, base: str, name: str, modified: str, cache: Path) -> dict[str, Any]:
    kept = cache / "osv/records" / quote(name, safe="") / f"{quote(modified, safe='')}.json"
    with suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(kept.read_bytes())
        return known
    url = f"{base}/v1/vulns/{quote(name, safe='')}"
    content = get_bytes(web, url)
    record = _json(content, url)
    if modified:
        with suppress(OSError):  # kept only to be quicker next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(kept, content)
    return record


def _json(content: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NetworkError(f"{redacted(url)} did not answer as OSV does", hint="check `COG_OSV_API`")
    return found
