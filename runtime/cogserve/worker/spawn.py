"""Starts a worker's process. By the standard library alone: the first starts before all else is loaded."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import Dict, List

# Names of settings that the model has no business with.
WITHHELD = ("WEBHOOK_AUTH_TOKEN",)


class Started:
    """A process that runs, and our ends of what connects us.

    Attributes:
        process: its leader of a session and a process group of its own.
        socket: for frames; does not block.
        stdout, stderr: descriptors to read what it prints; they do not block.
    """

    def __init__(self, command: List[str], environment: Dict[str, str]) -> None:
        """Start it.

        Args:
            command: `--fd N` is added.

        Raises:
            OSError: it cannot be started.
        """
        self.socket, theirs = socket.socketpair()
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        try:
            # By the main thread: the kernel takes the end of the thread that starts a process for the death of
            # its parent, and the worker asks to be killed then.
            self.process = subprocess.Popen(
                [*command, "--fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=environment,
            )
        except OSError:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(stdout)
            os.close(stderr)
        self.socket.setblocking(False)
        os.set_blocking(self.stdout, False)
        os.set_blocking(self.stderr, False)
        # When memory is out, the kernel is to kill the model rather than the server: a model can be replaced.
        with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/oom_score_adj", "w") as file:
            file.write("500")

    def close(self) -> None:
        """Close our ends."""
        self.socket.close()
        os.close(self.stdout)
        os.close(self.stderr)


def command(ref: str, mode: str) -> List[str]:
    """Return the command that starts a worker for a predictor."""
    result = [sys.executable, "-u", "-m", "cogworker", "--predict", ref]
    return [*result, "--train"] if mode == "train" else result


def start(ref: str, mode: str) -> Started:
    """Start a worker for a predictor, in this process's folder.

    Raises:
        OSError: it cannot be started.
    """
    environment = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    return Started(command(ref, mode), environment)
