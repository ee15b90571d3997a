"""Workers for the tests: real processes, ended with the test."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.unit.worker.driver import WorkerProcess


@pytest.fixture
def start(tmp_path):
    """Start a worker on a predictor's source; call with the options of WorkerProcess."""
    with ExitStack() as stack:

        def started(source, **options):
            return stack.enter_context(WorkerProcess(tmp_path, source, **options))

        yield started


@pytest.fixture
def worker(start):
    """Start a worker, and return it when it is ready."""
    return lambda source, **options: start(source, **options).ready()
