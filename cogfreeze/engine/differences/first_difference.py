"""The first difference between two files, in words."""

from __future__ import annotations

import struct

_SHOWN = 60
_GZIP = b"\x1f\x8b"
# Seconds since 1970 from 2020 to 2040: a number in this range is taken for a time, if the two are close.
_YEARS, _CLOSE = range(1577836800, 2208988800), 40 * 86400


def first_difference(one: bytes, other: bytes) -> str:
    """Return the first difference between two contents that differ, in words.

    A text's differing line; of other data, its offset and bytes, and whether they look like a time.
    """
    if one[:2] == other[:2] == _GZIP and one[:4] + one[8:] == other[:4] + other[8:]:
        return "the time in gzip's header"
    texts = [_text(each) for each in (one, other)]
    if texts[0] is not None and texts[1] is not None:
        return _line(texts[0].splitlines(), texts[1].splitlines())
    return _bytes(one, other)


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _line(one: list[str], other: list[str]) -> str:
    for number, pair in enumerate(zip(one, other, strict=False), start=1):
        if pair[0] != pair[1]:
            return f"line {number}: `{_short(*pair)}` and `{_short(*reversed(pair))}`"
    if len(one) != len(other):
        return f"the number of lines: {len(one)} and {len(other)}"
    return "line ends"


def _short(line: str, beside: str) -> str:
    """Return a line, or the part of it from a little before it differs from another one."""
    same = next((at for at, pair in enumerate(zip(line, beside, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - 20) if len(line) > _SHOWN else 0
    part = line[start : start + _SHOWN]
    return ("…" if start else "") + part + ("…" if start + _SHOWN < len(line) else "")


def _bytes(one: bytes, other: bytes) -> str:
    if len(one) != len(other) and (one.startswith(other) or other.startswith(one)):
        return f"{len(one)} bytes and {len(other)} bytes"
    at = next(at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    shown = f"byte {at}: {one[at : at + 8].hex(' ')} and {other[at : at + 8].hex(' ')}"
    return f"{shown} (a time)" if _is_time(one, other, at) else shown


def _is_time(one: bytes, other: bytes, at: int) -> bool:
    for form, unit in ((">I", 1), ("<I", 1), (">Q", 1000), ("<Q", 1000)):
        size = struct.calcsize(form)
        for start in range(max(0, at - size + 1), at + 1):
            if start + size > min(len(one), len(other)):
                continue
            values = [struct.unpack_from(form, each, start)[0] // unit for each in (one, other)]
            if all(value in _YEARS for value in values) and abs(values[0] - values[1]) < _CLOSE:
                return True
    return False
