"""Ends the worker when the server ends, even if the model is stuck in C code."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; does nothing where that is not supported.

    The kernel watches the parent's *thread* that started this process. So this is only safe if that was its main
    thread, which lives as long as the process.
    """
    parent = os.getppid()
    if sys.platform != "linux" or str(os.getpid()) not in _children_of_main_thread(parent):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        return
    if os.getppid() != parent:  # the parent died before the call
        os._exit(1)


def _children_of_main_thread(process: int) -> list[str]:
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return file.read().split()
    except OSError:
        return []
