"""Gives each prediction its own temporary folder: the prediction's folder, which the server removes at its end.

So the files that a model leaves in the temporary folder do not fill the disk of a server that runs for months.
Outside predictions, and in `setup`, the temporary folder is the process's usual one.

While a synchronous prediction runs, TMPDIR names its folder, for C code and child processes too. With several
predictions at once, only Python's `tempfile` can tell them apart.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Callable, Optional

from cog.scope import current_scope


def clear(folder: str) -> None:
    """Remove what is in a folder, as far as possible."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # the model has removed it, or made it unreadable
        return
    for entry in entries:
        import shutil

        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(entry.path)


class Alone:
    """The temporary folder of one synchronous prediction at a time."""

    def __init__(self) -> None:
        import tempfile

        self._module: Any = tempfile
        self._usual: Optional[str] = None
        self._variable: Optional[str] = None
        self._folder = ""

    def enter(self, folder: str) -> None:
        """Use the folder until `leave`."""
        self._folder = folder
        self._usual, self._variable = self._module.tempdir, os.environ.get("TMPDIR")
        self._module.tempdir = os.environ["TMPDIR"] = folder

    def leave(self) -> None:
        """Use the former folder again, except where the model has set another one meanwhile."""
        if self._module.tempdir == self._folder:
            self._module.tempdir = self._usual
        if os.environ.get("TMPDIR") != self._folder:
            return
        if self._variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = self._variable


def install_for_tasks() -> None:
    """Make `tempfile` use the folder of the prediction whose task calls it."""
    import tempfile

    usual: Callable[[], str] = tempfile.gettempdir

    def gettempdir() -> str:
        return current_scope()._folder or usual()

    tempfile.gettempdir = gettempdir
    tempfile.gettempdirb = lambda: os.fsencode(gettempdir())
