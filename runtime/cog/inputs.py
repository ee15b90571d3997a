"""`Input(...)`: what a predictor says of one of its inputs, beyond the type."""

from __future__ import annotations

from typing import Any, List, Optional, Union

Number = Union[int, float]


class _NotGiven:
    """Tells `Input()` from `Input(default=None)`: the first is required, the second optional."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Any = _NotGiven()


class FieldInfo:
    """What `Input(...)` was told. Read-only by convention; the worker and the server act on it."""

    __slots__ = (
        "accept",
        "choices",
        "default",
        "deprecated",
        "description",
        "ge",
        "le",
        "max_length",
        "min_length",
        "regex",
    )

    def __init__(
        self,
        *,
        default: Any = NOT_GIVEN,
        description: Optional[str] = None,
        ge: Optional[Number] = None,
        le: Optional[Number] = None,
        min_length: Optional[int] = None,
        max_length: Optional[int] = None,
        regex: Optional[str] = None,
        choices: Optional[List[Any]] = None,
        deprecated: Optional[bool] = None,
        accept: Optional[str] = None,
    ) -> None:
        self.default = default
        self.description = description
        self.ge = ge
        self.le = le
        self.min_length = min_length
        self.max_length = max_length
        self.regex = regex
        self.choices = choices
        self.deprecated = deprecated
        self.accept = accept

    def __repr__(self) -> str:
        told = ((name, getattr(self, name)) for name in self.__slots__)
        return "FieldInfo({})".format(", ".join(f"{name}={value!r}" for name, value in told if value is not None))


def Input(  # noqa: N802  # the name that Cog gave it
    default: Any = NOT_GIVEN,
    *,
    default_factory: Any = None,
    description: Optional[str] = None,
    ge: Optional[Number] = None,
    le: Optional[Number] = None,
    min_length: Optional[int] = None,
    max_length: Optional[int] = None,
    regex: Optional[str] = None,
    choices: Optional[List[Any]] = None,
    deprecated: Optional[bool] = None,
    accept: Optional[str] = None,
) -> Any:
    """Describe one input; written as the default of a parameter.

    >>> def predict(steps: int = Input(description="how many", default=20, ge=1, le=50)) -> str: ...

    Args:
        default: the value where the request has none. Without it the input is required; None makes it optional.
            A list or dict is copied for each prediction.
        description: shown to those who use the model.
        ge, le: least and greatest number.
        min_length, max_length: of a string.
        regex: what a string must contain; anchor it to mean the whole.
        choices: the only values allowed; strings or numbers.
        deprecated: marks the input so in the schema.
        accept: for files, what a browser's file dialog should offer: `image/*`.

    Raises:
        TypeError: `default_factory` was given; the schema needs to know the default.
    """
    if default_factory is not None:
        raise TypeError("Input() takes no `default_factory`: give `default`, which is copied for each prediction")
    return FieldInfo(
        default=default,
        description=description,
        ge=ge,
        le=le,
        min_length=min_length,
        max_length=max_length,
        regex=regex,
        choices=None if choices is None else list(choices),
        deprecated=deprecated,
        accept=accept,
    )
