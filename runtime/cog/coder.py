"""Types of your own as inputs and outputs: a coder turns them into JSON objects and back.

>>> class PointCoder(Coder):
...     @staticmethod
...     def factory(type_):
...         return PointCoder() if type_ is Point else None
...     def encode(self, value):
...         return {"x": value.x, "y": value.y}
...     def decode(self, value):
...         return Point(value["x"], value["y"])
>>> Coder.register(PointCoder)

Annotate such an input or output `Annotated[Point, Opaque]`: the schema cannot know more than that it is an object.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Type


class Coder:
    """Converts values of one type, or of several."""

    _registered: List[Type[Coder]] = []  # noqa: RUF012  # one list for all coders

    @staticmethod
    def register(coder: Type[Coder]) -> None:
        """Use a coder from now on; the one registered last is asked first."""
        if coder not in Coder._registered:
            Coder._registered.insert(0, coder)

    @staticmethod
    def lookup(type_: Any) -> Optional[Coder]:
        """Return a coder for a type, or None."""
        for coder in Coder._registered:
            made = coder.factory(type_)
            if made is not None:
                return made
        return None

    @staticmethod
    def factory(type_: Any) -> Optional[Coder]:
        """Return a coder if this class converts the type, else None."""
        raise NotImplementedError

    def encode(self, value: Any) -> Dict[str, Any]:
        """Return a value as a JSON object; it may contain files and whatever else an output may."""
        raise NotImplementedError

    def decode(self, value: Dict[str, Any]) -> Any:
        """Return the value of a JSON object."""
        raise NotImplementedError
