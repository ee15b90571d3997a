"""Workers for the tests: real processes, ended with the test. Each test runs on the newest Python too."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.pythons import OWN, PYTHONS, interpreter
from tests.unit.worker.driver import WorkerProcess


@pytest.fixture(params=dict.fromkeys((OWN, PYTHONS[-1])))
def start(request, tmp_path):
    """Start a worker on a predictor's source; call with the options of WorkerProcess."""
    python = interpreter(request.param, request.config.cache.mkdir("pythons"))
    with ExitStack() as stack:

        def started(source, **options):
            return stack.enter_context(WorkerProcess(tmp_path, source, python=python, **options))

        yield started


@pytest.fixture
def worker(start):
    """Start a worker, and return it when it is ready."""
    return lambda source, **options: start(source, **options).ready()
