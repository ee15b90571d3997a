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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of one file run in one process; so do all engine tests, and all browser tests.

    pytest-xdist's own groups (`--dist loadgroup`) have no effect with pytest 9.2, whose node ids can't be changed.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            folder = "/".join(nodeid.split("/")[:2])
            return folder if folder in ("tests/engine", "tests/browser") else nodeid.split("::")[0]

    return ByFixtures(config, log)


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
