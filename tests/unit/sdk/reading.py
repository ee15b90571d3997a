"""Reads a predictor's source as the tests write it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from cog.schema import Mistake, SourceMistakes, read

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
import enum
from dataclasses import dataclass, field
from typing import *
import cog
from cog import *
"""


def document(folder: Path, source: str, *, predict: str = "predict.py:predict", train: str | None = None) -> Any:
    """The document of a file that begins with IMPORTS."""
    (folder / "predict.py").write_text(IMPORTS + textwrap.dedent(source))
    return json.loads(read(str(folder), predict, train))


def inputs(folder: Path, parameters: str, before: str = "") -> dict[str, Any]:
    """The schemas of a function's inputs, by name."""
    described = document(folder, f"{textwrap.dedent(before)}\ndef predict({parameters}) -> str: ...\n")
    properties: dict[str, Any] = described["components"]["schemas"]["Input"].get("properties", {})
    return properties


def output(folder: Path, annotation: str, before: str = "") -> dict[str, Any]:
    """The schema of a function's output."""
    described = document(folder, f"{textwrap.dedent(before)}\ndef predict() -> {annotation}: ...\n")
    schema: dict[str, Any] = described["components"]["schemas"]["Output"]
    return schema


def mistakes(folder: Path, source: str, predict: str = "predict.py:predict") -> list[Mistake]:
    """What is wrong with a file that begins with IMPORTS; lines are counted without those."""
    with pytest.raises(SourceMistakes) as raised:
        document(folder, source, predict=predict)
    above = IMPORTS.count("\n")
    return [mistake._replace(line=mistake.line - above) for mistake in raised.value.mistakes]
