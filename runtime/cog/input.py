"""`Input(...)`: the default, description and limits of one input.

Called as a function, this module is the decorator of 2021: `@cog.input("scale", type=float, default=1.5)`.
"""

from __future__ import annotations

import sys
import types
from typing import Any, Callable, List, Optional, TypeVar, Union

Number = Union[int, float]


class _NotGiven:
    """Distinguishes `Input()`, which is required, from `Input(default=None)`, which is optional."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Any = _NotGiven()


class FieldInfo:
    """The arguments of `Input(...)`. Treat it as read-only."""

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
        fields = ((name, getattr(self, name)) for name in self.__slots__)
        return "FieldInfo({})".format(
            ", ".join(f"{name}={value!r}" for name, value in fields if value is not None)
        )


def Input(  # noqa: N802  # Cog's name
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
    """Describe one input. Write it as the default of a parameter.

    >>> def predict(steps: int = Input(description="how many", default=20, ge=1, le=50)) -> str: ...

    Args:
        default: the value used when the request has none. Without it the input is required; None makes it
        optional.
            A list or dict is copied for each prediction.
        description: shown to users of the model.
        ge, le: the smallest and largest number allowed.
        min_length, max_length: the length limits of a string or list.
        regex: a pattern that must be found in a string; anchor it to match the whole string.
        choices: the only values allowed, strings or numbers.
        deprecated: marks the input as deprecated in the schema.
        accept: for files, the types that a browser's file dialog offers, such as `image/*`.

    Raises:
        TypeError: `default_factory` was given. The schema needs a constant default.
    """
    if default_factory is not None:
        raise TypeError(
            "Input() does not accept `default_factory`: use `default`, which is copied for each prediction"
        )
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


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _declare(
    name: str,
    type: Any,  # noqa: A002  # the names of 2021
    default: Any = NOT_GIVEN,
    min: Optional[Number] = None,  # noqa: A002
    max: Optional[Number] = None,  # noqa: A002
    options: Optional[List[Any]] = None,
    help: Optional[str] = None,  # noqa: A002
) -> Callable[[Decorated], Decorated]:
    """Declare one input of a predictor, as in 2021. Now inputs are parameters with types and `Input(...)`."""

    def declare(function: Decorated) -> Decorated:
        import inspect
        import warnings

        if not hasattr(function, "__cog_inputs__"):
            function.__cog_inputs__ = []  # type: ignore[attr-defined]
            message = "@cog.input is deprecated: declare inputs as parameters, `scale: float = Input(default=1.5)`"
            warnings.warn(message, FutureWarning, stacklevel=2)
        field = Input(default, description=help, ge=min, le=max, choices=options)
        inputs: List[inspect.Parameter] = function.__cog_inputs__  # type: ignore[attr-defined]
        inputs.insert(0, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field, annotation=type))
        itself = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
        # The worker reads this instead of the function's own parameters, which have no types.
        function.__signature__ = inspect.Signature(itself + inputs)  # type: ignore[attr-defined]
        return function

    return declare


class _Module(types.ModuleType):
    def __call__(self, *values: Any, **named: Any) -> Callable[[Decorated], Decorated]:
        return _declare(*values, **named)


sys.modules[__name__].__class__ = _Module
