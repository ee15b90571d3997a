"""Where the server may connect to if a client names the URL: public addresses, and what the operator allowed.

The same policy holds for file inputs, webhooks and redirects. A name is resolved once, and the address that is
then connected to is what is checked; how the client spelt it does not matter.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from functools import partial
from typing import Any, Awaitable, Callable, List, Optional, Sequence, Tuple, Union
from urllib.parse import quote, unquote, urljoin, urlsplit

import msgspec
import trio

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
# Family and socket address, as getaddrinfo gives them.
Resolved = Tuple[int, Tuple[Any, ...]]
Resolver = Callable[[str, int], Awaitable[Sequence[Resolved]]]

HOST = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$")
# Not public, whatever the running Python's `is_global` says (it differs between releases).
NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a public address at which one cloud serves its machines' metadata
        *("::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
        *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
# All global unicast addresses; some networks translate others, such as ::ffff:0:127.0.0.1.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
DNS_THREADS = 64
DNS_TIMEOUT = 10.0
_dns: List[trio.CapacityLimiter] = []
UNSAFE = re.compile(r"[\x00-\x20\\\x7f]")
MAX_URL = 8 * 1024
PATH_SAFE = "%/:=&?~#+!$,;'@()*[]|"


class Refused(Exception):
    """A URL that this server does not follow. The message never says which address the name has."""


class Target(msgspec.Struct, frozen=True):
    """A parsed URL."""

    scheme: str
    host: str
    port: int
    path: str  # with the query, as it stands in a request
    credentials: Optional[Tuple[str, str]]

    @property
    def origin(self) -> Tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.path}"

    def join(self, location: str) -> "Target":
        """Return the target of a redirect from here.

        Raises:
            Refused: see `parse`.
        """
        _check_length(location)
        return parse(urljoin(self.url, location))


def parse(url: str) -> Target:
    """Parse a URL.

    Raises:
        Refused: it is not a plain http or https URL, or too long. What two parsers could read differently is
            refused.
    """
    _check_length(url)
    if UNSAFE.search(url):
        raise Refused("The URL has a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise Refused("The URL is not well-formed") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise Refused("Only http and https URLs are followed")
    if port == 0:
        raise Refused("The URL's port is 0")
    credentials = None
    if parts.username is not None:
        credentials = (unquote(parts.username), unquote(parts.password or ""))
    path = quote(parts.path or "/", safe=PATH_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=PATH_SAFE)
    return Target(scheme, _host(host), port or (443 if scheme == "https" else 80), path, credentials)


def _check_length(url: str) -> None:
    if len(url) > MAX_URL:
        raise Refused(f"The URL has more than {MAX_URL} characters")


def _host(host: str) -> str:
    if len(host) > 255:
        raise Refused("The URL's host is not a host name")
    if ":" in host:
        try:
            if "%" in host:  # a scope, such as %eth0
                raise ValueError
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise Refused("The URL's host is not an IPv6 address") from None
    try:
        ascii_host = host.encode("idna").decode("ascii").rstrip(".").lower()
    except UnicodeError:
        raise Refused("The URL's host is not a host name") from None
    if not HOST.match(ascii_host):
        raise Refused("The URL's host is not a host name")
    return ascii_host


def is_public(address: Address) -> bool:
    """Whether an address is public, also if an IPv6 address stands for an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address not in GLOBAL_UNICAST:
            return False
    if any(address in network for network in NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global


async def resolve(host: str, port: int) -> List[Resolved]:
    """Return the addresses of a host, from the system's resolver.

    Raises:
        OSError: there are none, or they take too long.
    """
    # Threads of their own: slow names must not keep files from being read and written.
    if not _dns:
        _dns.append(trio.CapacityLimiter(DNS_THREADS))
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    with trio.move_on_after(DNS_TIMEOUT):
        found = await trio.to_thread.run_sync(look_up, limiter=_dns[0], abandon_on_cancel=True)
        return [(family, address) for family, _, _, _, address in found]
    raise OSError(errno.ETIMEDOUT, "the host name could not be resolved in time")


class Guard:
    """The policy of one server.

    Args:
        allow: hosts and CIDRs that are allowed besides public addresses.
        resolver: how names become addresses.
    """

    def __init__(self, allow: Sequence[str] = (), resolver: Resolver = resolve) -> None:
        self._hosts = set()
        self._networks = []
        self._resolver = resolver
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._hosts.add(entry.lower())

    def allows(self, address: Address) -> bool:
        return is_public(address) or any(
            address in network for network in self._networks if network.version == address.version
        )

    def _allows_text(self, text: str) -> bool:
        # An address with a scope (%eth0) is link-local.
        return "%" not in text and self.allows(ipaddress.ip_address(text))

    def precheck(self, url: str) -> Target:
        """Parse a URL, and refuse what can be refused without resolving its host.

        Raises:
            Refused: it can never be allowed.
        """
        target = parse(url)
        if target.host in self._hosts:
            return target
        if target.host == "localhost" and not self.allows(ipaddress.ip_address("127.0.0.1")):
            raise Refused("The URL leads to an address that is not public")
        literal = _literal(target.host)
        if literal is not None and not self.allows(literal):
            raise Refused("The URL leads to an address that is not public")
        return target

    async def resolve(self, target: Target) -> List[Resolved]:
        """Return all addresses of a target that the operator named."""
        return list(await self._resolver(target.host, target.port))

    async def addresses(self, target: Target) -> List[Resolved]:
        """Resolve a target, and return those of its addresses that are allowed.

        Raises:
            Refused: none is.
            OSError: the name cannot be resolved.
        """
        found = await self.resolve(target)
        if target.host in self._hosts:
            return found
        allowed = [(family, address) for family, address in found if self._allows_text(address[0])]
        if not allowed:
            raise Refused("The URL leads to an address that is not public")
        return allowed


def _literal(host: str) -> Optional[Address]:
    """Return the address that a host spells, in any form that resolvers accept (127.1, 0x7f000001)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
