"""The two servers that are compared: how each is installed, started and ended."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import bundled
from cogfreeze.local.runtime import split_runtime
from cogfreeze.resolve.python import uv_binary
from cogfreeze.resolve.runtime import runtime_wheels
from cogfreeze.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
SETTINGS = Settings.from_environment()
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
PATIENCE = 30.0
KEPT = ("HOME", "TMPDIR", "LANG")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: the interpreter of its environment, and what its process is told beside the predictor."""

    name: str
    version: str
    python: Path
    variables: dict[str, str]


def ours(home: Path) -> Side:
    """Install the server as `cog serve --local` does: its locked closure beside an empty environment."""
    lines = [
        f"{each.name}=={each.version} --hash=sha256:{each.sha256}"
        for each in runtime_wheels(PYTHON, PLATFORM, glibc=None)
        if each.name not in ("uv", "dumb-init")
    ]
    _install(home, "\n".join(lines), target=home / "server")
    sdk = split_runtime(SETTINGS)
    path = os.pathsep.join(map(str, (home / "server", sdk / "server")))
    parser = "httptools" if (home / "server/httptools").is_dir() else "h11, for its closure lacks httptools"
    version = _answer(sys.executable, "from importlib.metadata import version; print(version('cogfreeze'))")
    return Side(
        name="cogfreeze",
        version=f"{version} (on {parser})",
        python=home / "venv/bin/python",
        variables={"PYTHONPATH": str(sdk / "sdk"), "COG_SERVER_PATH": path},
    )


def theirs(home: Path) -> Side:
    """Install the wheels that the package index has of coglet, and of the SDK that starts it."""
    _install(home, (HERE / "coglet.txt").read_text())
    python = home / "venv/bin/python"
    version = _answer(python, "from importlib.metadata import version; print(version('coglet'))")
    return Side(name="coglet", version=version, python=python, variables={})


def _install(home: Path, requirements: str, target: Path | None = None) -> None:
    """Make an environment of exactly these requirements, unless it is there already."""
    mark = hashlib.sha256(f"{sys.version}\n{requirements}".encode()).hexdigest()
    if (home / "done").is_file() and (home / "done").read_text() == mark:
        return
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "requirements.txt").write_text(requirements)
    into = ["--target", str(target)] if target is not None else []
    tool = uv_binary()
    subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, home / "venv"], check=True)
    command = [
        tool,
        "pip",
        "install",
        "--quiet",
        "--python",
        home / "venv",
        "--require-hashes",
        "--no-deps",
        *into,
    ]
    subprocess.run([*command, "-r", home / "requirements.txt"], check=True)
    (home / "done").write_text(mark)


def _answer(python: str | Path, code: str) -> str:
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def project(home: Path, predictor: str) -> Path:
    """Make a project's folder, with the OpenAPI document where coglet looks for it; both servers get that one."""
    folder = home / predictor
    (folder / ".cog").mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "predict.py", folder)
    document = subprocess.run(
        [sys.executable, "-m", "cog.schema", f"predict.py:{predictor}"],
        cwd=folder,
        env={"PYTHONPATH": str(bundled.RUNTIME)},
        check=True,
        capture_output=True,
    )
    (folder / ".cog/openapi_schema.json").write_bytes(document.stdout)
    return folder


class Server:
    """One server that runs.

    Attributes:
        seconds: from the process's start until `/health-check` said READY.
    """

    def __init__(self, side: Side, folder: Path, slots: int) -> None:
        self.port = _free_port()
        variables = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            # coglet starts its worker by the PATH's first python.
            "PATH": os.pathsep.join([str(side.python.parent), os.defpath]),
            "PYTHONUNBUFFERED": "1",
            "COG_PREDICT_TYPE_STUB": f"predict.py:{folder.name}",
            "COG_MAX_CONCURRENCY": str(slots),
            "COG_OPENAPI_SCHEMA": str(folder / ".cog/openapi_schema.json"),
            "PORT": str(self.port),
            **side.variables,
        }
        self.log = folder / f"{side.name}.log"
        command = [side.python, "-m", "cog.server.http", "--host", "127.0.0.1"]
        begun = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_ready(begun + PATIENCE)
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - begun

    def _wait_ready(self, deadline: float) -> None:
        while time.perf_counter() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                with contextlib.closing(connection):
                    connection.request("GET", "/health-check")
                    status = json.loads(connection.getresponse().read())["status"]
                if status == "READY":
                    return
                if status == "SETUP_FAILED":
                    break
            time.sleep(0.002)
        raise SystemExit(f"error: a server did not become ready; its log is {self.log}")

    def memory(self) -> int:
        """Return the bytes that the server and all its processes have; of what they share, their part."""
        total = 0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total

    def processor(self) -> float:
        """Return the seconds of processor time that it and all its processes have taken."""
        ticks = 0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it, and whatever it leaves behind: that must not disturb the next measurement."""
        with contextlib.ExitStack() as stack:
            descendants = []
            for pid in _tree(self.process.pid)[1:]:
                with contextlib.suppress(OSError):
                    descendants.append(os.pidfd_open(pid))
                    stack.callback(os.close, descendants[-1])
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for descendant in descendants:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descendant, signal.SIGKILL)


@contextlib.contextmanager
def running(side: Side, folder: Path, slots: int = 1) -> Iterator[Server]:
    server = Server(side, folder, slots)
    try:
        yield server
    finally:
        server.close()


def _tree(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
