"""`BaseModel`: an output (or input) with several named fields."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Union

if sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:

    def dataclass_transform() -> Callable[[type], type]:
        """Tell type checkers nothing: this Python has no way to."""
        return lambda cls: cls


@dataclass_transform()
class BaseModel:
    """Subclasses become dataclasses automatically.

    >>> class Output(BaseModel):
    ...     text: str
    ...     score: Optional[float]
    >>> Output(text="a")
    Output(text='a', score=None)

    An Optional field without a default is None. A mutable default, such as a list or dict, is copied for each
    instance. A field without a default may follow one with a default.

    Options of `dataclasses.dataclass` are given in the class statement: `class Output(BaseModel, frozen=True)`.
    `auto_dataclass=False` disables all of this, for a subclass that you decorate yourself; its own subclasses must
    say so too.

    Raises:
        TypeError: the first base class is not a BaseModel.
        ValueError: a class with `auto_dataclass=False` derives from one without it, or the other way round.
    """

    if TYPE_CHECKING and sys.version_info < (3, 11):  # where a type checker cannot know the fields

        def __init__(self, *values: Any, **named: Any) -> None: ...

    def __init_subclass__(cls, auto_dataclass: bool = True, **options: Any) -> None:
        super().__init_subclass__()
        first = cls.__bases__[0]
        if not issubclass(first, BaseModel):
            raise TypeError(f"the first base class of {cls.__name__} must be a BaseModel, not {first.__name__}")
        if first is not BaseModel and first.__dict__["_cog_auto_dataclass"] != auto_dataclass:
            raise ValueError(
                f"{cls.__name__} and its base class {first.__name__} must have the same auto_dataclass: "
                "one cannot inherit the other's fields"
            )
        cls._cog_auto_dataclass = auto_dataclass  # type: ignore[attr-defined]
        if auto_dataclass:
            _set_defaults(cls)
            _make_dataclass(cls, options)


def _set_defaults(cls: type) -> None:
    """Give Optional fields the default None, and replace mutable defaults by copies."""
    from copy import deepcopy
    from dataclasses import Field, field

    for name, annotation in _annotations(cls).items():
        if name not in cls.__dict__:
            if _allows_none(annotation, vars(sys.modules.get(cls.__module__, sys))):
                setattr(cls, name, None)
            continue
        default = cls.__dict__[name]
        if not isinstance(default, Field) and type(default).__hash__ is None:
            setattr(cls, name, field(default_factory=lambda default=default: deepcopy(default)))  # type: ignore[misc]


def _annotations(cls: type) -> Dict[str, Any]:
    if sys.version_info >= (3, 14):
        from importlib import import_module

        annotationlib = import_module("annotationlib")
        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return vars(cls).get("__annotations__", {})


def _allows_none(annotation: Any, scope: Dict[str, Any]) -> bool:
    """Return whether an annotation, evaluated or not, is a union with None."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(text, str):
        return type(None) in getattr(annotation, "__args__", ()) and _is_union(annotation)
    try:
        return _allows_none(eval(text, dict(scope)), {})  # noqa: S307  # an annotation of the model's own code
    except Exception:  # noqa: BLE001  # not defined yet, a local name, or a newer spelling than this Python's
        return _spells_none(ast.parse(text.strip(), mode="eval").body)


def _is_union(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is Union or type(annotation).__name__ == "UnionType"


def _spells_none(node: ast.AST) -> bool:
    """Return whether an annotation is written as `Optional[…]`, `… | None` or `Union[…, None]`."""
    if isinstance(node, ast.BinOp):
        return _spells_none(node.left) or _spells_none(node.right)
    if isinstance(node, ast.Subscript):
        name = getattr(node.value, "attr", getattr(node.value, "id", ""))
        inner: Any = getattr(node.slice, "value", node.slice) if sys.version_info < (3, 9) else node.slice
        return name == "Optional" or (name == "Union" and any(map(_spells_none, getattr(inner, "elts", ()))))
    return isinstance(node, ast.Constant) and node.value is None


def _make_dataclass(cls: type, options: Dict[str, Any]) -> None:
    from dataclasses import dataclass

    defaults = {name: cls.__dict__[name] for name in _annotations(cls) if name in cls.__dict__}
    try:
        dataclass(**options)(cls)
    except TypeError as error:
        if "non-default argument" not in str(error):
            raise
        for name, default in defaults.items():  # dataclass() has removed some
            setattr(cls, name, default)
        # A required field follows one with a default, which dataclasses refuse.
        dataclass(**{**options, "init": False})(cls)
        cls.__init__ = _initialize  # type: ignore[misc]


def _initialize(self: Any, *values: Any, **named: Any) -> None:
    """The `__init__` of a model in which a required field follows one with a default."""
    from dataclasses import MISSING, fields

    mine = [each for each in fields(self) if each.init]
    if len(values) > len(mine):
        raise TypeError(f"{type(self).__name__} has {len(mine)} fields, but {len(values)} values were given")
    given = dict(zip([each.name for each in mine], values))
    for name, value in named.items():
        if name in given or name not in {each.name for each in mine}:
            problem = "was given twice" if name in given else "is not a field"
            raise TypeError(f"`{name}` {problem} of {type(self).__name__}")
        given[name] = value
    missing = []
    for each in fields(self):
        if each.name in given:
            value = given[each.name]
        elif each.default is not MISSING:
            value = each.default
        elif each.default_factory is not MISSING:
            value = each.default_factory()
        else:
            missing.append(f"`{each.name}`")
            continue
        object.__setattr__(self, each.name, value)  # works for a frozen class too
    if missing:
        raise TypeError(f"{type(self).__name__} needs a value for {', '.join(missing)}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()
