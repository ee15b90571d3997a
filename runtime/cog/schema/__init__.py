"""The OpenAPI document of a predictor, read from its source.

The model's code is parsed, never imported, so this needs none of its dependencies and takes a fraction of a
second. The way of the data, and the order to read the files in:

    source       files and names; constants: the values of expressions
    annotations  types as written → kinds
    signature    a reference → Signature, with each of its inputs
    document     Signature → OpenAPI; paths: the part that is the same for every model
"""

from __future__ import annotations

from typing import Optional

from cog.schema.document import document, text
from cog.schema.mistakes import Mistake, SourceMistakes
from cog.schema.signature import Reader
from cog.schema.source import Sources

__all__ = ["Mistake", "SourceMistakes", "read"]


def read(folder: str, predict: Optional[str] = None, train: Optional[str] = None) -> str:
    """Return the OpenAPI document of a project, as canonical JSON text.

    Args:
        folder: where the project's files lie.
        predict: `file.py:Name` of what predicts, relative to the folder.
        train: the same of what trains.

    Raises:
        SourceMistakes: all that is wrong with both.
    """
    reader = Reader(Sources(folder))
    predicting = reader.read(predict, "predict") if predict else None
    training = reader.read(train, "train") if train else None
    if reader.mistakes:
        raise SourceMistakes(reader.mistakes)
    return text(document(predicting, training))
