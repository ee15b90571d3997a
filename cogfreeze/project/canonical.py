"""A Project as text again: the cog.yaml that says all of it, and the record as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cogfreeze.project.model import Build, Project, RunCommand


def yaml_text(project: Project) -> str:
    """Return the cog.yaml that reads back to the same Project, less its warnings.

    Defaults are written out; keys that have none and are not set are left out.
    """
    import yaml

    server = project.server
    whole = {
        "image": project.image,
        "predict": project.predict,
        "train": project.train,
        "build": _build(project.build),
        "environment": [f"{name}={value}" for name, value in project.environment],
        "concurrency": {"max": project.concurrency},
        "server": _set(
            {
                "queue": server.queue,
                "deadline": server.deadline,
                "max_body": server.max_body,
                "drain": server.drain,
            }
        ),
    }
    return yaml.safe_dump(_set(whole), sort_keys=False, allow_unicode=True, width=10**6)


def json_text(project: Project) -> str:
    """Return the whole record: what `yaml_text` says, the requirements files' lines, and the warnings."""
    import json

    return json.dumps(asdict(project), indent=2, ensure_ascii=False) + "\n"


def _build(build: Build) -> dict[str, Any]:
    # A requirements file is followed by those that it names, which are read by way of it.
    files = build.python_requirements
    return _set(
        {
            "python_version": build.python_version,
            "gpu": build.gpu,
            "cuda": build.cuda,
            "cudnn": build.cudnn,
            "base_image": build.base_image,
            "platforms": list(build.platforms),
            "python_packages": list(build.python_packages),
            "python_requirements": files[0].path if files else None,
            "system_packages": list(build.system_packages),
            "run": [_command(each) for each in build.run],
            "network": build.network,
            "allow_sdist": list(build.allow_sdist),
            "allow": list(build.allow),
            "user": build.user,
        }
    )


def _command(command: RunCommand) -> str | dict[str, Any]:
    mounts = [{"type": "secret", "id": each.id, "target": each.target} for each in command.secrets]
    inputs = [{"url": each.url, "target": each.target} for each in command.inputs]
    if not mounts and not inputs and not command.network:
        return command.command
    return _set({"command": command.command, "mounts": mounts, "inputs": inputs, "network": command.network})


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value != []}
