"""A server that we start lives exactly as long as the block that wants it."""

import os
import socket
import sys
import time

import pytest

from cogfreeze.client import process
from cogfreeze.errors import UsageError

# Says on stdout when it is up; the last word of the command says what it does with SIGTERM.
CHILD = """
import signal, sys, time
if sys.argv[1] == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def wait_until_up(capfd):
    while "up" not in capfd.readouterr().err:
        time.sleep(0.01)


def test_the_server_ends_with_the_block(capfd):
    with process.started([sys.executable, "-c", CHILD, "end"], port=1, environment={}) as server:
        wait_until_up(capfd)
        assert server.exit_status is None

    assert server.exit_status == -15


def test_a_server_that_does_not_end_is_killed(capfd, monkeypatch):
    monkeypatch.setattr(process, "STOPPING", 0.1)

    with process.started([sys.executable, "-c", CHILD, "ignore"], port=1, environment={}) as server:
        wait_until_up(capfd)

    assert server.exit_status == -9


def test_the_server_ends_when_the_block_fails(capfd):
    def interrupted():
        with process.started([sys.executable, "-c", CHILD, "end"], port=1, environment={}) as started:
            servers.append(started)
            wait_until_up(capfd)
            raise KeyboardInterrupt

    servers = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    [server] = servers

    assert server.exit_status == -15


def test_a_terminals_interrupt_does_not_reach_the_server():
    """It is a process group of its own: a prediction is cancelled by us, in order."""
    with process.started([sys.executable, "-c", CHILD, "end"], port=1, environment={}) as server:
        group = os.getpgid(server.process.pid)

    assert group == server.process.pid


def test_a_port_that_is_taken_is_told_before_anything_is_built():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(UsageError) as caught:
            process.require_free("127.0.0.1", port)

    assert str(caught.value) == f"cannot listen at `127.0.0.1`, port {port}: Address already in use"
    process.require_free("127.0.0.1", port)


def test_a_free_port_can_be_listened_at():
    socket.create_server(("127.0.0.1", process.free_port())).close()
