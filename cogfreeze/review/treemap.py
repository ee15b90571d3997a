"""A treemap: rectangles whose areas are as their sizes, as near to squares as they go (Bruls et al., 2000)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle, and the index of the size that it is for."""

    index: int
    x: float
    y: float
    width: float
    height: float


def squarify(sizes: Sequence[float], width: float, height: float) -> tuple[Box, ...]:
    """Return a box for each size that is more than 0; together they fill `width` × `height`.

    >>> [(box.index, round(box.width), round(box.height)) for box in squarify([1, 3], 4, 1)]
    [(1, 3, 1), (0, 1, 1)]
    """
    total = sum(size for size in sizes if size > 0)
    order = sorted((each for each in range(len(sizes)) if sizes[each] > 0), key=lambda each: -sizes[each])
    areas = [sizes[each] * width * height / total for each in order]
    boxes: list[Box] = []
    x = y = 0.0
    start = 0
    while start < len(areas):
        side = min(width - x, height - y)
        end = start + 1
        while end < len(areas) and _worst(areas[start : end + 1], side) <= _worst(areas[start:end], side):
            end += 1
        row = areas[start:end]
        upright = width - x >= height - y
        thick = sum(row) / side if side else 0.0
        along = 0.0
        for offset, area in enumerate(row):
            long = area / thick if thick else 0.0
            index = order[start + offset]
            if upright:
                boxes.append(Box(index=index, x=x, y=y + along, width=thick, height=long))
            else:
                boxes.append(Box(index=index, x=x + along, y=y, width=long, height=thick))
            along += long
        x, y = (x + thick, y) if upright else (x, y + thick)
        start = end
    return tuple(boxes)


def _worst(row: Sequence[float], side: float) -> float:
    """The longest shape in a row of areas along a side."""
    total = sum(row)
    return max(side * side * max(row) / (total * total), total * total / (side * side * min(row))) if side else 0.0
