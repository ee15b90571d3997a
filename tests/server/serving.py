# ruff: noqa: A002 - `id` and `input` are what clients call them
"""A real server process with a real worker, for the tests of `tests/server` and `tests/faults`."""

import contextlib
import dataclasses
import functools
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

RUNTIME = Path(__file__).parents[2] / "runtime"
START = "import sys; sys.path[:0] = [sys.argv.pop(1)]; from cogserve.main import main; sys.exit(main())"
# Another interpreter with the server's dependencies can be tried: COG_TEST_PYTHON=…/bin/python.
PYTHON = os.environ.get("COG_TEST_PYTHON", sys.executable)
PATIENCE = 60.0


def starting(script):
    """Return the command that runs a script which starts a server, by this interpreter."""
    return [PYTHON, "-I", "-c", script, RUNTIME]


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def limit_descriptors(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


class Server:
    """One running server. `source` becomes `predict.py` in `folder`, where the worker runs.

    `command` starts it; without one it is run from the source, by this interpreter.
    """

    def __init__(
        self,
        folder,
        source,
        *arguments,
        ref="predict.py:Predictor",
        descriptors=None,
        command=None,
        **environment,
    ):
        self.folder = Path(folder)
        (self.folder / "predict.py").write_text(textwrap.dedent(source))
        self._lines = []
        self._more = threading.Condition()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        settings = {
            "COG_PREDICT_TYPE_STUB": ref,
            "COG_OPENAPI_SCHEMA": str(self.folder / "openapi.json"),
            "COG_LOCK": str(self.folder / "cog.lock"),
            "PYTHONPATH": str(RUNTIME),
            "PYTHONWARNINGS": "error",
            # Short, so that tests of the ladder's later steps do not take long.
            "COG_CANCEL_GRACE": "0.3",
            "COG_KILL_GRACE": "0.3",
            "COG_DRAIN": "5",
        }
        self.process = subprocess.Popen(
            [*(command or starting(START)), "--host", "127.0.0.1", "--port", "0", *arguments],
            cwd=self.folder,
            env={**kept, **settings, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=functools.partial(limit_descriptors, descriptors) if descriptors else None,  # noqa: PLW1509
        )
        self._reading = threading.Event()
        self._reading.set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for_line(r"listening on http://[^:]+:(\d+)").group(1))
        except BaseException:
            self.close()
            raise

    def _read(self):
        for line in self.process.stdout:
            self._reading.wait()
            with self._more:
                self._lines.append(line.decode("utf-8", "replace"))
                self._more.notify_all()
        with self._more:
            self._lines.append(None)
            self._more.notify_all()

    @property
    def output(self):
        return "".join(line for line in self._lines if line is not None)

    def wait_for_line(self, pattern):
        """Return the match of the first line of output that fits."""
        deadline = time.monotonic() + PATIENCE
        with self._more:
            while True:
                for line in self._lines:
                    if line is not None and (match := re.search(pattern, line)):
                        return match
                ended = bool(self._lines) and self._lines[-1] is None
                if ended or not self._more.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no line of the output fits {pattern!r}:\n{self.output}")

    def stop_reading_output(self):
        self._reading.clear()

    def go_on_reading_output(self):
        self._reading.set()

    # Requests

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, method="POST", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
            body = json.dumps(body).encode()
        return self.request(method, path, body, headers)

    def predict(self, *, id=None, method=None, path=None, asynchronous=False, headers=None, **input):
        """Ask for a prediction of these inputs."""
        body = {"input": input}
        if id is not None:
            body["id"] = id
        more = {**({"Prefer": "respond-async"} if asynchronous else {}), **(headers or {})}
        return self.post(path or "/predictions", body, method or "POST", **more)

    def put(self, id, **input):
        return self.predict(method="PUT", path=f"/predictions/{id}", **input)

    def open(self):
        """Return a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    # Waiting

    def until(self, condition, what="it"):
        """Return the first true result of `condition`, asking often."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if result := condition():
                return result
            time.sleep(0.01)
        raise AssertionError(f"{what} did not come about; the output:\n{self.output}")

    def status(self):
        return self.get("/health-check").json["status"]

    def wait_for_status(self, *wanted):
        return self.until(lambda: (status := self.status()) in wanted and status, f"status {wanted}")

    def wait_until_ready(self):
        self.wait_for_status("READY", "BUSY")
        return self

    def wait_for(self, id, *statuses):
        """Return a prediction's state once it has one of these statuses; any final one by default."""
        statuses = statuses or ("succeeded", "failed", "canceled")

        def found():
            answer = self.get(f"/predictions/{id}")
            return answer.status == 200 and answer.json["status"] in statuses and answer.json

        return self.until(found, f"prediction {id} {statuses}")

    def worker_pid(self):
        """Return the pid of the worker that runs now, or as soon as one does."""

        def found():
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:
                with contextlib.suppress(FileNotFoundError):
                    if b"cogworker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
            return None

        return self.until(found, "a worker")

    # The end

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=PATIENCE):
        """Return the exit status."""
        return self.process.wait(timeout)

    def close(self):
        self._reading.set()
        try:
            self._end()
        finally:
            self._reader.join(PATIENCE)
            self.process.stdout.close()

    def _end(self):
        if self.process.poll() is None:
            # Two that are the same may arrive as one.
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


def events(body):
    """Return the server-sent events in a body: pairs of name and data."""
    found = []
    for block in body.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found
