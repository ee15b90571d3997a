"""Build secrets: `--secret id=NAME,src=FILE` or `--secret id=NAME,env=VARIABLE`, as in buildx.

We check them first, because buildx's error comes late and names neither the command nor the fix.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.errors import UsageError
from cogfreeze.recipe import layout
from cogfreeze.recipe.model import Run, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cogfreeze.recipe.model import Recipe

_FORM = "write `--secret id=NAME,src=FILE` or `--secret id=NAME,env=VARIABLE`"
_KEYS = {"type", "id", "src", "source", "env"}


def check(recipe: Recipe, given: Iterable[str]) -> None:
    """Check that every secret is readable and that none is missing. Errors never show a value.

    Raises:
        UsageError
    """
    known = {_checked(secret) for secret in given}
    for run in (step for stage in recipe.stages for step in stage.steps if isinstance(step, Run)):
        for mount in run.mounts:
            if isinstance(mount, Secret) and mount.required and mount.id not in known:
                raise UsageError(
                    f"the command `{run.comment}` needs the secret `{mount.id}`",
                    hint=f"pass it: `--secret id={mount.id},src=FILE`, or `env=VARIABLE` in place of the file",
                )


def refuse_in_image(given: Iterable[str], project: Path, context: Path) -> None:
    """Refuse a secret whose file would be in the image, because it is in the project's folder.

    Args:
        context: the build context as written.

    Raises:
        UsageError
    """
    for secret in given:
        parts = _parts(secret)
        source = parts.get("src") or parts.get("source")
        for path in {Path(os.path.abspath(source)), Path(source).resolve()} if source else ():  # noqa: PTH100
            if not path.is_relative_to(project.resolve()):
                continue
            relative = path.relative_to(project.resolve())
            if any((context / part / relative).exists() for part in (layout.CODE, layout.WEIGHTS)):
                raise UsageError(
                    f"the file of the secret `{parts.get('id', '')}` is in the project's folder, and would be"
                    f" part of the image: `{relative}`",
                    hint="add it to `.dockerignore`, or keep it elsewhere",
                )


def _parts(secret: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in secret.split(","))


def _checked(secret: str) -> str:
    """Return a secret's id."""
    parts = _parts(secret)
    name = parts.get("id", "")
    if set(parts) - _KEYS or not grammar.SECRET_ID.accepts(name):
        raise UsageError("a `--secret` has the wrong form", hint=_FORM)
    source, variable = parts.get("src") or parts.get("source"), parts.get("env")
    if bool(source) == bool(variable):
        raise UsageError(f"the secret `{name}` needs either `src` or `env`", hint=_FORM)
    if source and not Path(source).is_file():
        raise UsageError(f"the file of the secret `{name}` does not exist: `{source}`", hint="check the path")
    if variable and variable not in os.environ:
        raise UsageError(f"the variable of the secret `{name}` is not set: `{variable}`", hint="export it first")
    return name
