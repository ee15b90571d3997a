"""The OpenAPI document of a predictor, read from its source.

The model's code is parsed, not imported, so this needs none of its packages and takes a fraction of a second.
Read the files in the order in which the data flows:

    source       files and names; constants: the values of expressions
    annotations  type annotations → kinds
    signature    a reference → Signature, with each of its inputs
    offered      names that `cog` does not have; decorators: `@cog.input` of 2021
    document     Signature → OpenAPI; paths: the part that is the same for every model
"""

from __future__ import annotations

from typing import List, Optional

from cog.schema.document import document, text
from cog.schema.mistakes import Mistake, SourceMistakes
from cog.schema.signature import Reader
from cog.schema.source import Sources

__all__ = ["Mistake", "SourceMistakes", "read"]


def read(
    folder: str,
    predict: Optional[str] = None,
    train: Optional[str] = None,
    warnings: Optional[List[Mistake]] = None,
) -> str:
    """Return the OpenAPI document of a project, as canonical JSON text.

    Args:
        folder: the project's folder.
        predict: the predictor as `file.py:Name`, relative to the folder.
        train: the trainer, in the same form.
        warnings: the list to add warnings to.

    Raises:
        SourceMistakes: every mistake in both.
    """
    reader = Reader(Sources(folder))
    predicting = reader.read(predict, "predict") if predict else None
    training = reader.read(train, "train") if train else None
    if reader.mistakes:
        raise SourceMistakes(reader.mistakes)
    if warnings is not None:
        warnings += reader.warnings
    return text(document(predicting, training))
