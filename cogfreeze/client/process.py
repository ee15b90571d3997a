"""A prediction server that we start, and stop again whatever happens."""

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
# The settings of a server that we start for one prediction. It needs no limits on sizes: we are its only client.
OWN_SETTINGS = {
    "COG_LOG_LEVEL": "warning",
    "COG_MAX_BODY": "1024GiB",
    "COG_MAX_INFLIGHT": "1024GiB",
    "COG_MAX_DOWNLOAD": "1024GiB",
    "COG_MAX_OUTPUT": "1024GiB",
}
# Seconds that an idle server may take to exit before it is killed.
STOPPING = 10.0
STDERR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its URL and its process."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def exit_status(self) -> int | None:
        """The process's exit status; None while it runs."""
        return self.process.poll()


def free_port() -> int:
    """Return a TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int) -> None:
    """Raise UsageError if a server cannot listen at `host:port`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do, so that closing connections of the last server do not block the port.
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
    """Run a server while the block runs.

    Its output goes to our stderr. It has its own process group, so an interrupt at the terminal only reaches us;
    then we stop it with SIGTERM, and with SIGKILL after STOPPING seconds.
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
