"""The command: reads the settings, starts the worker, and loads the server while the model is loading."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import signal
import socket
from functools import partial
from typing import Callable, List, Optional, Union

from cogserve import logs
from cogserve import settings as settings_module
from cogserve.schema import documents
from cogserve.settings import BadSettings, Settings
from cogserve.worker import spawn

log = logging.getLogger("cogserve")


class Starts:
    """Starts workers; the first one at once, for the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._first: Union[spawn.Started, OSError, None]
        try:
            self._first = self._start()
        except OSError as error:
            self._first = error

    def __call__(self) -> spawn.Started:
        """Return a started worker.

        Raises:
            OSError: it could not be started.
        """
        first, self._first = self._first, None
        if isinstance(first, OSError):
            raise first
        return self._start() if first is None else first

    def abandon(self) -> None:
        """End the first worker if it was never used."""
        if isinstance(self._first, spawn.Started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._first.process.pid, signal.SIGKILL)
            self._first.process.wait()
            self._first.close()

    def _start(self) -> spawn.Started:
        settings = self._settings
        return spawn.start(settings.ref, settings.mode, None if settings.upload_url else settings.max_output)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run a server; the command `python -m cog.server.http`. Return the exit status."""
    try:
        settings = settings_module.read(settings_module.parser().parse_args(arguments))
    except BadSettings as error:
        for name, text in error.mistakes:
            os.write(2, f"error: {name}: {text}\n".encode())
        os.write(2, b"hint: docs/http.md lists every setting of the server\n")
        return 2
    writer = logs.configure(settings.log_level, settings.log_format)
    starts = Starts(settings)
    try:
        if settings.webhook_token and not settings.webhook_token_hosts:
            log.warning("WEBHOOK_AUTH_TOKEN is not sent to anyone: COG_WEBHOOK_AUTH_HOSTS names no host")
        server = _load(settings, starts)
        # The garbage collector skips what lives as long as the process, and runs less often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        server()
    except Exception as error:
        cause = _refusal(error)
        if cause is None:
            log.exception("the server failed")
        else:
            where = f"{settings.host} port {settings.port}"
            log.error("the server cannot listen on %s: %s", where, cause.strerror or cause)
        return 1
    finally:
        starts.abandon()
        writer.close()
    return 0


def _load(settings: Settings, start: Callable[[], spawn.Started]) -> Callable[[], None]:
    """Return a function that runs the server."""
    openapi = documents.openapi(settings)

    import trio

    from cogserve.server import Server

    return partial(trio.run, Server(settings, openapi, start).run)


def _refusal(error: BaseException) -> Optional[OSError]:
    """Return the system's error if the server failed because it could not listen."""
    for inner in getattr(error, "exceptions", ()):
        found = _refusal(inner)
        if found is not None:
            return found
    listening = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
    if isinstance(error, OSError) and (error.errno in listening or isinstance(error, socket.gaierror)):
        return error
    return None
