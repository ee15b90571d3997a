"""The soak in small: what `make soak` does for ten minutes, for twenty seconds."""

import random

import pytest

from tests.server.receiving import receiver
from tests.soak.soak import Limits, Soak, Weighed, Weight


@pytest.mark.slow
def test_twenty_seconds_of_everything_at_once_fail_nothing_and_leave_nothing_open(tmp_path):
    with receiver() as hooks:
        soak = Soak(tmp_path, hooks, pace=0.02)
        try:
            soak.run(20)
            # In so short a time kept results and allocators still settle; a real leak shows in ten minutes.
            assert soak.mistakes(Limits(memory=10.0, pause=60.0)) == []
        finally:
            soak.close()


def test_growth_is_seen_through_noise():
    """A MiB a minute on top of a noise of three MiB is found, and the noise alone is not."""
    flat, growing = (Weighed.__new__(Weighed) for _ in range(2))
    chance = random.Random(1)
    noise = [chance.random() * 3 for _ in range(600)]
    flat.weights = [Weight(moment=i, memory=40 + n, files=9) for i, n in enumerate(noise)]
    growing.weights = [Weight(moment=i, memory=40 + n + i / 60, files=9) for i, n in enumerate(noise)]

    assert abs(flat.growth()) < 0.5
    assert 3.5 < growing.growth() < 4.5
    assert 55 < growing.slope() < 65
