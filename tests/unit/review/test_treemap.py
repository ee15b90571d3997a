"""A treemap's boxes are as large as what they stand for, and fill the picture without overlap."""

import pytest

from cogfreeze.review.treemap import squarify


@pytest.mark.parametrize("sizes", [[1], [3, 1], [5, 0, 2, 2, 1], [10**9, 1], list(range(1, 60))])
def test_areas_are_as_the_sizes_and_nothing_lies_outside(sizes):
    boxes = squarify(sizes, 1000, 420)
    assert sorted(box.index for box in boxes) == [index for index, size in enumerate(sizes) if size]
    for box in boxes:
        assert box.width * box.height == pytest.approx(420_000 * sizes[box.index] / sum(sizes), rel=1e-6)
        assert -1e-6 <= box.x <= box.x + box.width <= 1000 + 1e-6
        assert -1e-6 <= box.y <= box.y + box.height <= 420 + 1e-6


def test_boxes_do_not_overlap():
    boxes = squarify([7, 5, 5, 3, 2, 1], 100, 60)
    for one in boxes:
        for other in boxes:
            apart = one.x + one.width <= other.x + 1e-9 or one.y + one.height <= other.y + 1e-9
            apart = apart or other.x + other.width <= one.x + 1e-9 or other.y + other.height <= one.y + 1e-9
            assert one is other or apart


def test_nothing_to_draw_draws_nothing():
    assert squarify([], 10, 10) == ()
    assert squarify([0, 0], 10, 10) == ()
