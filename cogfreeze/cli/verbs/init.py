"""`cog init`: the files that a project starts with. Existing files are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli.terminal import TerminalReport

if TYPE_CHECKING:
    import argparse

    from cogfreeze.report import Report

_PREDICT_PY = '''\
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        """Load the model. Runs once, before the first request."""
        self.greeting = "Hello"

    def predict(
        self,
        name: str = Input(description="Whom to greet", default="world"),
        times: int = Input(description="How often", ge=1, le=10, default=1),
    ) -> str:
        """Answer one request."""
        return " ".join([f"{self.greeting}, {name}!"] * times)
'''

_REQUIREMENTS_TXT = """\
# Python packages, one on each line:
# torch==2.9.0
"""

_DOCKERIGNORE = """\
# What stays out of the image.
.git
.cog
.venv
.env
__pycache__
*.pyc
.pytest_cache
.mypy_cache
.ruff_cache
.DS_Store
"""

EXAMPLES = ("cog init                 # writes cog.yaml, predict.py, requirements.txt",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Writes cog.yaml, predict.py, requirements.txt and .dockerignore. Existing files\n"
        "are kept; cog.yaml names the predictor of an existing predict.py or run.py.\n"
        "In a git repository it also sets up how cog.lock is merged and shown, like\n"
        "`cog init --git`."
    )
    parser.add_argument(
        "--git",
        action="store_true",
        help="only set up git to merge and show cog.lock; once in every clone",
    )


def run(arguments: argparse.Namespace) -> int:
    from cogfreeze.cli import git
    from cogfreeze.project.cog_yaml import FILE
    from cogfreeze.project.reference import sample

    report, folder = TerminalReport(), Path.cwd()
    if arguments.git:
        git.register(folder)
        return 0
    if (folder / FILE).exists():
        report.note(f"`{FILE}` exists already: nothing written")
        return 0
    found = _existing_predictor(folder)
    texts = {FILE: sample(found or "predict.py:Predictor")}
    if found is None:
        texts["predict.py"] = _PREDICT_PY
    else:
        report.note(f"found the predictor `{found}`")
    texts |= {"requirements.txt": _REQUIREMENTS_TXT, ".dockerignore": _DOCKERIGNORE}
    written = [name for name, text in texts.items() if _write(folder / name, text, report)]
    if found is None and "predict.py" not in written:
        hint = f"write one, and set `predict` in `{FILE}`"
        report.warn("`predict.py` has no class with a method `predict`", hint=hint)
    if git.is_repository(folder):
        git.register(folder)
    ours = "predict.py" in written
    report.note("next: `cog lock`, then `cog predict --local -i name=you`" if ours else "next: `cog lock`")
    return 0


def _existing_predictor(folder: Path) -> str | None:
    """Return the predictor that the folder already has, as `file.py:Name`."""
    from cogfreeze.grammar import PREDICTOR
    from cogfreeze.project.predictor import found_in

    for file in ("predict.py", "run.py"):
        reference = f"{file}:{found_in(folder / file) or ''}"
        if PREDICTOR.accepts(reference):
            return reference
    return None


def _write(path: Path, text: str, report: Report) -> bool:
    """Write a file if it does not exist, and report which."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        report.note(f"kept `{path.name}`, which exists already")
        return False
    report.note(f"wrote `{path.name}`")
    return True
