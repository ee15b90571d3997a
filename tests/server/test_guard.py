"""Where the server may connect to on a client's word."""

import ipaddress
import socket

import pytest
import trio
from cogserve.files.guard import Guard, Refused, is_public, parse

PRIVATE = "The URL leads to an address that is not public"


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        "168.63.129.16",
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "fec0::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        *("::ffff:0:7f00:1", "1::1", "4000::1"),
    ],
)
def test_addresses_that_are_not_for_everyone_are_not_public(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]
)
def test_addresses_of_the_open_internet_are_public(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "Only http and https URLs are followed"),
        ("gopher://example.com/", "Only http and https URLs are followed"),
        ("ftp://example.com/", "Only http and https URLs are followed"),
        ("//example.com/", "Only http and https URLs are followed"),
        ("http://a\\@127.0.0.1/", "The URL has a space, a backslash or a control character"),
        ("http://example.com\\.evil/", "The URL has a space, a backslash or a control character"),
        ("http://exa mple.com/", "The URL has a space, a backslash or a control character"),
        ("http://example.com/\r\nHost: x", "The URL has a space, a backslash or a control character"),
        ("http://example.com\t/", "The URL has a space, a backslash or a control character"),
        ("http:///path", "The URL's host is not a host name"),
        ("http://", "The URL's host is not a host name"),
        ("http://exa%6Dple.com/", "The URL's host is not a host name"),
        ("http://-x-/", "The URL's host is not a host name"),
        ("http://[fe80::1%25eth0]/", "The URL's host is not an IPv6 address"),
        ("http://[::1/", "The URL is not well-formed"),
        ("http://example.com:99999/", "The URL is not well-formed"),
        ("http://example.com:0/", "The URL's port is 0"),
    ],
)
def test_a_url_that_two_parsers_could_read_differently_is_refused(url, message):
    with pytest.raises(Refused) as refused:
        parse(url)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
        ),
        *("http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://LOCALHOST./"),
        *("http://169.254.169.254/latest/meta-data/", "http://[::ffff:a9fe:a9fe]/", "https://10.0.0.1:8443/x"),
        "http://user:password@127.0.0.1/",
    ],
)
def test_private_addresses_are_refused_in_every_spelling_before_anything_is_asked(url):
    async def nobody(host, port):
        raise AssertionError("the resolver was asked")

    with pytest.raises(Refused) as refused:
        Guard(resolver=nobody).precheck(url)

    assert str(refused.value) == PRIVATE


def answering(*addresses):
    async def resolver(host, port):
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ipaddress.ip_address(text).version], (text, port)) for text in addresses]

    return resolver


def test_a_name_that_resolves_to_private_addresses_is_refused():
    guard = Guard(resolver=answering("10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"))

    with pytest.raises(Refused) as refused:
        trio.run(guard.addresses, parse("http://internal.example.com/"))

    assert str(refused.value) == PRIVATE


def test_of_a_name_with_public_and_private_addresses_only_the_public_are_connected_to():
    guard = Guard(resolver=answering("10.0.0.1", "1.1.1.1"))

    assert trio.run(guard.addresses, parse("http://example.com/")) == [(socket.AF_INET, ("1.1.1.1", 80))]


def test_an_operator_opens_hosts_and_networks():
    guard = Guard(["files.internal", "10.0.0.0/8", "::1"], answering("10.0.0.1"))

    assert trio.run(guard.addresses, parse("http://files.internal:81/"))[0][1] == ("10.0.0.1", 81)
    assert trio.run(guard.addresses, parse("http://other.example.com/"))[0][1] == ("10.0.0.1", 80)
    assert guard.precheck("http://[::1]/").host == "::1"
    with pytest.raises(Refused):
        guard.precheck("http://127.0.0.1/")


def test_the_system_resolver_turns_decimal_forms_into_addresses_that_are_judged():
    """The forms that only some resolvers know are refused after resolving too, not just by their spelling."""
    with pytest.raises(Refused):
        trio.run(Guard().addresses, parse("http://2130706433/"))


def test_a_url_keeps_its_path_query_and_host():
    target = parse("https://Example.COM.:8443/a b/ü?x=1&y=%20#part".replace(" ", "%20"))

    assert target.host == "example.com"
    assert target.host_header == "example.com:8443"
    assert target.path == "/a%20b/%C3%BC?x=1&y=%20"
    assert target.join("../c?d").url == "https://example.com:8443/c?d"


def test_credentials_are_taken_out_of_the_host():
    target = parse("https://user:p%40ss@example.com/")

    assert (target.host, target.credentials) == ("example.com", ("user", "p@ss"))


def test_an_international_name_is_asked_for_in_ascii():
    assert parse("https://bücher.example/").host == "xn--bcher-kva.example"
