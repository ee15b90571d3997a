"""One browser and one server per model for the whole session."""

import shutil
from pathlib import Path

import pytest

from tests.browser import models
from tests.browser.driver import Page, start_browser
from tests.server.fixtures import receiver
from tests.server.serving import Server

__all__ = ["receiver"]

LOCK = Path(__file__).parents[1] / "golden" / "system-packages-by-hash" / "cog.lock"


@pytest.fixture(scope="session")
def browser():
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(found):
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    browser = start_browser(*found)
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def server_of(tmp_path_factory):
    """Return the server of a model; each is started once, and has a lock to show."""
    started = {}

    def start(name):
        if name not in started:
            folder = tmp_path_factory.mktemp(name)
            shutil.copy(LOCK, folder / "cog.lock")
            started[name] = Server(folder, models.EVERY[name])
        started[name].wait_for_status("READY", "BUSY", "SETUP_FAILED")
        return started[name]

    yield start
    for server in started.values():
        server.close()


@pytest.fixture
def page(browser, server_of):
    """Open the page of a model: `page(name)`. At the end, the console must have been silent."""
    opened = []

    def open_page(name, fragment=""):
        opened.append(Page(browser, f"http://127.0.0.1:{server_of(name).port}", fragment))
        return opened[-1]

    yield open_page
    for each in opened:
        assert each.complaints() == []
