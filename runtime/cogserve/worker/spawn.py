"""Starts a worker process. Standard library only: the first one starts before anything else is loaded."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import Dict, List, Optional

# Settings that the model must not see.
WITHHELD = ("WEBHOOK_AUTH_TOKEN",)


class Started:
    """A running process, and our ends of the connections to it.

    Attributes:
        process: the leader of a session and a process group of its own.
        socket: for frames; non-blocking.
        stdout, stderr: descriptors to read what it prints; non-blocking.
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
            # In the main thread: the worker asks to be killed when its parent dies, and for the kernel its parent
            # is the thread that started it.
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
        # If memory runs out, the kernel should kill the model rather than the server: a model can be replaced.
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


def start(ref: str, mode: str, max_file: Optional[int] = None) -> Started:
    """Start a worker for a predictor, in this process's folder.

    Args:
        ref: the predictor, `file.py:Name`.
        mode: predict or train.
        max_file: bytes of an output file; None for no limit.

    Raises:
        OSError: it cannot be started.
    """
    environment = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    if max_file is not None:
        environment["COG_WORKER_MAX_FILE"] = str(max_file)
    return Started(command(ref, mode), environment)
