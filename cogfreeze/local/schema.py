"""The OpenAPI document of a project, read from its source by `runtime/cog/schema`.

Read by the target's Python where this machine has it: a newer one would take syntax that the image's does not
know, an older one would refuse what it does. Nothing of the model's is imported, so none of its packages are
needed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from cogfreeze import bundled
from cogfreeze.errors import ProjectError, ProjectErrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cogfreeze.project.model import Project
    from cogfreeze.report import Report

# Isolated: neither a file of the project nor a variable of the machine's may stand in for a module that is needed.
_READ = (
    "import sys; sys.path.insert(0, {sdk!r}); from cog.schema.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
_MISTAKES = 2


def schema_of(folder: Path, project: Project, report: Report | None = None) -> str:
    """Return the OpenAPI document of what the project predicts and trains, as canonical JSON text.

    Args:
        folder: the project's.
        report: gets the warnings.

    Raises:
        ProjectErrors: every mistake in the signatures, with file and line.
    """
    references = [project.predict] if project.predict else []
    if project.train:
        references += ["--train", project.train]
    for python in _interpreters(project.build.python_version):
        done = subprocess.run(
            [python, "-I", "-B", "-c", _READ.format(sdk=str(bundled.RUNTIME)), *references],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            if report is not None:
                for warning in _mistakes(done.stderr):
                    where = f"{warning['file']}:{warning['line']}"
                    report.warn(f"{where}: {warning['message']}", hint=warning["hint"])
            return done.stdout.decode()
        if done.returncode == _MISTAKES:
            raise ProjectErrors([_error(mistake) for mistake in _mistakes(done.stderr)])
    talk = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise ProjectError(f"the predictor's source cannot be read: {talk}", where=project.predict or project.train)


def _interpreters(version: str) -> Iterator[str]:
    """The target's Python, if it is at hand, then ours; the first may be a stand-in that runs nothing."""
    minor = ".".join(version.split(".")[:2])
    if minor != f"{sys.version_info[0]}.{sys.version_info[1]}":
        target = shutil.which(f"python{minor}")
        if target is not None:
            yield target
    yield sys.executable


def _mistakes(talk: bytes) -> Iterator[dict[str, Any]]:
    for line in talk.splitlines():
        if line.startswith(b"{"):
            yield json.loads(line)


def _error(mistake: dict[str, Any]) -> ProjectError:
    return ProjectError(mistake["message"], where=f"{mistake['file']}:{mistake['line']}", hint=mistake["hint"])
