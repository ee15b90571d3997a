"""The image's environment and labels, from project and lock only: no clock, host name or git state."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from cogfreeze.project.environment import import_folders, server_variables
from cogfreeze.recipe import layout

if TYPE_CHECKING:
    from cogfreeze.lock.model import BaseImage, Lock
    from cogfreeze.project.model import Project, RunCommand

Pairs = tuple[tuple[str, str], ...]


def environment(project: Project) -> Pairs:
    """Return the variables for the server and the GPU."""
    folders = [layout.SDK, *(f"{layout.PROJECT}/{each}" for each in import_folders(project))]
    pairs = {"PYTHONPATH": ":".join(folders), "PYTHONUNBUFFERED": "1"}
    if project.build.gpu:
        # Without these, NVIDIA's container runtime gives a slim base no GPU.
        pairs |= {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    pairs |= dict(server_variables(project))
    return tuple(pairs.items())


def labels(
    project: Project,
    lock: Lock,
    base: BaseImage,
    *,
    lock_text: str,
    schema: str,
    reproducible: bool,
    at_start: tuple[str, ...] = (),
) -> Pairs:
    """Return the labels. Some have Cog's own names, because its tools read them."""
    pairs = {
        "org.opencontainers.image.base.name": base.reference,
        "org.opencontainers.image.base.digest": base.digest,
        "run.cog.version": lock.tools.cogfreeze,
        "run.cog.config": _compact(_config(project)),
        "run.cog.openapi_schema": _compact(json.loads(schema)),
        "run.cogfreeze.lock": f"sha256:{hashlib.sha256(lock_text.encode()).hexdigest()}",
        "run.cogfreeze.reproducible": "true" if reproducible else "false",
    }
    if at_start:
        pairs["run.cogfreeze.at-start"] = _compact(list(at_start))
    return tuple(sorted(pairs.items()))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _config(project: Project) -> dict[str, object]:
    """Return the declaration in the shape of cog.yaml, without default values."""
    build = project.build
    declared: dict[str, object] = {
        "build": _without_empty(
            {
                "python_version": build.python_version,
                "gpu": build.gpu,
                "cuda": build.cuda,
                "cudnn": build.cudnn,
                "base_image": build.base_image,
                "python_packages": list(build.python_packages),
                "python_requirements": build.python_requirements[0].path if build.python_requirements else None,
                "system_packages": list(build.system_packages),
                "run": [_command(command) for command in build.run],
                "network": build.network,
                "user": build.user,
            }
        ),
        "image": project.image,
        "predict": project.predict,
        "train": project.train,
        "environment": [f"{name}={value}" for name, value in project.environment],
        "concurrency": _without_empty({"max": project.concurrency}),
    }
    return _without_empty(declared)


def _command(command: RunCommand) -> object:
    if not (command.secrets or command.inputs or command.network):
        return command.command
    return _without_empty(
        {
            "command": command.command,
            "mounts": [{"type": "secret", "id": each.id, "target": each.target} for each in command.secrets],
            "inputs": [
                _without_empty({"url": each.url, "path": each.path, "target": each.target})
                for each in command.inputs
            ],
            "network": command.network,
        }
    )


def _without_empty(mapping: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if value not in (None, False, [], {})}
