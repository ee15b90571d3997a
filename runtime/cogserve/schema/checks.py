"""The checks for a schema's keywords: each gets a value, and raises `Mistake` if it does not fit."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from cogserve.schema.patterns import Deferred, Pattern, mismatch

Place = List[Union[str, int]]
# Gets a value and its place, returns the value to use; raises `Mistake` at the first mistake.
Check = Callable[[Any, Place], Any]

FILE_URL = re.compile(r"(data:|https?://)", re.IGNORECASE)


class Mistake(Exception):
    """A value that does not fit: where it is inside the field, and why it does not fit."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


def anything(value: Any, _place: Place) -> Any:
    return value


def boolean(value: Any, place: Place) -> Any:
    if value is True or value is False:
        return value
    raise Mistake("Input should be a valid boolean", place)


def all_of(checks: List[Check], *, nullable: bool) -> Check:
    if not checks:
        return anything
    if len(checks) == 1 and not nullable:
        return checks[0]

    def check(value: Any, place: Place) -> Any:
        if value is None and nullable:
            return value
        for part in checks:
            value = part(value, place)
        return value

    return check


def any_of(checks: List[Check]) -> Check:
    def check(value: Any, place: Place) -> Any:
        messages = []
        for part in checks:
            try:
                return part(value, place)
            except Mistake as mistake:
                messages.append(mistake.message)
        raise Mistake(" or ".join(dict.fromkeys(messages)), place)

    return check


def enum(choices: List[Any]) -> Check:
    shown = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
    # 1 and true are equal in Python, but not in JSON.
    exact = {(isinstance(choice, bool), choice) for choice in choices if not isinstance(choice, (list, dict))}

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, (list, dict)) or (isinstance(value, bool), value) not in exact:
            raise Mistake(f"Input should be one of {shown}", place)
        return value

    return check


def string(schema: Dict[str, Any], defer: Callable[[Deferred], None]) -> Check:
    """Check a string. A pattern that may take long is handed to `defer`."""
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    pattern = Pattern(schema["pattern"]) if schema.get("pattern") else None
    is_file = schema.get("format") == "uri"

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            raise Mistake("Input should be a valid string", place)
        if is_file and not FILE_URL.match(value):
            raise Mistake("Input should be a data URI, or an http or https URL", place)
        if len(value) < least:
            raise Mistake(f"String should have at least {_count(least, 'character')}", place)
        if most is not None and len(value) > most:
            raise Mistake(f"String should have at most {_count(most, 'character')}", place)
        if pattern is not None and not pattern.is_quick(value):
            defer(Deferred(pattern.source, value, list(place)))
        elif pattern is not None and not pattern.search(value):
            raise Mistake(mismatch(pattern.source), place)
        return value

    return check


def number(schema: Dict[str, Any], *, whole: bool) -> Check:
    least, most = schema.get("minimum"), schema.get("maximum")

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Mistake(f"Input should be a valid {'integer' if whole else 'number'}", place)
        if whole and isinstance(value, float):
            if not value.is_integer():
                raise Mistake("Input should be a valid integer, got a number with a fractional part", place)
            value = int(value)
        if least is not None and value < least:
            raise Mistake(f"Input should be greater than or equal to {least}", place)
        if most is not None and value > most:
            raise Mistake(f"Input should be less than or equal to {most}", place)
        return value

    return check


def array(schema: Dict[str, Any], item: Check) -> Check:
    least, most = schema.get("minItems", 0), schema.get("maxItems")

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            raise Mistake("Input should be a valid list", place)
        if len(value) < least:
            raise Mistake(f"List should have at least {_count(least, 'item')}", place)
        if most is not None and len(value) > most:
            raise Mistake(f"List should have at most {_count(most, 'item')}", place)
        used = [item(part, [*place, index]) for index, part in enumerate(value)]
        return value if all(one is other for one, other in zip(used, value)) else used

    return check


def object_of(properties: Dict[str, Check], required: Tuple[str, ...], more: Optional[Check]) -> Check:
    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise Mistake("Input should be a valid object", place)
        for name in required:
            if name not in value:
                raise Mistake("Field required", [*place, name])
        if not properties and more is None:
            return value  # no rules for what is in it
        used = dict(value)
        for name, part in value.items():
            one = properties.get(name, more)
            if one is not None:
                used[name] = one(part, [*place, name])
        return value if all(used[name] is part for name, part in value.items()) else used

    return check


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
