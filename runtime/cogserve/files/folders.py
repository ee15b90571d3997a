"""The folders for the files of predictions: each has one of its own while it lives, which is empty at first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from typing import List

import trio

PREFIX = "cog-"
LOCK = ".lock"


class Root:
    """A new folder for all files of one server. A lock says that the server is running.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self) -> None:
        # Without links in the path, so that paths inside it can be recognised.
        self.path = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX))
        made = os.path.join(self.path, f"{LOCK}.new")
        self._lock = os.open(made, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.rename(made, os.path.join(self.path, LOCK))  # from now on, it is locked whenever it is there

    def remove(self) -> None:
        """Remove the folder with all files."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_abandoned() -> None:
    """Remove the folders of servers that were killed."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [one.path for one in entries if one.name.startswith(PREFIX) and one.is_dir(follow_symlinks=False)]
    for path in found:
        with contextlib.suppress(OSError):  # it has no lock, is in use, or is another user's
            lock = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


class Folders:
    """Gives out folders inside one.

    Most predictions leave theirs empty, and the next one gets it: on a disk with a journal, making and removing
    a folder can take longer than a prediction.

    Args:
        root: absolute, without links in it.
        nursery: runs the removal of folders that are not empty.
    """

    def __init__(self, root: str, nursery: trio.Nursery) -> None:
        self._root = root
        self._nursery = nursery
        self._made = 0
        self._free: List[str] = []

    def take(self) -> str:
        """Return the path of an empty folder.

        Raises:
            OSError: it cannot be made.
        """
        while self._free:
            folder = self._free.pop()
            if os.path.isdir(folder):  # unless someone has cleaned the temporary folder
                return folder
        folder = self._path()
        os.mkdir(folder, 0o700)
        return folder

    def new_file(self) -> str:
        """Return a path for a new file beside the folders.

        Raises:
            OSError: their parent folder cannot be made.
        """
        return self._path()

    def _path(self) -> str:
        # By number: a prediction's id is the client's text, and must not become part of a path.
        self._made += 1
        os.makedirs(self._root, 0o700, exist_ok=True)  # again, if someone has cleaned the temporary folder
        return f"{self._root}/{self._made}"

    def give_back(self, folder: str, *, untouched: bool = False) -> None:
        """Take a folder back; what is in it is removed. `untouched` says that it is known to be empty."""
        try:
            if untouched or not os.listdir(folder):
                self._free.append(folder)
                return
        except OSError:
            pass  # the model has removed it, or made it unreadable
        self._nursery.start_soon(self._remove, folder)

    def remove_file(self, path: str) -> None:
        """Remove a file that `new_file` has named."""
        self._nursery.start_soon(self._remove_file, path)

    async def _remove_file(self, path: str) -> None:
        with contextlib.suppress(OSError):
            await trio.to_thread.run_sync(os.unlink, path)

    async def _remove(self, folder: str) -> None:
        await trio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
