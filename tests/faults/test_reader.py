"""The reader of HTTP/1.1: whatever comes, in whatever pieces, it gives the same requests or refuses."""

import pytest
from cogserve.http.reader import Reader
from hypothesis import example, given, settings
from hypothesis import strategies as st

HEAD = b"POST /predictions?x=1 HTTP/1.1\r\nHost: x\r\n"
PIECES = st.sampled_from(
    [
        HEAD + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nTrailer: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Upgrade: websocket\r\nTransfer-Encoding: chunked\r\nConnection: close, upgrade\r\n\r\n0\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"0\r\n\r\n",
        b" ",
        b"\x00",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=20), max_size=6).map(b"".join)


def read(pieces):
    """Return the requests that come of some bytes, and whether the rest was refused."""
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    found = [
        (one.method, one.target, one.version, one.headers, b"".join(one.body), one.complete, one.keep_alive)
        for one in reader.ready
    ]
    return found, reader.bad is not None


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.lists(st.integers(1, 40), max_size=20))
@example(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [])
def test_the_pieces_make_no_difference(stream, cuts):
    whole = read([stream])

    assert read([stream[index : index + 1] for index in range(len(stream))]) == whole
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    assert read([*pieces, stream[at:]]) == whole


@settings(max_examples=300, deadline=None)
@given(STREAMS)
def test_each_request_that_is_given_has_one_host_and_one_length(stream):
    for _, _, version, headers, _, _, _ in read([stream])[0]:
        names = [name for name, _ in headers]
        assert names.count(b"host") == 1 or (version == "1.0" and not names.count(b"host"))
        assert names.count(b"content-length") <= 1
        assert not (b"content-length" in names and b"transfer-encoding" in names)


@pytest.mark.parametrize("count", [1100, 5000])
def test_more_requests_at_once_than_anyone_needs_are_refused(count):
    assert read([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * count])[1]


def test_a_header_that_does_not_end_is_not_kept():
    reader = Reader()
    reader.feed(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
    for _ in range(3):
        reader.feed(b"a" * 10_000)
    assert reader.bad is None

    reader.feed(b"a" * 10_000)

    assert reader.bad.status == 431


@given(
    st.sampled_from(
        [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
    ),
    st.sampled_from([b"h2c", b"websocket", b"TLS/1.0, HTTP/1.1"]),
    st.sampled_from([b"Upgrade", b"upgrade, HTTP2-Settings", b"keep-alive, Upgrade", b"Upgrade, close"]),
)
def test_an_offered_upgrade_changes_nothing(framed, protocol, connection):
    plain = HEAD + b"Connection: " + connection + b"\r\n"
    more = HEAD + b"Content-Length: 0\r\n\r\n"

    offering = plain + b"Upgrade: " + protocol + b"\r\n" + framed

    found, refused = read([offering])

    assert [one[4:] for one in found] == [(b"hello", True, b"close" not in connection)]
    assert not refused
    if b"close" not in connection:
        assert len(read([offering + more])[0]) == 2
