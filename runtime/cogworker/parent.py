"""Ends the worker and what the model has started when the server ends, even if the model is stuck in C code."""

from __future__ import annotations

import os
import select
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


def end_group_with_server(fd: int) -> None:
    """Start a process that kills this process group when the server closes its end of the socket, or dies.

    The worker itself cannot do it: `die_with_parent` lets it die at once. The process belongs to the group, so the
    group's number cannot be reused, and it is gone when the server kills the group. It is not the worker's child,
    so a model that waits for all of its children does not wait for it.

    Call it before there are threads. Does nothing if the worker does not lead its group.

    Args:
        fd: the worker's end of the socket.
    """
    if os.getpgrp() != os.getpid():
        return
    try:
        child = os.fork()
    except OSError:  # the limit of processes
        return
    if child:
        os.waitpid(child, 0)
        return
    try:
        if os.fork() == 0:
            _kill_group_after(fd)
    finally:
        os._exit(0)


def _kill_group_after(fd: int) -> None:
    # These are for the model; they reach the whole group.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, fd)  # the pipes of stdout and stderr end with the model
    poll = select.poll()
    poll.register(fd, 0)  # no event but the end: frames are the worker's
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def _children_of_main_thread(process: int) -> list[str]:
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return file.read().split()
    except OSError:
        return []
