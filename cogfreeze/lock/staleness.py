"""Whether a lock still says what the declaration asks for, and if not, why. Pure, offline, quick."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.inputs import Inputs
    from cogfreeze.lock.model import InputValue, Lock


_SHOWN = 10
# A line may have dozens, of which nobody reads one.
_HASHES = re.compile(r"(?:\s+--hash[=\s]\s*[a-z0-9]+:[0-9a-fA-F]+)+")


def changed_inputs(lock: Lock, inputs: Inputs) -> tuple[str, ...]:
    """Return the key paths whose values differ, sorted."""
    was, now = dict(lock.inputs), dict(inputs)
    return tuple(sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key)))


def reasons(lock: Lock, inputs: Inputs) -> tuple[str, ...]:
    """Return one sentence for each key that changed; empty for a current lock."""
    was, now = dict(lock.inputs), dict(inputs)
    return tuple(_reason(key, was.get(key), now.get(key)) for key in changed_inputs(lock, inputs))


def runtime_reasons(lock: Lock, *, recipe: int, runtime: str) -> tuple[str, ...]:
    """Return why this release of cogfreeze would not build what the lock was made for.

    The image holds our own runtime and is made by our own recipe; another release's give other bytes.
    """
    found = []
    if lock.tools.recipe != recipe:
        found.append(f"it was made for recipe {lock.tools.recipe}, this cogfreeze has recipe {recipe}")
    if lock.tools.runtime != runtime:
        found.append(f"it was made with the runtime of cogfreeze {lock.tools.cogfreeze}, this one has another")
    return tuple(found)


def _reason(key: str, was: InputValue | None, now: InputValue | None) -> str:
    if isinstance(was, tuple) or isinstance(now, tuple):
        return f"`{key}`: " + ", ".join(_list_changes(_words(was), _words(now)))
    if was is None:
        return f"`{key}` is new: `{_word(now)}`"
    if now is None:
        return f"`{key}` is gone, was `{_word(was)}`"
    return f"`{key}` was `{_word(was)}`, is `{_word(now)}`"


def _words(value: InputValue | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (_word(value),)


def _word(value: InputValue | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list_changes(was: tuple[str, ...], now: tuple[str, ...]) -> Iterator[str]:
    added = [_without_hashes(word) for word in now if word not in was]
    removed = [_without_hashes(word) for word in was if word not in now]
    found = [f"`{word}` has other hashes" for word in added if word in removed]
    found += [f"`{word}` is new" for word in added if word not in removed]
    found += [f"`{word}` is gone" for word in removed if word not in added]
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"
    if not found:
        yield "the order changed"


def _without_hashes(line: str) -> str:
    return _HASHES.sub("", line)
