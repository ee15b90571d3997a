"""A server of the test's own: starts a real worker over a socketpair and speaks frames with it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from cogworker.frames import Decoder, encode

RUNTIME = Path(__file__).parents[3] / "runtime"
TIMEOUT = 30.0


class WorkerProcess:
    """A worker in `folder`. Use as a context manager; it is killed at the end if it lives still."""

    def __init__(
        self,
        folder: Path,
        source: str,
        *,
        reference: str = "predict.py:Predictor",
        train: bool = False,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        (folder / "predict.py").write_text(textwrap.dedent(source))
        self.folder = folder
        self.outputs = folder / "prediction"
        self.outputs.mkdir(exist_ok=True)
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(TIMEOUT)
        self._decoder = Decoder()
        self._frames: list[tuple[dict[str, Any], bytes]] = []
        self._ended: list[tuple[dict[str, Any], bytes]] = []  # the `done` that no test has asked for yet
        words = ["--fd", str(theirs.fileno()), "--predict", reference, *(["--train"] if train else [])]
        self.process = subprocess.Popen(
            [python, "-u", "-m", "cogworker", *words],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(RUNTIME), **(environment or {})},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        theirs.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self.socket.sendall(encode(header, payload) + payload)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next frame; EOFError where the worker has gone."""
        while True:
            for frame in self._decoder:
                self._frames.append(frame)
                if frame[0]["type"] == "done":
                    self._ended.append(frame)
                return frame
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError(f"the worker ended: {self.process.wait()}")
            self._decoder.feed(data)

    def until(self, kind: str, **keys: Any) -> tuple[dict[str, Any], bytes]:
        """Receive until a frame of that type with these keys, and return it."""
        while True:
            header, payload = self.receive()
            if header["type"] == kind and keys.items() <= header.items():
                return header, payload

    def ready(self) -> WorkerProcess:
        header, _ = self.receive_first("ready", "setup_failed")
        assert header["type"] == "ready", (header, self.logs())
        return self

    def receive_first(self, *kinds: str) -> tuple[dict[str, Any], bytes]:
        while True:
            header, payload = self.receive()
            if header["type"] in kinds:
                return header, payload

    def start(self, prediction: str = "p1", **inputs: Any) -> None:
        header = {"type": "predict", "id": prediction, "context": {"who": prediction}, "folder": str(self.outputs)}
        self.send(header, json.dumps(inputs).encode())

    def done(self, prediction: str = "p1") -> dict[str, Any]:
        """Wait for a prediction's end: its header, and the parsed output under `output`."""
        while not (found := [each for each in self._ended if each[0]["id"] == prediction]):
            self.until("done")
        header, payload = found[0]
        self._ended.remove(found[0])
        return {**header, "output": json.loads(payload) if payload else None}

    def predict(self, prediction: str = "p1", **inputs: Any) -> dict[str, Any]:
        self.start(prediction, **inputs)
        return self.done(prediction)

    def cancel(self, prediction: str = "p1") -> None:
        self.send({"type": "cancel", "id": prediction})

    def frames(self, kind: str, **keys: Any) -> list[tuple[dict[str, Any], bytes]]:
        """The frames received so far, of a type and with these keys."""
        return [frame for frame in self._frames if frame[0]["type"] == kind and keys.items() <= frame[0].items()]

    def logs(self, prediction: str | None = None) -> str:
        return b"".join(payload for _, payload in self.frames("log", id=prediction)).decode()

    def shut_down(self) -> int:
        """Have it end by itself, and return the exit status."""
        self.send({"type": "shutdown"})
        return self.process.wait(TIMEOUT)
