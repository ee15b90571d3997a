"""The end of the server is the end of its worker, even where the model's code is stuck in C."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; does nothing where that is not to be had.

    The kernel takes the end of the parent's *thread* that started us for its death. So this asks only where that
    was its main thread, which ends with the process.
    """
    parent = os.getppid()
    if sys.platform != "linux" or str(os.getpid()) not in _children_of_main_thread(parent):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        return
    if os.getppid() != parent:  # it died before it was asked
        os._exit(1)


def _children_of_main_thread(process: int) -> list[str]:
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return file.read().split()
    except OSError:
        return []
