"""What changed between two locks, in the words of a reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Lock, PlatformLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        kind: `base`, `apt`, `python`, `tool`, `file` or `image`.
        platform: None for what holds for all platforms.
        before, after: versions or digests; None for what was added or removed.
    """

    kind: str
    name: str
    platform: str | None
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.kind} {self.name} {self.after}"
        if self.after is None:
            return f"- {self.kind} {self.name} {self.before}"
        return f"~ {self.kind} {self.name} {self.before} → {self.after}"


def diff(before: Lock | None, after: Lock) -> tuple[Change, ...]:
    """Return the differences, sorted by platform, kind and name; all of `after` where there was no lock."""
    return tuple(_changes(_facts(before) if before else {}, _facts(after)))


_Key = tuple[str, str, str]


def _facts(lock: Lock) -> dict[_Key, tuple[str, str]]:
    """(platform, kind, name) → (what a reader sees, what decides whether it is the same)."""
    facts: dict[_Key, tuple[str, str]] = {
        ("", "tool", "uv"): (lock.tools.uv, ""),
        ("", "tool", "recipe"): (str(lock.tools.recipe), ""),
        ("", "tool", "runtime"): (_short(lock.tools.runtime), lock.tools.runtime),
        ("", "tool", "frontend"): (lock.tools.frontend, ""),
    }
    facts |= {("", "file", file.url): (_short(file.sha256), file.sha256) for file in lock.files}
    for platform in lock.platforms:
        facts |= dict(_platform_facts(platform))
    return facts


def _platform_facts(lock: PlatformLock) -> Iterator[tuple[_Key, tuple[str, str]]]:
    platform, base = lock.platform, lock.base
    seen = f"{base.reference}@{_short(base.digest)}"
    yield (platform, "base", "image"), (seen, f"{base.digest} {base.manifest} {base.packages}")
    if lock.apt:
        yield (platform, "apt", "snapshot"), (lock.apt.snapshot, "")
        for deb in lock.apt.packages:
            yield (platform, "apt", f"{deb.name}:{deb.architecture}"), (deb.version, deb.sha256)
    if sdk := lock.python.sdk:
        yield (platform, "tool", "sdk"), (sdk.version, sdk.sha256)
    if interpreter := lock.python.interpreter:
        yield (platform, "python", "interpreter"), (interpreter.release, interpreter.sha256)
    for wheel in lock.python.wheels:
        yield (platform, "python", wheel.name), (wheel.version, wheel.sha256)
    for source in lock.python.sources:
        yield (platform, "python", source.name), (source.version, source.sha256)
    for wheel in lock.python.build:
        yield (platform, "python", f"{wheel.name} (build)"), (wheel.version, wheel.sha256)
    if lock.image:
        yield (platform, "image", "record"), (_short(lock.image.digest), str(lock.image))


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _changes(before: dict[_Key, tuple[str, str]], after: dict[_Key, tuple[str, str]]) -> Iterator[Change]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        platform, kind, name = key
        # The same version by another hash is the change that a reviewer must not miss.
        suffix = " (other bytes)" if old and new and old[0] == new[0] else ""
        yield Change(
            kind=kind,
            name=name,
            platform=platform or None,
            before=old[0] if old else None,
            after=new[0] + suffix if new else None,
        )
