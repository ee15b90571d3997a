"""Merging two locks that began as one: what each side changed, where the sides don't contradict each other.

It works on records and not on lines, so two branches that each add a package merge even where their lines meet.
Nothing is resolved and nothing is asked: where both sides changed one thing in different ways, that is a conflict.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from cogfreeze.lock.consistency import problems
from cogfreeze.lock.model import Apt, Lock, PlatformLock, Python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cogfreeze.lock.model import Deb, InputValue, LockedFile, Source, Wheel

    Requirable = Deb | Wheel | Source

Value = TypeVar("Value")
Member = TypeVar("Member", bound="Requirable")


class Conflict(Exception):
    """Both sides changed the same thing in different ways; `things` names each."""

    def __init__(self, things: Iterable[str]) -> None:
        self.things = tuple(things)
        super().__init__(", ".join(self.things))


def merge(base: Lock | None, ours: Lock, theirs: Lock) -> Lock:
    """Return both sides' changes in one lock.

    Args:
        base: what both began from; None where each side made its own.

    Raises:
        Conflict: they contradict each other.
    """
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    conflicts: list[str] = []
    merged = Lock(
        schema=max(ours.schema, theirs.schema),
        source_date_epoch=_one(
            "source_date_epoch", *_three(base, ours, theirs, lambda lock: lock.source_date_epoch), conflicts
        ),
        tools=_one("tools", *_three(base, ours, theirs, lambda lock: lock.tools), conflicts),
        inputs=_inputs(*_three(base, ours, theirs, lambda lock: dict(lock.inputs)), conflicts),
        files=_files(*_three(base, ours, theirs, lambda lock: lock.files), conflicts),
        platforms=_platforms(base, ours, theirs, conflicts),
    )
    conflicts += [f"{'.'.join(place)} {words}" for place, words in problems(merged)]
    if conflicts:
        raise Conflict(dict.fromkeys(conflicts))
    return _with_record(merged, ours, theirs)


def _three(
    base: Lock | None, ours: Lock, theirs: Lock, take: Callable[[Lock], Value]
) -> tuple[Value | None, Value, Value]:
    return take(base) if base else None, take(ours), take(theirs)


def _one(what: str, base: Value | None, ours: Value, theirs: Value, conflicts: list[str]) -> Value:
    """The side that changed; where both did, they have to agree."""
    if theirs in (ours, base):
        return ours
    if ours != base:
        conflicts.append(what)
    return theirs


def _inputs(
    base: dict[str, InputValue] | None,
    ours: dict[str, InputValue],
    theirs: dict[str, InputValue],
    conflicts: list[str],
) -> tuple[tuple[str, InputValue], ...]:
    base = base or {}
    found: dict[str, InputValue | None] = {}
    for key in base.keys() | ours.keys() | theirs.keys():
        was, one, other = base.get(key), ours.get(key), theirs.get(key)
        lists = [each if isinstance(each, tuple) else () for each in (was, one, other)]
        if all(each is None or isinstance(each, tuple) for each in (was, one, other)) and not _is_ordered(lists):
            found[key] = _set(*lists) or None
        else:
            found[key] = _one(f"inputs.{key}", was, one, other, conflicts)
    return tuple(sorted((key, value) for key, value in found.items() if value is not None))


def _is_ordered(lists: Iterable[tuple[str, ...]]) -> bool:
    """Say whether a list has options, whose order counts."""
    return any(line.startswith("-") for each in lists for line in each)


def _set(base: Iterable[str], ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, ...]:
    was, one, other = set(base), set(ours), set(theirs)
    return tuple(sorted((one & other) | (one - was) | (other - was)))


def _files(
    base: tuple[LockedFile, ...] | None,
    ours: tuple[LockedFile, ...],
    theirs: tuple[LockedFile, ...],
    conflicts: list[str],
) -> tuple[LockedFile, ...]:
    was, one, other = ({each.url: each for each in side or ()} for side in (base, ours, theirs))
    urls = was.keys() | one.keys() | other.keys()
    merged = [_one(url, was.get(url), one.get(url), other.get(url), conflicts) for url in sorted(urls)]
    return tuple(each for each in merged if each is not None)


def _platforms(base: Lock | None, ours: Lock, theirs: Lock, conflicts: list[str]) -> tuple[PlatformLock, ...]:
    names = {each.platform for lock in (base, ours, theirs) if lock for each in lock.platforms}
    found = []
    for name in sorted(names):
        was = base.for_platform(name) if base else None
        one, other = ours.for_platform(name), theirs.for_platform(name)
        if one and other:
            found.append(_platform(was, one, other, conflicts))
        elif kept := _one(name, was, one, other, conflicts):
            found.append(kept)
    return tuple(found)


def _platform(
    base: PlatformLock | None, ours: PlatformLock, theirs: PlatformLock, conflicts: list[str]
) -> PlatformLock:
    at = ours.platform
    return PlatformLock(
        platform=at,
        base=_one(f"{at} base image", base.base if base else None, ours.base, theirs.base, conflicts),
        apt=_apt(at, base.apt if base else None, ours.apt, theirs.apt, conflicts),
        build_apt=_apt(at, base.build_apt if base else None, ours.build_apt, theirs.build_apt, conflicts),
        python=_python(at, base.python if base else None, ours.python, theirs.python, conflicts),
    )


def _apt(at: str, base: Apt | None, ours: Apt | None, theirs: Apt | None, conflicts: list[str]) -> Apt | None:
    if not (ours and theirs):
        return _one(f"{at} system packages", base, ours, theirs, conflicts)
    # Files of two dates can't be fetched from one, so the archive goes as a whole.
    if (ours.snapshot, ours.suites) != (theirs.snapshot, theirs.suites):
        return _one(f"{at} archive snapshot", base, ours, theirs, conflicts)
    members = _members(at, base.packages if base else (), ours.packages, theirs.packages, conflicts)
    return replace(ours, packages=members)


def _python(at: str, base: Python | None, ours: Python, theirs: Python, conflicts: list[str]) -> Python:
    merged: dict[str, Any] = {}
    for field in fields(Python):
        was = getattr(base, field.name) if base else None
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        if isinstance(one, tuple):
            merged[field.name] = _members(at, was or (), one, other, conflicts)
        else:
            merged[field.name] = _one(f"{at} python.{field.name}", was, one, other, conflicts)
    return Python(**merged)


def _members(
    at: str,
    base: tuple[Member, ...],
    ours: tuple[Member, ...],
    theirs: tuple[Member, ...],
    conflicts: list[str],
) -> tuple[Member, ...]:
    """Merge a closure: each package by name, and of each who requires it as a set."""
    was, one, other = ({_key(each): each for each in side} for side in (base, ours, theirs))
    found: dict[tuple[str, str], Member] = {}
    for key in was.keys() | one.keys() | other.keys():
        sides = was.get(key), one.get(key), other.get(key)
        changed = [each for each in sides[1:] if each is not None]
        if len(changed) == 1 and sides[0] is not None and changed[0] == sides[0]:
            continue  # one side removed it, the other left it as it was
        if len(changed) == 1:
            # Removed on one side and changed on the other, or new on one: who still requires it decides below.
            found[key] = changed[0]
            continue
        if not changed:
            continue
        bare_was, bare_one, bare_other = (replace(each, required_by=()) if each else None for each in sides)
        merged = _one(f"{at} {key[0]}", bare_was, bare_one, bare_other, conflicts)
        if merged is not None:
            found[key] = replace(merged, required_by=_required_by(*sides))
    return _reachable(found, {_key(each): each for each in (*base, *ours, *theirs)})


def _key(member: Requirable) -> tuple[str, str]:
    return member.name, getattr(member, "architecture", "")


def _required_by(base: Requirable | None, ours: Requirable | None, theirs: Requirable | None) -> tuple[str, ...]:
    """A declared package has none; that is a fact of its own, and no empty set."""
    was, one, other = (each.required_by if each else None for each in (base, ours, theirs))
    sides = [each for each in (one, other) if each != was and each is not None]
    if () in sides or (not sides and was == ()):
        return ()
    if was == ():
        return sides[-1]
    return _set(was or (), one or (), other or ())


def _reachable(found: dict[tuple[str, str], Member], known: dict[tuple[str, str], Member]) -> tuple[Member, ...]:
    """Drop packages that only dropped ones required, and the dropped ones from who requires what."""
    kept = dict(found)
    while True:
        names = {name for name, _ in kept}
        gone = {
            key for key, each in kept.items() if each.required_by and not any(n in names for n in each.required_by)
        }
        # A name that was never part of this closure (a virtual package) proves nothing.
        gone = {key for key in gone if all(any(name == n for name, _ in known) for n in kept[key].required_by)}
        if not gone:
            break
        for key in gone:
            del kept[key]
    dropped = {name for name, _ in known} - {name for name, _ in kept}
    members = [
        replace(each, required_by=tuple(n for n in each.required_by if n not in dropped)) for each in kept.values()
    ]
    return tuple(sorted(members, key=lambda each: (bool(each.required_by), *_key(each))))


def _with_record(merged: Lock, ours: Lock, theirs: Lock) -> Lock:
    """Keep the record of an image where one side's lock is what came out."""
    for side in (ours, theirs):
        if merged == side.without_records():
            return side
    return merged
