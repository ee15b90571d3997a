"""The protocol between server and worker: frames over a socketpair.

A frame is two big-endian unsigned 32-bit lengths, a JSON header and a payload of raw bytes:

    | header length | payload length | header (UTF-8 JSON object) | payload |

The header's `type` names the frame. Server to worker:

    type         other keys                          payload
    predict      id, context, folder, deadline?      the input, a JSON object
    cancel       id                                  -
    healthcheck  -                                   -
    shutdown     -                                   -

Worker to server:

    type         other keys                          payload
    ready        version (Python's), setup_seconds   -
    setup_failed error                               -
    log          id or null, source                  text, UTF-8 (source: stdout or stderr)
    output       id, index, files                    one chunk of the output, JSON
    metric       id, name, mode                      the value, JSON (mode: replace, incr, append)
    done         id, status, error?, seconds, files  the output, JSON; empty where chunks carried it
    health       ok, error?                          -

`status` is succeeded, failed or canceled. `folder` belongs to the prediction: downloaded inputs are in it, and
outputs may be written to it.

The payload never contains file paths. `files` lists `{"at": [key or index, ...], "path": absolute path}`, and the
payload has null at that place. So a model that echoes its input cannot make the server read a file.

Nothing is pickled. Both sides refuse a frame larger than MAX_HEADER or MAX_PAYLOAD: `encode` raises FrameTooLarge
before sending anything, `Decoder` as soon as it has read the lengths.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Dict, Iterator, Tuple

MAX_HEADER = 1024 * 1024
MAX_PAYLOAD = 512 * 1024 * 1024
LENGTHS = struct.Struct(">II")

# Created once: json.dumps would create one for every frame.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_DECODER = json.JSONDecoder()


class FrameError(Exception):
    """The other side sent an invalid frame; the connection cannot be used any further."""


class FrameTooLarge(FrameError):
    """A header or payload is larger than its limit."""


def encode(header: Dict[str, Any], payload: bytes = b"") -> bytes:
    """Return the frame's prefix: lengths and header. The payload follows it on the wire."""
    data = _ENCODER.encode(header).encode("utf-8", "surrogatepass")
    if len(data) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
        raise FrameTooLarge(f"a frame of {len(data)} + {len(payload)} bytes is larger than the limit")
    return LENGTHS.pack(len(data), len(payload)) + data


class Decoder:
    """Turns received bytes into frames, however they are split.

    >>> decoder = Decoder()
    >>> decoder.feed(encode({"type": "cancel", "id": "a"}))
    >>> list(decoder)
    [({'type': 'cancel', 'id': 'a'}, b'')]
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def __iter__(self) -> Iterator[Tuple[Dict[str, Any], bytes]]:
        return self

    def __next__(self) -> Tuple[Dict[str, Any], bytes]:
        buffer = self._buffer
        if len(buffer) < LENGTHS.size:
            raise StopIteration
        header_length, payload_length = LENGTHS.unpack_from(buffer)
        if header_length > MAX_HEADER or payload_length > MAX_PAYLOAD:
            raise FrameTooLarge(f"a frame of {header_length} + {payload_length} bytes is larger than the limit")
        start = LENGTHS.size + header_length
        end = start + payload_length
        if len(buffer) < end:
            raise StopIteration
        try:
            header = _DECODER.decode(buffer[LENGTHS.size : start].decode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise FrameError(f"a frame's header is not valid JSON: {error}") from None
        if not isinstance(header, dict) or not isinstance(header.get("type"), str):
            raise FrameError("a frame's header is not an object with a type")
        payload = bytes(buffer[start:end])
        del buffer[:end]
        return header, payload
