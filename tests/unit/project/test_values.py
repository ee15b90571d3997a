"""Sizes and times in people's own units."""

import pytest

from cogfreeze.project import values


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        ("1", 1),
        ("10B", 10),
        ("1K", 1000),
        ("1KiB", 1024),
        ("1.5 MiB", 3 * 512 * 1024),
        ("2G", 2 * 10**9),
        ("1TiB", 1024**4),
    ],
)
def test_a_size_is_a_number_of_bytes(written, size):
    assert values.size(written) == size


@pytest.mark.parametrize(
    "written", [0, -1, "0", "5i", "1 lightyear", "", "MiB", 1.5, True, None, [], "2TiB", "9" * 400]
)
def test_what_is_no_size_is_refused(written):
    with pytest.raises(ValueError, match=r"^a number of bytes or a size such as `100MiB`, up to 1 TiB$"):
        values.size(written)


@pytest.mark.parametrize(
    ("written", "seconds"), [(1, 1.0), (0.5, 0.5), ("30s", 30.0), ("250 ms", 0.25), ("1.5m", 90.0), ("2h", 7200.0)]
)
def test_a_time_is_a_number_of_seconds(written, seconds):
    assert values.duration(written) == seconds


@pytest.mark.parametrize("written", [0, -1, "-1s", "1d", "", float("inf"), float("nan"), True, None, "31000000s"])
def test_what_is_no_time_is_refused(written):
    with pytest.raises(
        ValueError, match=r"^a number of seconds or a time such as `30s`, `5m` or `1h`, above 0 and up to"
    ):
        values.duration(written)


def test_a_time_may_be_zero_where_that_means_something():
    assert values.duration(0, zero=True) == 0.0
