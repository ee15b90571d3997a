"""The server on this machine: the same program, settings and paths as in the image."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from cogfreeze import atomic
from cogfreeze.client.process import LOOPBACK, OWN_SETTINGS, free_port, started
from cogfreeze.project.environment import import_folders, server_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cogfreeze.client.process import Server
    from cogfreeze.local.environment import Environment
    from cogfreeze.local.libraries import SystemPackages
    from cogfreeze.project.model import Project
    from cogfreeze.settings import Settings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Variables of this process that would make the model run differently than in the image.
_DROPPED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A project that can run here: its environment, and what its server needs to know.

    Attributes:
        folder: the project's, which the model runs in.
        schema: the file that holds its OpenAPI document.
        system_packages: the locked system packages that this machine lacks.
        more: variables for this run; they override the project's.
    """

    environment: Environment
    project: Project
    folder: Path
    schema: Path
    system_packages: SystemPackages
    more: tuple[tuple[str, str], ...] = ()

    def command(self, *, host: str, port: int, upload_url: str | None = None) -> list[str]:
        """Return the words that start the server."""
        upload = ["--upload-url", upload_url] if upload_url else []
        interpreter = str(self.environment.python)
        return [interpreter, "-m", "cog.server.http", "--host", host, "--port", str(port), *upload]

    def variables(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the server's whole environment, from this process's."""
        kept = {name: value for name, value in given.items() if name not in _DROPPED}
        kept["PATH"] = os.pathsep.join([str(self.environment.python.parent), given.get("PATH", os.defpath)])
        # A model that is tried here may read from another server of this machine; an image may not.
        kept.setdefault("COG_ALLOW_PRIVATE_URLS", "127.0.0.0/8,::1")
        # As with `docker run -e`, the environment wins over the limits in cog.yaml.
        server = {
            name: value if name.endswith("_TYPE_STUB") else given.get(name, value)
            for name, value in server_variables(self.project)
        }
        variables = {
            **kept,
            **server,
            **dict(self.project.environment),
            **dict(self.more),
            "PYTHONPATH": os.pathsep.join(
                [str(self.environment.sdk), *(str(self.folder / each) for each in import_folders(self.project))]
            ),
            "PYTHONUNBUFFERED": "1",
            "COG_SERVER_PATH": os.pathsep.join(map(str, self.environment.server)),
            "COG_OPENAPI_SCHEMA": str(self.schema),
        }
        return {**variables, **self.system_packages.variables(variables)}

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve on a free port of the loopback interface while the block runs."""
        port = free_port()
        command = self.command(host=LOOPBACK, port=port)
        environment = {**self.variables(), **OWN_SETTINGS, **dict(self.more)}
        with started(command, port=port, environment=environment, folder=self.folder) as server:
            yield server

    def serve(self, *, host: str, port: int, upload_url: str | None = None) -> NoReturn:
        """Replace this process with the server, which then gets its signals and gives its exit status."""
        command = self.command(host=host, port=port, upload_url=upload_url)
        given = dict(os.environ)
        if host in _LOOPBACK:
            # Web pages must not reach the server by a name of their own.
            given.setdefault("COG_ALLOWED_HOSTS", "localhost")
        else:
            # Others can use it: their URLs do not get to this machine.
            given.setdefault("COG_ALLOW_PRIVATE_URLS", "")
        os.chdir(self.folder)
        os.execve(command[0], command, self.variables(given))  # noqa: S606


def write_schema(schema: dict[str, Any], settings: Settings) -> Path:
    """Store an OpenAPI document in the cache, under its digest, and return its path."""
    data = json.dumps(schema, ensure_ascii=False).encode()
    path = settings.cache / "schemas" / f"{hashlib.sha256(data).hexdigest()[:32]}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, data)
    return path
