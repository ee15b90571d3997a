"""One container on one machine: a Compose file, or a script with one `docker run`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cogfreeze.deploy import values
from cogfreeze.deploy.plan import PORT, USER_ID

if TYPE_CHECKING:
    from cogfreeze.deploy.plan import Plan
    from cogfreeze.deploy.pod import Manifest

# The image has no curl; its Python is always there.
_PROBE = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/readyz', timeout=4)"
_SECONDS_BETWEEN_PROBES = 10


def compose(plan: Plan) -> Manifest:
    """Return the Compose file's content."""
    service: Manifest = {
        "image": plan.image,
        "platform": plan.platform,
        "restart": "unless-stopped",
        "ports": [f"127.0.0.1:{plan.port}:{PORT}"],
        "environment": dict(plan.environment),
        "user": "0:0" if plan.root else f"{USER_ID}:{USER_ID}",
        "read_only": not plan.writable_root,
        "tmpfs": ["/tmp:mode=1777,exec"],  # noqa: S108
        "shm_size": _docker_memory(plan.shm),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "stop_grace_period": f"{plan.grace}s",
        "healthcheck": {
            "test": ["CMD", "python", "-c", _PROBE],
            "interval": f"{_SECONDS_BETWEEN_PROBES}s",
            "timeout": "5s",
            "retries": 3,
            "start_period": f"{plan.setup_timeout}s",
        },
        "labels": {"run.cogfreeze.lock": plan.lock},
    }
    resources = _resources(plan)
    if resources:
        service["deploy"] = {"resources": resources}
    return _dollars_doubled({"name": plan.name, "services": {plan.name: service}})


def _resources(plan: Plan) -> Manifest:
    limits: Manifest = {}
    if plan.cpu:
        limits["cpus"] = values.cores(plan.cpu)
    if plan.memory:
        limits["memory"] = _docker_memory(plan.memory)
    resources: Manifest = {"limits": limits} if limits else {}
    if plan.gpus:
        device = {"driver": "nvidia", "count": plan.gpus, "capabilities": ["gpu"]}
        resources["reservations"] = {"devices": [device]}
    return resources


def _docker_memory(memory: str) -> str:
    """Return an amount as Docker writes it, whose `m` is 2**20."""
    return f"{max(values.mebibytes(memory), 1)}m"


def _dollars_doubled(value: Manifest) -> Manifest:
    """Return the content with `$` as Compose reads it, which would otherwise put in a variable of the shell's."""

    def double(part: object) -> object:
        if isinstance(part, str):
            return part.replace("$", "$$")
        if isinstance(part, dict):
            return {key: double(each) for key, each in part.items()}
        return [double(each) for each in part] if isinstance(part, list) else part

    return {key: double(each) for key, each in value.items()}


def run_command(plan: Plan) -> list[str]:
    """Return the words of the `docker run` command."""
    words = [
        "docker",
        "run",
        "--detach",
        f"--name={plan.name}",
        "--restart=unless-stopped",
        f"--platform={plan.platform}",
        f"--publish=127.0.0.1:{plan.port}:{PORT}",
        *(f"--env={name}={value}" for name, value in plan.environment),
        f"--user={'0:0' if plan.root else f'{USER_ID}:{USER_ID}'}",
        *(() if plan.writable_root else ("--read-only",)),
        "--tmpfs=/tmp:mode=1777,exec",
        f"--shm-size={_docker_memory(plan.shm)}",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
        f"--stop-timeout={plan.grace}",
        f"--label=run.cogfreeze.lock={plan.lock}",
    ]
    if plan.cpu:
        words.append(f"--cpus={values.cores(plan.cpu)}")
    if plan.memory:
        words.append(f"--memory={_docker_memory(plan.memory)}")
    if plan.gpus:
        words.append(f"--gpus={plan.gpus}")
    return [*words, plan.image]


def run_script(plan: Plan) -> str:
    """Return the script's text, below its comment: one `docker run`, an option a line."""
    program, verb, *options = (shlex.quote(word) for word in run_command(plan))
    return f"set -eu\nexec {program} {verb} \\\n    " + " \\\n    ".join(options) + "\n"
