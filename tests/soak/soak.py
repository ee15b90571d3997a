"""A soak: servers under mixed load, and what they and their workers weigh meanwhile."""

import contextlib
import dataclasses
import json
import statistics
import time
from pathlib import Path

from tests.server.serving import Server
from tests.soak.clients import ASYNC, SYNC, Clients

# After this share of the time everything that grows at first has grown: pools, caches, kept results.
WARM = 0.4
CLIENTS = 3
MEBIBYTE = 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weight:
    """What a process has at one moment: resident bytes, and open files."""

    moment: float
    memory: float
    files: int


class Weighed:
    """One process, weighed again and again."""

    def __init__(self, name, pid):
        self.name = name
        self.pid = pid
        self.first = self.weigh()
        self.weights = []

    def weigh(self):
        resident = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4096
        files = sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())
        return Weight(moment=time.monotonic(), memory=resident / MEBIBYTE, files=files)

    def note(self):
        self.weights.append(self.weigh())

    @property
    def _warm(self):
        return self.weights[int(len(self.weights) * WARM) :]

    def growth(self):
        """Return MiB by which the last of the weights are over the first ones after it was warm."""
        warm = self._warm
        third = max(len(warm) // 3, 1)
        before, after = warm[:third], warm[-third:]
        return statistics.median(w.memory for w in after) - statistics.median(w.memory for w in before)

    def slope(self):
        """Return the growth in MiB an hour: the median of the slopes between the warm time's halves."""
        half = len(self._warm) // 2
        pairs = zip(self._warm[:half], self._warm[-half:], strict=True)
        return 3600 * statistics.median((b.memory - a.memory) / (b.moment - a.moment) for a, b in pairs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a process may have more at the end.

    Attributes:
        memory: MiB from after it was warm to the end.
        files: open files when all clients have gone, over those when the server was ready.
        pause: seconds for which one task of a server may keep all others waiting.
        held: bytes that a server may count as held when all results have expired.
    """

    memory: float = 4.0
    files: int = 3
    pause: float = 1.0
    held: int = 64 * 1024


class Soak:
    """Three servers: with a sync model, with an async one, and with one whose process is killed now and then."""

    def __init__(self, folder, hooks, pace):
        hooks.answers["/file"] = (200, {}, b"x" * 50_000)
        self._hooks = hooks
        self._folder = Path(folder)
        self._stack = contextlib.ExitStack()
        self.clients = {}
        self.weighed = []
        with contextlib.ExitStack() as stack:
            for name, source in (("sync", SYNC), ("async", ASYNC), ("killed", SYNC)):
                server = stack.enter_context(contextlib.closing(self._start(name, source)))
                server.wait_until_ready()
                self.clients[name] = Clients(server, hooks, killed=name == "killed", pace=pace)
                self.weighed.append(Weighed(f"server, {name}", server.process.pid))
                if name != "killed":
                    self.weighed.append(Weighed(f"worker, {name}", server.worker_pid()))
            self._stack = stack.pop_all()

    def _start(self, name, source):
        place = self._folder / name
        (place / "temporary").mkdir(parents=True)
        return Server(
            place,
            source,
            TMPDIR=str(place / "temporary"),
            COG_ALLOW_PRIVATE_URLS="127.0.0.1",
            COG_RESULTS_TTL="5",
            # An image's own: on a busy machine a cancel may take longer than other tests allow, and a worker
            # that is replaced cannot be weighed on.
            COG_CANCEL_GRACE="5",
            COG_KILL_GRACE="2",
            COG_MAX_CONCURRENCY="8" if name == "async" else "1",
        )

    def run(self, seconds, tell=lambda _text: None):
        """Load all servers for so long."""
        for clients in self.clients.values():
            clients.start(CLIENTS)
        ending = time.monotonic() + seconds
        told = time.monotonic()
        try:
            while time.monotonic() < ending:
                time.sleep(0.5)
                self._weigh()
                self._hooks.requests.clear()
                if time.monotonic() - told > 15:
                    told = time.monotonic()
                    now = ", ".join(f"{w.weights[-1].memory:.1f} MiB {w.weights[-1].files}" for w in self.weighed)
                    tell(f"{ending - told:4.0f} s to go: {self.count()} done; {now}")
        finally:
            for clients in self.clients.values():
                clients.stop()

    def _weigh(self):
        for each in self.weighed:
            try:
                each.note()
            except FileNotFoundError:
                said = "\n".join(clients.server.output[-2000:] for clients in self.clients.values())
                raise AssertionError(f"{each.name}: its process has gone; the servers say\n{said}") from None

    def count(self):
        return sum(sum(clients.done.values()) for clients in self.clients.values())

    def mistakes(self, limits):
        """Return what is wrong, when all clients have gone."""
        found = [
            f"{name}: {failure}" for name, clients in self.clients.items() for failure in clients.failures[:20]
        ]
        found += [
            f"{name}: nobody did `{kind}`"
            for name, clients in self.clients.items()
            for kind, count in clients.done.items()
            if not count
        ]
        for clients in self.clients.values():
            clients.server.until(lambda server=clients.server: _idle(server), "an idle server")
        for name, clients in self.clients.items():
            pause = metric(clients.server, "cog_loop_longest_pause_seconds")
            if pause > limits.pause:
                found.append(f"{name}: one task kept the others waiting for {pause:.2f} s")
            if not self._given_back(clients.server, limits):
                held = metric(clients.server, "cog_memory_bytes")
                found.append(f"{name}: counts {held:.0f} bytes as held, and holds nothing")
        for each in self.weighed:
            files = self._settled(each, limits)
            if files > each.first.files + limits.files:
                found.append(f"{each.name}: {files} open files, and {each.first.files} at the start")
            if each.growth() > limits.memory:
                found.append(f"{each.name}: grew by {each.growth():.1f} MiB after it was warm")
        return [*found, *self._left_behind()]

    def _given_back(self, server, limits):
        """Whether a server counts nothing as held once its results have expired."""
        deadline = time.monotonic() + 30
        while metric(server, "cog_memory_bytes") > limits.held:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _settled(self, each, limits):
        """Return how many files are open when those of the clients that have gone are closed."""
        deadline = time.monotonic() + 5
        while (files := each.weigh().files) > each.first.files + limits.files and time.monotonic() < deadline:
            time.sleep(0.1)
        return files

    def _left_behind(self):
        """Return files of predictions that have ended."""
        deadline = time.monotonic() + 30
        while True:
            left = [
                path for path in self._folder.glob("*/temporary/**/*") if path.is_file() and path.name != ".lock"
            ]
            if not left or time.monotonic() > deadline:
                return [f"{len(left)} files are left behind, one is {left[0]}"] if left else []
            time.sleep(0.1)

    def close(self):
        self._stack.close()


def _idle(server):
    return metric(server, "cog_predictions_inside") == 0


def metric(server, name):
    lines = server.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def table(soak):
    """Return what was weighed as a table."""
    lines = ["| process | MiB, warm | MiB, end | growth, MiB | MiB an hour | open files, start | most | end |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|--:|"]
    for each in soak.weighed:
        end = each.weigh()
        warm = each.weights[int(len(each.weights) * WARM)]
        most = max(weight.files for weight in each.weights)
        sizes = f"{warm.memory:.1f} | {each.weights[-1].memory:.1f} | {each.growth():+.2f} | {each.slope():+.1f}"
        lines.append(f"| {each.name} | {sizes} | {each.first.files} | {most} | {end.files} |")
    done = {name: clients.done for name, clients in soak.clients.items()}
    pauses = {
        name: metric(clients.server, "cog_loop_longest_pause_seconds") for name, clients in soak.clients.items()
    }
    return "\n".join([*lines, "", f"longest pauses, s: {json.dumps(pauses)}", json.dumps(done)])
