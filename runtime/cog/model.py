"""`BaseModel`: an output (or input) of several named fields."""

from __future__ import annotations

from typing import Any


class BaseModel:
    """Its subclasses are dataclasses without saying so.

    >>> class Output(BaseModel):
    ...     text: str
    ...     score: float = 0.0
    >>> Output(text="a")
    Output(text='a', score=0.0)

    Fields without a default may follow ones with: then all are given by name (Python 3.10 and newer).
    `class Output(BaseModel, auto_dataclass=False)` leaves the subclass alone, for one that is decorated itself.
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
