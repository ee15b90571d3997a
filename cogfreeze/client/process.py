"""A prediction server that we started ourselves, and end again, whatever happens."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
# Seconds that a server with nothing to do may take to end before it is killed.
STOPPING = 10.0
STDERR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where it answers, and the process that it lives and dies with."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def exit_status(self) -> int | None:
        """The process's exit status; None while it runs."""
        return self.process.poll()


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int) -> None:
    """Raise UsageError where a server could not listen at `host:port`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do, so that the last one's closing connections are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(
            f"cannot listen at `{host}`, port {port}: {error.strerror}",
            hint="choose another with `--host` and `--port`",
        ) from None


@contextmanager
def started(
    command: Sequence[str], *, port: int, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[Server]:
    """Run a server for as long as the block, and give it.

    What it prints goes to our stderr as it comes. It is a process group of its own, so that an interrupt at
    the terminal reaches us alone, and we end it in order: SIGTERM, then SIGKILL after STOPPING seconds.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=STDERR,
        stderr=STDERR,
        process_group=0,
    )
    try:
        yield Server(url=f"http://{LOOPBACK}:{port}", process=process)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPPING)
        if process.returncode is None:
            process.kill()
            process.wait()
