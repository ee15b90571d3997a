"""Where the server's words go: lines or JSON objects on stdout and stderr, written by a thread of their own.

A container's log can stop taking data; then lines are dropped and counted, and predictions go on.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from typing import Any, Dict, Optional

MAX_PENDING = 10_000


class Writer(logging.Handler):
    """Formats records, and writes them from a thread.

    Args:
        as_json: one JSON object a line, rather than text.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._pending: "queue.Queue[Optional[tuple[int, bytes]]]" = queue.Queue(MAX_PENDING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._pending.put_nowait(
                (2 if record.name != "cogserve.model" else self._fd(record), self._bytes(record))
            )
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Give pending lines a moment to go out."""
        try:
            self._pending.put_nowait(None)
            self._thread.join(1.0)
        except queue.Full:
            pass
        super().close()

    def _fd(self, record: logging.LogRecord) -> int:
        return 1 if self._as_json or getattr(record, "source", "") == "stdout" else 2

    def _bytes(self, record: logging.LogRecord) -> bytes:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        if self._as_json:
            line: Dict[str, Any] = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
                + f".{int(record.msecs):03}Z",
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": message.rstrip("\n"),
            }
            for key in ("source", "prediction"):
                value = getattr(record, key, None)
                if value is not None:
                    line[key] = value
            return (json.dumps(line) + "\n").encode()
        if record.name == "cogserve.model":
            return message.encode("utf-8", "replace")  # what the model printed, as it printed it
        clock = time.strftime("%H:%M:%S", time.gmtime(record.created))
        return f"{clock} {record.levelname.lower()} {message}\n".encode("utf-8", "replace")

    def _write(self) -> None:
        while True:
            item = self._pending.get()
            if item is None:
                return
            fd, data = item
            if self._dropped:
                data = f"... {self._dropped} log lines were dropped ...\n".encode() + data
                self._dropped = 0
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError:
                pass


def configure(level: str, log_format: str) -> Writer:
    """Send all the server's records to a new writer, and return it."""
    writer = Writer(as_json=log_format == "json")
    root = logging.getLogger("cogserve")
    root.handlers = [writer]
    root.propagate = False
    root.setLevel({"warn": "WARNING"}.get(level, level.upper()))
    # The model's own words are not the server's: no level of ours hides them.
    logging.getLogger("cogserve.model").setLevel("INFO")
    return writer
