"""What all tests share: in CI nothing is skipped, and the closing lines count the engine tests and the faults."""

import os
import signal

import pytest

from tests.pythons import PYTHONS, interpreter

# Tests have caches of their own, which are empty; what uv has fetched before serves them all.
os.environ.setdefault("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv"))  # noqa: PTH111

# A shell starts what runs in its background with interrupts ignored, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=PYTHONS)
def python(request):
    """The path of an interpreter; a test that takes it runs on every Python."""
    return interpreter(request.param, request.config.cache.mkdir("pythons"))


def pytest_collection_modifyitems(items):
    """The tests of one file run in one process; so do all engine tests, and all browser tests."""
    for item in items:
        if item.get_closest_marker("engine"):
            group = "engine"
        else:
            group = "browser" if "browser" in item.path.parts else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With CI=true a skipped test is a failed one: a check that didn't run shows nothing."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr[2]}"
    report.is_engine_test = item.get_closest_marker("engine") is not None
    return report


def pytest_terminal_summary(terminalreporter):
    def counted(chosen):
        counts = {}
        for outcome in ("passed", "failed", "error", "skipped"):
            reports = terminalreporter.stats.get(outcome, [])
            if count := sum(map(chosen, reports)):
                counts[outcome] = count
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "none selected"

    engine = counted(lambda report: getattr(report, "is_engine_test", False))
    faults = counted(lambda report: getattr(report, "nodeid", "").startswith("tests/faults/"))
    terminalreporter.write_line(f"engine tests: {engine}")
    terminalreporter.write_line(f"faults that were tried on the server: {faults}")
