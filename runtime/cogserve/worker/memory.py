"""How often the kernel has killed a process of this container because it ran out of memory."""

from __future__ import annotations

from typing import Iterator


def oom_kills(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int:
    """Return the count of this control group, or else of its container; 0 if it cannot be read.

    Args:
        root: where control groups are mounted.
        own: the file that names this process's.
    """
    for path in _files(root, own):
        try:
            with open(path) as file:
                for line in file:
                    key, _, value = line.partition(" ")
                    if key == "oom_kill":
                        return int(value)
        except (OSError, ValueError):
            continue
    return 0


def _files(root: str, own: str) -> Iterator[str]:
    """Yield the files that may contain the count, the best first."""
    try:
        with open(own) as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if "memory" in controllers.split(","):  # version 1; version 2 may be mounted as well, without memory
            mount, name = f"{root}/memory", "memory.oom_control"
        elif not controllers:
            mount, name = root, "memory.events"
        else:
            continue
        yield f"{mount}{group}/{name}"
        # In a container the name may be the host's, and the mount the container's own.
        yield f"{mount}/{name}"
