"""How errors are shown: for people, as JSON for programs, and as annotations for GitHub Actions."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze.cli import terminal
from cogfreeze.errors import CogError, ProjectErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)")
# The folder that the files of errors are relative to: the project's, once it is known.
_base = Path()


def relative_to(folder: Path) -> None:
    """Say which folder the files named by errors are relative to."""
    global _base  # noqa: PLW0603  # one command line, one project
    _base = folder


def show(error: CogError, *, as_json: bool) -> None:
    """Print an error, or all the mistakes of a file, on stderr; as JSON on stdout too."""
    errors: Sequence[CogError] = error.errors if isinstance(error, ProjectErrors) else [error]
    for each in errors:
        terminal.show_error(each)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            print(
                annotation("error", str(each.message), each.where, code=each.code, hint=each.hint), file=sys.stderr
            )
    if as_json:
        print(json.dumps({**error.details, "errors": [_as_json(each) for each in errors]}, ensure_ascii=False))


def _as_json(error: CogError) -> dict[str, Any]:
    file, line = _split(error.where)
    return {
        "code": error.code,
        "message": error.message,
        "file": file,
        "line": line,
        "key": error.key,
        "hint": error.hint or error.usual_hint,
    }


def _split(where: str | None) -> tuple[str | None, int | None]:
    """Return the file and line of an error; a place that is neither (a build step) is no file."""
    if where is None:
        return None, None
    if found := _PLACE.fullmatch(where):
        return found["file"], int(found["line"])
    return (None, None) if " " in where else (where, None)


def annotation(level: str, message: str, where: str | None, *, code: str = "", hint: str | None = None) -> str:
    """Return a workflow command that GitHub shows beside the line: `::error file=…,line=…::message`.

    Args:
        level: `error` or `warning`.
    """
    file, line = _split(where)
    properties = []
    if file:
        path = Path(os.path.abspath(_base / file))  # noqa: PTH100  # links stay as they are named
        root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        properties.append(f"file={_escaped(str(shown), more=':,')}")
    if line:
        properties.append(f"line={line}")
    if code:
        properties.append(f"title={_escaped(code, more=':,')}")
    text = f"{message}\nhint: {hint}" if hint else message
    return f"::{level} {','.join(properties)}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """Percent-encode what would end a workflow command or one of its properties."""
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{more}" else char for char in text)
