"""Fixtures of the tests that talk to real servers."""

import pytest

from tests.server.receiving import receiver as receiving
from tests.server.serving import Server


@pytest.fixture
def serve(tmp_path):
    """Start servers: `serve(source, *arguments, **environment)`; all are stopped at the end."""
    started = []

    def start(source, *arguments, ready=True, **environment):
        folder = tmp_path / f"project-{len(started)}"
        folder.mkdir()
        server = Server(folder, source, *arguments, **environment)
        started.append(server)
        return server.wait_until_ready() if ready else server

    yield start
    for server in started:
        server.close()


def shared(source, *arguments, **environment):
    """Return a fixture: one server for all tests of a module that change nothing for each other."""

    @pytest.fixture(scope="module")
    def server(tmp_path_factory):
        server = Server(tmp_path_factory.mktemp("project"), source, *arguments, **environment)
        yield server.wait_until_ready()
        server.close()

    return server


@pytest.fixture
def receiver():
    """A web server of the test's own, on loopback."""
    with receiving() as server:
        yield server
