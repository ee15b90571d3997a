"""Runs an image as a server: for one prediction, or until it is stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from cogfreeze.client.process import LOOPBACK, OWN_SETTINGS, STDERR, free_port, started
from cogfreeze.errors import BuildError, PredictionFailed, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.client.process import Server

# Where the server listens inside the image.
PORT = 5000
_NOT_RUN = (125, 126, 127)
# Seconds that removing a container may take.
REMOVING = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """How to run an image.

    Attributes:
        image: a name, digest or id that the engine has or can pull.
        gpus: the value of `docker run --gpus`: `all`, a number, `device=0`; None for no GPU.
        variables: `NAME=value`, or `NAME` to pass on this process's value.
    """

    image: str
    gpus: str | None = None
    variables: tuple[str, ...] = ()

    def command(
        self, *, host: str, port: int, name: str | None = None, upload_url: str | None = None
    ) -> list[str]:
        """Return the command that runs the image in the foreground and serves it at `host:port`.

        Raises:
            ToolMissing: `docker` is not installed.
        """
        docker = shutil.which("docker")
        if docker is None:
            raise ToolMissing(
                "`docker` is not installed",
                hint="install Docker, or run the model without an image: `--local`",
            )
        command = [docker, "run", "--rm", "--publish", f"{_bracketed(host)}:{port}:{PORT}"]
        command += ["--name", name] if name else []
        command += ["--gpus", self.gpus] if self.gpus else []
        for variable in self.variables:
            command += ["--env", variable]
        # Arguments after the image replace its command, so repeat the server's.
        server = ["python", "-m", "cog.server.http", "--upload-url", upload_url] if upload_url else []
        return [*command, "--", self.image, *server]

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve on a free loopback port during the block, then remove the container.

        Raises:
            ToolMissing: `docker` is not installed.
            BuildError: the image can't be pulled or run.
        """
        name, port = f"cog-predict-{secrets.token_hex(6)}", free_port()
        # Of two values, the last one wins.
        own = (f"{name}={value}" for name, value in OWN_SETTINGS.items())
        command = replace(self, variables=(*own, *self.variables)).command(host=LOOPBACK, port=port, name=name)
        self._require(command[0])
        try:
            with started(command, port=port, environment=os.environ) as server:
                yield server
        except PredictionFailed:
            # These exit codes are Docker's own; the others come from the server or the model.
            if server.exit_status in _NOT_RUN:
                raise BuildError(
                    f"could not run the image `{self.image}`", hint="see Docker's output above"
                ) from None
            raise
        finally:
            # Usually it is gone already. If its client was killed, it would keep running.
            subprocess.run(
                [command[0], "rm", "--force", "--volumes", name],
                capture_output=True,
                timeout=REMOVING,
                check=False,
            )

    def _require(self, docker: str) -> None:
        """Pull the image first, so that the pull doesn't count towards the time limit of setup()."""
        known = subprocess.run([docker, "image", "inspect", "--", self.image], capture_output=True, check=False)
        if (
            known.returncode
            and subprocess.run([docker, "pull", "--", self.image], stdout=STDERR, check=False).returncode
        ):
            raise BuildError(
                f"could not pull the image `{self.image}`",
                hint="see Docker's output above",
            )

    def serve(self, *, host: str, port: int, upload_url: str | None = None) -> NoReturn:
        """Replace this process with `docker run`, which forwards signals and returns the container's status."""
        command = self.command(host=host, port=port, upload_url=upload_url)
        os.execv(command[0], command)  # noqa: S606


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
