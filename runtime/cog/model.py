"""`BaseModel`: an output (or input) of several named fields."""

from __future__ import annotations

from typing import Any


class BaseModel:
    """Subclasses become dataclasses automatically.

    >>> class Output(BaseModel):
    ...     text: str
    ...     score: float = 0.0
    >>> Output(text="a")
    Output(text='a', score=0.0)

    A field without a default may follow one with a default; then all fields are keyword-only (Python 3.10 and
    newer). `class Output(BaseModel, auto_dataclass=False)` disables this, for a subclass that you decorate
    yourself.
    """

    def __init_subclass__(cls, auto_dataclass: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not auto_dataclass:
            return
        import sys
        from dataclasses import dataclass

        try:
            dataclass(cls)
        except TypeError:
            if sys.version_info < (3, 10):
                raise
            dataclass(kw_only=True)(cls)
