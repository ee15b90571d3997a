"""The folders that predictions get for their files: each its own while it lives, empty when it gets it."""

from __future__ import annotations

import os
import shutil
from typing import List

import trio


class Folders:
    """Gives out folders below one.

    Most predictions leave theirs empty, and the next gets it: making and removing one costs a journal more
    than many a prediction takes.

    Args:
        root: absolute, without links in it.
        nursery: where folders that are not empty are removed.
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
        if self._free:
            return self._free.pop()
        # By number: a prediction's id is the client's text, and has no business in a path.
        self._made += 1
        folder = f"{self._root}/{self._made}"
        os.mkdir(folder, 0o700)
        return folder

    def give_back(self, folder: str, *, untouched: bool = False) -> None:
        """Take a folder back; what is in it is removed. `untouched` says that it is surely empty."""
        try:
            if untouched or not os.listdir(folder):
                self._free.append(folder)
                return
        except OSError:
            pass  # the model has removed it, or closed it to us
        self._nursery.start_soon(self._remove, folder)

    async def _remove(self, folder: str) -> None:
        await trio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
