"""Reads buildx's progress (`--progress rawjson`): shows it, and explains a failed build."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import BuildError, CogError, IntegrityError
from cogfreeze.recipe import layout

if TYPE_CHECKING:
    from cogfreeze.report import Report

_STEP = re.compile(r"\[(?P<stage>[^\s\]]+)(?: \d+/\d+)?\] (?P<what>.*)", re.DOTALL)
_COMMAND_FILE = re.compile(rf"source={layout.COMMANDS}/(\d+)\.sh,")
_KEPT_LINES = 400
_SHOWN_LINES = 20
# Messages about a wrong hash, from the tools that check them.
_WRONG_HASH = re.compile(r"^(?P<file>\S+): FAILED|Hash mismatch for `(?P<package>[^`]+)`|Hash Sum mismatch")
_OUR_PREFIX = "cogfreeze: "
# Messages about a missing network: curl, wget, apt, pip, uv, npm, git, Go and Python programs.
_NO_NETWORK = re.compile(
    r"(?i)(?:could not|unable to|cannot) resolve|name resolution|failure resolving|failed to (?:establish|lookup)"
    r"|network is unreachable|no such host|EAI_AGAIN|ENOTFOUND"
)
_NO_HEADER = re.compile(r"fatal error: (\S+): No such file or directory")
# buildx's messages about a lost connection.
_LOST = re.compile(r"code = Unavailable|error reading from server|connection refused|broken pipe|: EOF$")


class FrontendMissing(BuildError):
    """The engine cannot pull the pinned Dockerfile frontend."""


@dataclass(slots=True, kw_only=True)
class _Step:
    name: str
    started: str | None = None
    completed: str | None = None
    cached: bool = False
    is_command: bool = False
    began_build: bool = False
    reported: bool = False
    error: str | None = None
    lines: list[str] = field(default_factory=list)
    partial: str = ""


class Progress:
    """Reads buildx's output line by line.

    Args:
        every_line: also show what commands print.
        quiet: show nothing.
    """

    def __init__(self, report: Report, *, every_line: bool = False, quiet: bool = False) -> None:
        self._report = report
        self._every_line = every_line
        self._quiet = quiet
        self._steps: dict[str, _Step] = {}
        self._other: list[str] = []

    def feed(self, line: str) -> None:
        """Read one line of buildx's stderr."""
        try:
            event = json.loads(line)
        except ValueError:
            self._other.append(line.rstrip())
            return
        for vertex in event.get("vertexes") or ():
            self._vertex(vertex)
        for log in event.get("logs") or ():
            self._log(log)

    def reused(self) -> tuple[str, ...]:
        """Return the names of the steps whose command did not run in this build.

        The engine marks the ones from its cache. It may also share a step with another build that runs at the same
        time: such a step began before this build did.
        """
        began = min(
            (_time(step.started) for step in self._steps.values() if step.began_build and step.started),
            default=None,
        )
        return tuple(
            step.name
            for step in self._steps.values()
            if step.is_command and (step.cached or (began and step.started and _time(step.started) < began))
        )

    def failure(self, frontend: str | None) -> CogError:
        """Return an error with the step that failed and the end of its output.

        Args:
            frontend: the pinned frontend that the build asked for.
        """
        # When one step fails, the engine cancels the others, which then report an error too.
        failed = [step for step in self._steps.values() if step.error and "context canceled" not in step.error]
        if not failed:
            said = next((line for line in reversed(self._other) if line), "no output from the engine")
            said = said.removeprefix("ERROR: ")
            if not _LOST.search(said):
                return BuildError(f"the build failed: {said}")
            running = [(step.started, step.name) for step in self._steps.values() if not step.completed]
            latest = max(((started, name) for started, name in running if started), default=None)
            return BuildError(
                f"the connection to the engine was lost: {said}",
                where=_where(latest[1]) if latest else None,
                hint="check that Docker is running, then build again; finished steps are cached",
            )
        step = failed[0]
        if frontend and _repository(frontend) in step.name:
            return FrontendMissing(f"the engine cannot pull the Dockerfile frontend `{frontend}`")
        lines = [*step.lines, *([step.partial] if step.partial else [])]
        return _step_error(step, lines)

    def _vertex(self, vertex: dict[str, Any]) -> None:
        step = self._steps.setdefault(vertex["digest"], _Step(name=_name(vertex.get("name", ""))))
        step.error = vertex.get("error") or step.error
        started, completed = vertex.get("started"), vertex.get("completed")
        step.started, step.completed = started or step.started, completed or step.completed
        # The first thing that every build does, at its own time.
        step.began_build = vertex.get("name", "") == "[internal] load build definition from Dockerfile"
        step.cached = step.cached or bool(vertex.get("cached"))
        matched = _STEP.match(vertex.get("name", ""))
        if matched and matched["stage"] not in ("internal", "auth") and matched["what"].startswith("RUN"):
            step.is_command = True
            if completed and not step.reported and not vertex.get("error"):
                step.reported = True
                self._note(f"  {step.name}: {_duration(vertex.get('cached', False), step.started, completed)}")

    def _log(self, log: dict[str, Any]) -> None:
        step = self._steps.get(log["vertex"])
        if step is None:
            return
        text = step.partial + base64.b64decode(log.get("data") or "").decode(errors="replace")
        *whole, step.partial = text.split("\n")
        for line in whole:
            # A progress bar overwrites its line; show the last state.
            shown = line.rstrip("\r").rsplit("\r", 1)[-1]
            step.lines.append(shown)
            if self._every_line:
                self._note(f"  {step.name} | {shown}")
        del step.lines[:-_KEPT_LINES]

    def _note(self, message: str) -> None:
        if not self._quiet:
            self._report.note(message)


def _repository(reference: str) -> str:
    return reference.partition("@")[0].rpartition(":")[0]


def _name(vertex: str) -> str:
    """Return a step's short name: a command's key, its stage, or the first line of the engine's name for it."""
    matched = _STEP.match(vertex)
    if matched and matched["stage"] not in ("internal", "auth", "context"):
        command = _COMMAND_FILE.search(matched["what"])
        return f"build.run[{int(command[1]) - 1}]" if command else matched["stage"]
    return vertex.splitlines()[0] if vertex else "a step"


def _where(name: str) -> str:
    return name if name.startswith("build.run[") else f"step `{name}`"


def _duration(cached: bool, started: str | None, completed: str) -> str:
    if cached or started is None:
        return "unchanged"
    return f"{(_time(completed) - _time(started)).total_seconds():.1f} s"


def _time(text: str) -> datetime:
    # datetime has microseconds at most.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00")))


def _step_error(step: _Step, lines: list[str]) -> CogError:
    where = _where(step.name)
    for line in lines:
        if wrong := _WRONG_HASH.search(line):
            what = wrong["file"] or wrong["package"]
            named = f"`{what}`" if what else "a file"
            return IntegrityError(
                f"{named} has another SHA-256 than cog.lock says",
                where=where,
                hint="find out why it changed before you build again",
            )
        if line.startswith(_OUR_PREFIX):
            return BuildError(
                line.removeprefix(_OUR_PREFIX),
                where=where,
                hint="run `cog lock` on a machine that can reach the registry",
            )
    error = step.error or ""
    code = re.search(r"exit code: (\d+)", error)
    what = "the export" if step.name.startswith("exporting") else "the command"
    reason = f"failed with exit status {code[1]}" if code else f"failed: {error.splitlines()[0] if error else ''}"
    shown = "".join(f"\n  {line}" for line in lines[-_SHOWN_LINES:])
    return BuildError(f"{what} {reason}{':' if shown else ''}{shown}", where=where, hint=_hint(step, lines))


def _hint(step: _Step, lines: list[str]) -> str:
    text = "\n".join(lines[-_SHOWN_LINES:])
    if "No space left on device" in text or "no space left on device" in (step.error or ""):
        return "free some disk space; `docker system df` shows what Docker uses"
    if header := _NO_HEADER.search(text):
        return f"`{header[1]}` is missing: add its package, usually `lib…-dev`, to `build.build_packages`"
    if "Syntax error: redirection unexpected" in text:
        return "commands run with `/bin/sh`: for bash's syntax, make `#!/bin/bash` the first line"
    if _NO_NETWORK.search(text):
        return (
            "commands have no network: lock what this command downloads (`cog lock` shows how), or allow it with"
            " `network: true`, which makes the image not reproducible"
        )
    return "`--progress plain` shows the full output"
