"""Sizes in words: `16.9 MB`, `+1.2 MB`. Decimal units, as Docker shows them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(amount: int) -> str:
    """Return a size for people.

    >>> size(999), size(88_448), size(16_918_164), size(2_500_000_000)
    ('999 bytes', '88 kB', '16.9 MB', '2.5 GB')
    """
    value, unit = float(amount), 0
    while round(value) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit >= 2 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def difference(before: int, after: int) -> str:
    """Return by how much a size grew or shrank.

    >>> difference(5_000_000, 6_200_000), difference(10, 10), difference(3_000, 1_000)
    ('+1.2 MB', 'same size', '-2 kB')
    """
    if before == after:
        return "same size"
    return f"{'+' if after > before else '-'}{size(abs(after - before))}"
