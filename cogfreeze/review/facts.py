"""What a lock says besides its packages: base image, Python, CUDA and its driver, archive, tools, record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.catalog import cuda_images, drivers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogfreeze.lock.model import PlatformLock, Tools

_CUDA_INDEX = re.compile(r"pytorch-cu(\d{2})(\d)")

_SNAPSHOT = "archive snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that changed; None where it wasn't there.

    Attributes:
        note: what it means, a few words; empty where the values say it.
    """

    name: str
    before: str | None
    after: str | None
    note: str = ""


def cuda_of(lock: PlatformLock) -> str | None:
    """Return the CUDA that the image has, `12.8`, by its base image or by the torch index of its wheels."""
    if cuda := cuda_images.cuda_of(lock.base.reference):
        return cuda
    found = {match.groups() for wheel in lock.python.wheels if (match := _CUDA_INDEX.fullmatch(wheel.index))}
    return ".".join(max(found)) if found else None


def platform_facts(before: PlatformLock | None, after: PlatformLock | None) -> tuple[Fact, ...]:
    """Return what differs, in the order in which it is shown."""
    was, now = _of_platform(before), _of_platform(after)
    notes = {}
    if not (before and after):
        return _changed(_in_short(was), _in_short(now))
    if not (before.apt and after.apt):
        was, now = _without_archives(was), _without_archives(now)
    if before.base.digest != after.base.digest:
        if before.base.reference == after.base.reference:
            notes["base image digest"] = "the tag names another image now"
        for facts in (was, now):  # they follow from the digest
            facts.pop("base image manifest", None)
            facts.pop("base image's package list", None)
    return _changed(was, now, notes)


def _in_short(facts: dict[str, str]) -> dict[str, str]:
    """What is said of a platform that came or went."""
    shown = ("base image", "base image digest", "Python", "CUDA", "NVIDIA driver", _SNAPSHOT)
    return {name: value for name, value in facts.items() if name in shown}


def _without_archives(facts: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in facts.items()
        if name == _SNAPSHOT or not name.startswith(("archive ", "signing keys"))
    }


def tool_facts(before: Tools | None, after: Tools) -> tuple[Fact, ...]:
    """Return the tools that differ."""
    notes = {
        "recipe": "every layer is rebuilt",
        "runtime": "the server's code in the image",
    }
    return _changed(_of_tools(before), _of_tools(after), notes=notes)


def _changed(
    was: Mapping[str, str], now: Mapping[str, str], notes: Mapping[str, str] | None = None
) -> tuple[Fact, ...]:
    return tuple(
        Fact(name=name, before=was.get(name), after=now.get(name), note=(notes or {}).get(name, ""))
        for name in dict.fromkeys((*now, *was))
        if was.get(name) != now.get(name)
    )


def _of_platform(lock: PlatformLock | None) -> dict[str, str]:
    if lock is None:
        return {}
    base = lock.base
    found = {
        "base image": base.reference,
        "base image digest": short(base.digest),
        "base image manifest": short(base.manifest or ""),
        "base image's package list": short(base.packages or ""),
        "distribution": base.distribution,
        "not confirmed by a registry": ", ".join(base.unconfirmed),
        "Python": lock.python.version,
        "interpreter": lock.python.interpreter.release if lock.python.interpreter else "",
    }
    if cuda := cuda_of(lock):
        found["CUDA"] = cuda
        found["NVIDIA driver"] = f"{floor} or newer" if (floor := drivers.driver_floor(cuda)) else ""
    if lock.apt:
        found[_SNAPSHOT] = snapshot(lock.apt.snapshot)
        for suite in lock.apt.suites:
            found[f"archive {suite.archive} {suite.suite}"] = " ".join(suite.components)
            found[f"signing keys of {suite.archive} {suite.suite}"] = ", ".join(
                each[-16:] for each in suite.signers
            )
    if lock.image:
        found["recorded image"] = short(lock.image.digest)
    return {name: value for name, value in found.items() if value}


def _of_tools(tools: Tools | None) -> dict[str, str]:
    if tools is None:
        return {}
    name, _, digest = tools.frontend.partition("@")
    return {
        "cogfreeze": tools.cogfreeze,
        "uv": tools.uv,
        "recipe": str(tools.recipe),
        "runtime": short(tools.runtime),
        "Dockerfile frontend": f"{name}@{short(digest)}",
    }


def short(digest: str) -> str:
    """Return the first digits of a digest: enough to compare by eye."""
    return digest.removeprefix("sha256:")[:12]


def snapshot(date: str) -> str:
    """Return a snapshot's date as people write it: `2026-11-25`, with the time unless it is midnight."""
    day = f"{date[:4]}-{date[4:6]}-{date[6:8]}"
    return day if date[8:] == "T000000Z" else f"{day} {date[9:11]}:{date[11:13]} UTC"
