"""The folders for the files of predictions: each has one of its own while it lives, which is empty at first."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import List

import trio


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
