"""The OpenAPI document of a project, read from its source by `runtime/cog/schema`.

Read by the image's Python version if this machine has it: a newer one would accept syntax that the image's does
not know, and an older one would refuse what it does. The model is not imported, so none of its packages are
needed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze import bundled
from cogfreeze.errors import ProjectError, ProjectErrors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.local.serve import LocalModel
    from cogfreeze.project.model import Project
    from cogfreeze.report import Report

# Isolated: neither a file of the project nor an environment variable may replace a module that is needed.
_READ = (
    "import sys; sys.path.insert(0, {sdk!r}); from cog.schema.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
_IMPORT = "import sys; from cog.schema.__main__ import main_importing; sys.exit(main_importing(sys.argv[1:]))"
_MISTAKES = 2


def schema_of(folder: Path, project: Project, report: Report | None = None) -> str:
    """Return the OpenAPI document of the project's predictions and training, as canonical JSON text.

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


def imported_schema(model: LocalModel) -> str:
    """Return the OpenAPI document of a project by importing its code in its locked environment.

    This is the last resort for a predictor whose inputs cannot be read from its source.

    Raises:
        ProjectErrors: every mistake in the signatures.
        ProjectError: the code cannot be imported; its traceback is on stderr.
    """
    project = model.project
    references = [project.predict] if project.predict else []
    references += ["--train", project.train] if project.train else []
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "schema.json"
        done = subprocess.run(
            [str(model.environment.python), "-B", "-c", _IMPORT, str(result), *references],
            cwd=model.folder,
            env=model.variables(),
            stdin=subprocess.DEVNULL,
            stdout=2,
            check=False,
        )
        if done.returncode:
            raise ProjectError(
                "the predictor cannot be imported",
                where=project.predict or project.train,
                hint="see its traceback above",
            )
        found = json.loads(result.read_text("utf-8"))
    if "mistakes" in found:
        raise ProjectErrors([_error(mistake) for mistake in found["mistakes"]])
    return str(found["document"])


def _interpreters(version: str) -> Iterator[str]:
    """Yield the image's Python version if it is installed, then ours; the first may be a broken shim."""
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
