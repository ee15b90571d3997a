"""Which web pages may use the server, and under which names it may be reached.

A page that somebody has open in a browser can send requests to any server that the browser can reach. It may not
change anything here (403), unless it comes from this server itself. A page can also give its own host name the
address of this server (DNS rebinding); where COG_ALLOWED_HOSTS is set, other names are refused.
"""

from __future__ import annotations

import ipaddress
from typing import Dict, Optional, Tuple


def refusal(headers: Dict[bytes, bytes], allowed_hosts: Tuple[str, ...], *, changes: bool) -> Optional[str]:
    """Return why a request is refused; None if it is not.

    Args:
        headers: the request's, with lowercase names.
        allowed_hosts: host names under which the server may be reached; all if empty. Addresses always may.
        changes: whether the request can change anything.
    """
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if allowed_hosts and not _is_allowed(host, allowed_hosts):
        return "This server is not reachable under this host name; see COG_ALLOWED_HOSTS"
    if changes and _is_of_another_site(headers, host):
        return "Requests from web pages of other sites are not accepted"
    return None


def _is_allowed(host: str, allowed: Tuple[str, ...]) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.rstrip(".") in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_of_another_site(headers: Dict[bytes, bytes], host: str) -> bool:
    site = headers.get(b"sec-fetch-site")
    if site is not None:  # today's browsers say so themselves, whatever a proxy does to `Host`
        return site == b"cross-site"
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2].decode("latin-1").lower() != host
