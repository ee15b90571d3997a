"""The server's log: lines or JSON objects on stdout and stderr, written by a thread.

If nobody reads a container's output, lines are dropped and counted, and predictions go on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Tuple

MAX_PENDING_BYTES = 16 * 1024 * 1024
# The logger of what the model prints.
MODEL = "cogserve.model"


class Writer(logging.Handler):
    """Formats records, and writes them in a thread.

    Args:
        as_json: one JSON object a line, rather than text.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._changed = threading.Condition()
        # These are used only under the condition's lock.
        self._pending: Deque[Tuple[int, bytes]] = deque()
        self._pending_bytes = 0
        self._dropped = 0
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        data = self._bytes(record)
        with self._changed:
            if self._pending_bytes + len(data) > MAX_PENDING_BYTES:
                self._dropped += 1
                return
            self._pending.append((self._fd(record), data))
            self._pending_bytes += len(data)
            self._changed.notify()

    def close(self) -> None:
        """Write pending lines, for up to a second."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(1.0)
        super().close()

    def _fd(self, record: logging.LogRecord) -> int:
        return 1 if self._as_json or getattr(record, "source", None) == "stdout" else 2

    def _bytes(self, record: logging.LogRecord) -> bytes:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        if self._as_json:
            lines = message.splitlines() if record.name == MODEL else [message]
            return "".join(_json(record, line) for line in lines).encode()
        if record.name == MODEL:
            return message.encode("utf-8", "replace")  # exactly what the model printed
        clock = time.strftime("%H:%M:%S", time.gmtime(record.created))
        return f"{clock} {record.levelname.lower()} {message}\n".encode("utf-8", "replace")

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._closed:
                    self._changed.wait()
                if not self._pending:
                    return
                fd, data = self._pending.popleft()
                self._pending_bytes -= len(data)
                dropped, self._dropped = self._dropped, 0
            if dropped and not self._as_json:
                data += f"... {dropped} messages were dropped, because nobody read the log ...\n".encode()
            with contextlib.suppress(OSError):
                while data:
                    data = data[os.write(fd, data) :]


def _json(record: logging.LogRecord, message: str) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
    line: Dict[str, Any] = {
        "time": moment,
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": message,
    }
    for key in ("source", "prediction"):
        value = getattr(record, key, None)
        if value is not None:
            line[key] = value
    return json.dumps(line) + "\n"


def configure(level: str, log_format: str) -> Writer:
    """Send all log records of the server to a new writer, and return it."""
    writer = Writer(as_json=log_format == "json")
    root = logging.getLogger("cogserve")
    root.handlers = [writer]
    root.propagate = False
    root.setLevel({"warn": "WARNING"}.get(level, level.upper()))
    # What the model prints is not filtered by the server's log level.
    logging.getLogger(MODEL).setLevel("INFO")
    return writer
