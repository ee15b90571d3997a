"""What a project's server is told by its environment; the same in the image and on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogfreeze.project.model import Project


def server_variables(project: Project) -> tuple[tuple[str, str], ...]:
    """Return the variables that the server reads, in the order of the reference."""
    server = project.server
    pairs = {
        "COG_PREDICT_TYPE_STUB": project.predict,
        "COG_TRAIN_TYPE_STUB": project.train,
        "COG_MAX_CONCURRENCY": str(project.concurrency),
        "COG_QUEUE": str(server.queue),
        "COG_DEADLINE": None if server.deadline is None else _seconds(server.deadline),
        "COG_MAX_BODY": str(server.max_body),
        "COG_DRAIN": _seconds(server.drain),
    }
    return tuple((name, value) for name, value in pairs.items() if value is not None)


def _seconds(value: float) -> str:
    """Never with an exponent, which the server does not read."""
    return f"{value:f}".rstrip("0").rstrip(".")
