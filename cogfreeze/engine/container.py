"""An image run as a server: for one prediction, or to serve until it is stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from cogfreeze.client.process import LOOPBACK, STDERR, free_port, started
from cogfreeze.errors import BuildError, PredictionFailed, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.client.process import Server

# Where the server listens inside the image.
PORT = 5000
_NOT_RUN = (125, 126, 127)
# Seconds that the engine may take to remove a container.
REMOVING = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An image as it is to be run.

    Attributes:
        image: a name, digest or id that the engine knows, or can pull.
        gpus: what `docker run --gpus` takes: `all`, a number, `device=0`; None for no GPU.
        variables: `NAME=value`, or `NAME` for the value that this process has.
    """

    image: str
    gpus: str | None = None
    variables: tuple[str, ...] = ()

    def command(
        self, *, host: str, port: int, name: str | None = None, upload_url: str | None = None
    ) -> list[str]:
        """Return the words that run the image in the foreground, served at `host:port` of this machine.

        Raises:
            ToolMissing: there is no `docker` here.
        """
        docker = shutil.which("docker")
        if docker is None:
            raise ToolMissing(
                "there is no `docker` on this machine to run an image with",
                hint="install Docker, or run the model without an image: `--local`",
            )
        command = [docker, "run", "--rm", "--publish", f"{_bracketed(host)}:{port}:{PORT}"]
        command += ["--name", name] if name else []
        command += ["--gpus", self.gpus] if self.gpus else []
        for variable in self.variables:
            command += ["--env", variable]
        # What follows the image replaces its command, so the server's own has to stand there again.
        server = ["python", "-m", "cog.server.http", "--upload-url", upload_url] if upload_url else []
        return [*command, "--", self.image, *server]

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve on a free port of the loopback interface for as long as the block; then remove the container.

        Raises:
            ToolMissing: there is no `docker` here.
            BuildError: the image is not to be had, or could not be run.
        """
        name, port = f"cog-predict-{secrets.token_hex(6)}", free_port()
        # One prediction's user wants the model's words, not the server's; of two values the last one holds.
        quiet = replace(self, variables=("COG_LOG_LEVEL=warning", *self.variables))
        command = quiet.command(host=LOOPBACK, port=port, name=name)
        self._require(command[0])
        try:
            with started(command, port=port, environment=os.environ) as server:
                yield server
        except PredictionFailed:
            # Docker's own failures, as it numbers them; the rest are the server's and the model's.
            if server.exit_status in _NOT_RUN:
                raise BuildError(
                    f"the image `{self.image}` could not be run", hint="what docker said of it stands above"
                ) from None
            raise
        finally:
            # Gone already where it ended in order; where its client was killed or lost, it would run on.
            subprocess.run(
                [command[0], "rm", "--force", "--volumes", name],
                capture_output=True,
                timeout=REMOVING,
                check=False,
            )

    def _require(self, docker: str) -> None:
        """Have the image here before it is run, so that pulling it takes nothing of the time that setup() has."""
        known = subprocess.run([docker, "image", "inspect", "--", self.image], capture_output=True, check=False)
        if (
            known.returncode
            and subprocess.run([docker, "pull", "--", self.image], stdout=STDERR, check=False).returncode
        ):
            raise BuildError(
                f"the image `{self.image}` is not here and cannot be pulled",
                hint="what docker said of it stands above",
            )

    def serve(self, *, host: str, port: int, upload_url: str | None = None) -> NoReturn:
        """Become `docker run`: this process ends as the container does, and hands it its signals."""
        command = self.command(host=host, port=port, upload_url=upload_url)
        os.execv(command[0], command)  # noqa: S606


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
